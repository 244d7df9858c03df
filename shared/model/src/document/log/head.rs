//! The head of a build's log: how far it has come, in a document, so that the store's watch tells who follows it.
//!
//! Segments are objects, which nobody can watch. The head is written after the segment that it names, so it never
//! names one that isn't there; it may lag behind, and whoever has read that far looks whether there is another. It is
//! written with the first segment of an attempt, then at most once a second and only when the attempt is twice as old
//! as at the time before, and once more at its end: 12 writes in ten minutes, 15 in an hour. Between two of them a
//! reader looks for the next segment by its name ([`Head::is_sparse`] says when).

use super::attempt_of;
use crate::{
    DeploymentId, TenantId, Timestamp,
    document::{SCHEMA, path},
    port::store::Path,
    time::SECOND_MS,
};
use serde::{Deserialize, Serialize};

/// How far a build's log has come: `tenants/{tenant}/logs/{deployment}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Version of this form.
    pub schema: u32,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// The newest segment.
    pub segment: u32,
    /// The newest segments of the attempts before this one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<u32>,
    /// Lines of all attempts so far.
    pub lines: u64,
    /// Bytes of all segments so far.
    pub bytes: u64,
    /// When the attempt's first segment came, in real time.
    pub since: Timestamp,
    /// When this was written, in real time.
    pub at: Timestamp,
    /// Whether the newest segment is the attempt's last.
    pub ended: bool,
}

impl Head {
    /// Of a log whose first segment has just come.
    pub fn new(
        tenant: &TenantId,
        deployment: &DeploymentId,
        segment: u32,
        data: &[u8],
        at: Timestamp,
    ) -> Self {
        let (tenant, deployment) = (tenant.clone(), deployment.clone());
        let empty = Self {
            schema: SCHEMA,
            tenant,
            deployment,
            segment,
            earlier: vec![],
            lines: 0,
            bytes: 0,
            since: at,
            at,
            ended: false,
        };
        empty.counted(data)
    }

    /// After one more segment; one that was counted before changes nothing.
    #[must_use]
    pub fn with(mut self, segment: u32, data: &[u8], at: Timestamp) -> Self {
        if segment <= self.segment {
            return self;
        }
        if attempt_of(segment) > attempt_of(self.segment) {
            self.earlier.push(self.segment);
            (self.since, self.at, self.ended) = (at, at, false);
        }
        self.segment = segment;
        self.counted(data)
    }

    fn counted(mut self, data: &[u8]) -> Self {
        let last = |line: super::Line| line.is_end();
        self.lines += data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
        self.bytes += data.len() as u64;
        let tail = data.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        self.ended = serde_json::from_slice(tail).is_ok_and(last);
        self
    }

    /// How long after this head the next one is written at the earliest, unless the log ends.
    pub fn pause_ms(&self) -> i64 {
        self.at.since(self.since).max(SECOND_MS)
    }

    /// Whether segments come sooner than heads, so that who follows looks for them too.
    pub fn is_sparse(&self) -> bool {
        !self.ended && self.pause_ms() > SECOND_MS
    }
}

/// Where the head of a deployment's log is kept.
pub fn head_path(tenant: &TenantId, deployment: &DeploymentId) -> Path {
    path(tenant, "logs", deployment.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR_MS, MINUTE_MS};

    const LINE: &[u8] = b"{\"t\":1,\"s\":\"out\",\"l\":\"one\"}\n";
    const END: &[u8] = b"{\"t\":1,\"s\":\"out\",\"l\":\"one\"}\n{\"t\":2,\"s\":\"end\",\"l\":\"built\"}\n";

    fn begun(at: Timestamp) -> Head {
        Head::new(&TenantId::new("acme").unwrap(), &DeploymentId::new("dep_1").unwrap(), 0, LINE, at)
    }

    /// Heads that are written of a build that writes a segment a second for so long.
    fn written(length_ms: i64) -> usize {
        let mut head = begun(Timestamp(0));
        let mut count = 1;
        for second in 1..=length_ms / SECOND_MS {
            let now = Timestamp(second * SECOND_MS);
            let data = if now.0 >= length_ms { END } else { LINE };
            let due = head.at.plus(head.pause_ms());
            head = head.with(second as u32, data, now);
            if now >= due || head.ended {
                head.at = now;
                count += 1;
            }
        }
        assert!(head.ended);
        count
    }

    #[test]
    fn heads_get_rarer_as_a_log_grows_old() {
        let counts: Vec<usize> = [2 * SECOND_MS, 10 * SECOND_MS, 10 * MINUTE_MS, HOUR_MS].map(written).into();
        assert_eq!(counts, [3, 6, 12, 14]);
    }

    #[test]
    fn segments_are_counted_once_over_all_attempts() {
        let head = begun(Timestamp(5)).with(1, END, Timestamp(1_005));
        assert_eq!((head.segment, head.lines, head.ended), (1, 3, true));
        assert_eq!(head.clone().with(1, END, Timestamp(9)), head, "a repeat");
        let second = head.with(100_000, LINE, Timestamp(9_000));
        assert_eq!((&second.earlier[..], second.lines, second.ended), (&[1][..], 4, false));
        assert_eq!((second.since, second.is_sparse()), (Timestamp(9_000), false));
        let third = second.with(200_001, END, Timestamp(9_100));
        assert_eq!((&third.earlier[..], third.segment), (&[1, 100_000][..], 200_001));
    }
}
