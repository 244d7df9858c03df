//! From a commit that owes messages to a document that owes none: publish, then clear.
//!
//! Invariant: nothing leaves an outbox before it was published, so a message may go out twice and is never lost. The
//! commit stands whatever happens after it: topics that can't be reached, somebody else's write, our own death. What
//! is left is due in a minute ([`Owes::owe`]), and `sweep` does the same again. So nothing here fails: it says in the
//! log what it leaves.

use crate::{Context, Stored, backoff::BackOff};
use model::{
    document::Owes,
    message::Message,
    port::store::{Change, Field, Precondition, StoreError, Write},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Publishes what a commit owes; whether that succeeded.
pub async fn publish(ctx: &Context, messages: &[Message]) -> bool {
    if messages.is_empty() {
        return true;
    }
    match ctx.publish(messages.to_vec()).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, messages = messages.len(), "committed, but the topics can't be reached; the sweep publishes it within a minute");
            false
        }
    }
}

impl<T: Owes + DeserializeOwned> Stored<T> {
    /// Publishes what the last commit added to the outbox, and clears it, unless the document's own next write does.
    pub async fn hand_on(&mut self, ctx: &Context, messages: &[Message]) {
        if publish(ctx, messages).await {
            self.clear(ctx, messages).await;
        }
    }

    /// The same with everything that the outbox holds: for whoever comes after somebody that died.
    pub async fn hand_on_all(&mut self, ctx: &Context) {
        let owed = self.document.outbox().clone();
        self.hand_on(ctx, &owed).await;
    }

    /// Takes out what was published, by a write of its own. It touches these fields alone, so that it keeps whatever
    /// a later release has added to the document. Where somebody went on meanwhile, it is taken out of what they left.
    pub async fn clear(&mut self, ctx: &Context, published: &[Message]) {
        let mut back_off = BackOff::among_few();
        while let Some(write) = self.clearing(published) {
            match ctx.ports.store.commit(vec![write]).await {
                Ok(versions) => {
                    self.version = versions.first().copied().unwrap_or(self.version);
                    return;
                }
                Err(StoreError::Conflict { .. }) if back_off.again(ctx).await => {}
                Err(error) => {
                    let document = self.path.as_str();
                    tracing::warn!(document, %error, "published, but not cleared; the sweep publishes it once more");
                    return;
                }
            }
            match ctx.read(&self.path).await {
                Ok(Some(newer)) => *self = newer,
                Ok(None) => return,
                Err(error) => {
                    let document = self.path.as_str();
                    tracing::warn!(document, %error, "published, but not cleared; the sweep publishes it once more");
                    return;
                }
            }
        }
    }

    /// The write that clears; none where nothing is left to clear, or the next write does it.
    fn clearing(&mut self, published: &[Message]) -> Option<Write> {
        let before = (self.document.outbox().len(), self.document.next_due());
        self.document.settle(published);
        let after = (self.document.outbox().len(), self.document.next_due());
        if before == after || self.document.goes_on() {
            return None;
        }
        let owed = self.document.outbox();
        let field =
            |name: &str, value: Option<Value>| -> (Field, Option<Value>) { (vec![name.to_owned()], value) };
        let set = vec![
            field("outbox", (!owed.is_empty()).then(|| json!(owed))),
            field("next_due", after.1.map(|due| json!(due))),
        ];
        let change = Change::Patch { set, increment: vec![] };
        Some(Write { path: self.path.clone(), precondition: Precondition::At(self.version), change })
    }
}
