//! Which segments a log has: the newest of each attempt.

use host::Error;
use model::{
    document::{
        Deployment,
        log::{Head, Position, attempt_of, first_segment, head_path, segment_key},
    },
    port::Ports,
};

/// Keys listed at once.
const LISTED: usize = 1_000;

/// The newest segment of each attempt, oldest first; empty for a log without lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent(Vec<u32>);

impl Extent {
    /// By the log's head, and by a listing of what has come since; by a listing alone where it has no head, as one
    /// that was written before there were any.
    pub async fn read(ports: &Ports, deployment: &Deployment) -> Result<Self, Error> {
        let found = ports.store.get(&head_path(&deployment.tenant, &deployment.id)).await?;
        let head: Option<Head> = found.map(|document| document.body.parse()).transpose()?;
        let mut extent = head.as_ref().map(|head| Self([&head.earlier[..], &[head.segment]].concat()));
        let whole = head.is_some_and(|head| {
            head.ended
                && (deployment.status.at_rest() || attempt_of(head.segment) >= deployment.build_attempt())
        });
        if !whole {
            extent.get_or_insert_default().list(ports, &deployment.log_prefix()).await?;
        }
        Ok(extent.unwrap_or_default())
    }

    async fn list(&mut self, ports: &Ports, prefix: &str) -> Result<(), Error> {
        let mut after = self.0.last().map(|newest| segment_key(prefix, *newest));
        loop {
            let keys = ports.objects.list(&format!("{prefix}/"), after.as_deref(), LISTED).await?;
            for number in keys.iter().filter_map(|key| key.rsplit('/').next()?.parse().ok()) {
                self.add(number);
            }
            if keys.len() < LISTED {
                return Ok(());
            }
            after = keys.into_iter().next_back();
        }
    }

    fn add(&mut self, number: u32) {
        match self.0.last_mut().filter(|newest| attempt_of(**newest) == attempt_of(number)) {
            Some(newest) => *newest = number.max(*newest),
            None => self.0.push(number),
        }
    }

    /// The number of the first segment that isn't there.
    pub fn next(&self) -> u32 {
        self.0.last().map_or(0, |newest| newest.saturating_add(1))
    }

    /// Behind the last line.
    pub fn end(&self) -> Position {
        Position { segment: self.next(), line: 0 }
    }

    /// The newest segment before one, over the border between attempts.
    pub fn before(&self, segment: u32) -> Option<u32> {
        let attempt = attempt_of(segment);
        let same = self.0.iter().find(|newest| attempt_of(**newest) == attempt);
        let within =
            same.filter(|_| segment > first_segment(attempt)).map(|newest| (segment - 1).min(*newest));
        within.or_else(|| self.0.iter().rev().find(|newest| attempt_of(**newest) < attempt).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_walked_backwards_over_attempts() {
        let mut extent = Extent::default();
        assert_eq!((extent.next(), extent.before(0)), (0, None));
        for number in [0, 1, 100_000, 300_000, 300_001] {
            extent.add(number);
        }
        let mut walked = vec![];
        let mut at = extent.next();
        while let Some(number) = extent.before(at) {
            walked.push(number);
            at = number;
        }
        assert_eq!(walked, [300_001, 300_000, 100_000, 1, 0]);
        assert_eq!(extent.before(100_900), Some(100_000), "nothing is above the newest");
        assert_eq!(extent.before(200_900), Some(100_000), "an attempt that wrote nothing");
    }
}
