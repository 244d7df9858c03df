//! `GET /api/v1/events`: says that something of a tenant's changed, for pages that list and then look again.
//!
//! Invariant: what changed isn't said: who may see it is for the page to decide, each time.

use super::{
    admit::Permit,
    frame::{encode, retry},
    hub::Hub,
    tenants::Feed,
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use host::{Context, Error, Response};
use model::{Timestamp, port::Ports, time::SECOND_MS};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A change is told this long after it came, together with those that came meanwhile.
const FOLD: Duration = Duration::from_secs(1);
const BEAT_MS: i64 = 15 * SECOND_MS;
const RETRY_MS: u32 = 1_000;

/// One page that waits.
struct Reader {
    ports: Arc<Ports>,
    changes: watch::Receiver<u64>,
    _feed: Arc<Feed>,
    _permit: Permit,
    hub: Arc<Hub>,
    until: Timestamp,
    greeted: bool,
    over: bool,
}

/// Opens a stream.
pub fn open(hub: Arc<Hub>, ctx: &Context) -> Result<Response, Error> {
    let caller = ctx.caller()?;
    let most = ctx.config.settings.streams.get().unsigned_abs();
    let permit = hub.admission().admit(caller, most)?;
    let feed = hub.tenants().join(&ctx.ports, &caller.tenant);
    let reader = Reader {
        ports: Arc::clone(&ctx.ports),
        changes: feed.changes.clone(),
        _feed: feed,
        _permit: permit,
        hub,
        until: ctx.real().plus(super::STREAM_MS),
        greeted: false,
        over: false,
    };
    Ok(Response::stream("text/event-stream", stream::try_unfold(reader, Reader::next).boxed()))
}

impl Reader {
    /// The next bytes; `None` at the end.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.over {
            return Ok(None);
        }
        let bytes = self.bytes().await;
        self.hub.sent(bytes.len());
        Ok(Some((bytes, self)))
    }

    async fn bytes(&mut self) -> Bytes {
        // What came between the page and its stream is told at once.
        if !std::mem::replace(&mut self.greeted, true) {
            self.changes.mark_unchanged();
            return self.changed();
        }
        let left = self.until.since(self.ports.clock.real()).max(0);
        let pause = Duration::from_millis(left.min(BEAT_MS).unsigned_abs());
        tokio::select! {
            changed = self.changes.changed() => {
                if changed.is_err() {
                    return self.cut_short();
                }
                self.ports.clock.sleep(FOLD).await;
                self.changes.mark_unchanged();
                self.changed()
            }
            () = self.ports.clock.sleep(pause) => {
                if left <= BEAT_MS { self.cut_short() } else { Bytes::from_static(b":\n\n") }
            }
        }
    }

    fn changed(&self) -> Bytes {
        encode("changed", &json!({ "at": self.ports.clock.real().rfc3339() }))
    }

    /// It ends before its time; the page comes back.
    fn cut_short(&mut self) -> Bytes {
        let mut buffer = BytesMut::new();
        retry(&mut buffer, RETRY_MS);
        self.over = true;
        buffer.freeze()
    }
}
