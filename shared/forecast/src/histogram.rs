//! A latency histogram of logarithmic buckets: integer counts, mergeable in any order, quantiles within 5 %.
//!
//! Invariant: bucket edges are fixed integers, the same for everybody, so merging is adding and quantiles are taken
//! after merging, never of quantiles.

use model::port::target::{Buckets, RevisionWindow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many buckets there are; the last one has no upper edge.
pub const BUCKETS: usize = 360;

/// Upper edge of each bucket in microseconds, itself included: 0.1 ms × 1.05^index, from 0.1 ms to over an hour.
pub const EDGES: [u64; BUCKETS] = edges();

const fn edges() -> [u64; BUCKETS] {
    let mut edges = [0; BUCKETS];
    let (mut edge, mut index) = (100.0_f64, 0);
    while index < BUCKETS {
        edges[index] = (edge + 0.5) as u64;
        edge *= 1.05;
        index += 1;
    }
    edges[BUCKETS - 1] = u64::MAX;
    edges
}

/// The bucket that a duration falls in: the first whose edge is not below it.
pub fn index_of(micros: u64) -> usize {
    EDGES.partition_point(|edge| *edge < micros)
}

/// Counts of durations by bucket. Serialised as an object, bucket to count, empty buckets left out: a store takes no
/// arrays in arrays.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<u16, u64>", into = "BTreeMap<u16, u64>")]
pub struct Histogram {
    counts: BTreeMap<u16, u64>,
}

impl From<BTreeMap<u16, u64>> for Histogram {
    fn from(counts: BTreeMap<u16, u64>) -> Self {
        let mut made = Self::default();
        for (index, count) in counts {
            made.add_at(usize::from(index), count);
        }
        made
    }
}

impl From<Histogram> for BTreeMap<u16, u64> {
    fn from(histogram: Histogram) -> Self {
        histogram.counts
    }
}

/// The latency of a window, in whichever buckets its target counts: one that has wider ones is read as if each
/// request had taken as long as the middle of its bucket (the geometric one, as the buckets grow).
impl From<&RevisionWindow> for Histogram {
    fn from(window: &RevisionWindow) -> Self {
        let Buckets { first_micros, growth_millionths } = window.buckets;
        if window.buckets == Buckets::default() {
            return Self::from(window.latency.as_slice());
        }
        let growth = (f64::from(growth_millionths) / 1e6).max(1.0);
        let mut made = Self::default();
        for (bucket, count) in &window.latency {
            let middle = f64::from(first_micros) * growth.powf(f64::from(*bucket) - 0.5);
            made.add_at(index_of(middle.round() as u64), u64::from(*count));
        }
        made
    }
}

impl From<&[(u16, u32)]> for Histogram {
    fn from(pairs: &[(u16, u32)]) -> Self {
        let mut made = Self::default();
        for (index, count) in pairs {
            made.add_at(usize::from(*index), u64::from(*count));
        }
        made
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, micros: u64) {
        self.add_at(index_of(micros), 1);
    }

    /// Adds `count` to the bucket at `index` ([`index_of`]); beyond the last it counts in the last.
    pub fn add_at(&mut self, index: usize, count: u64) {
        if count > 0 {
            let slot = self.counts.entry(index.min(BUCKETS - 1) as u16).or_default();
            *slot = slot.saturating_add(count);
        }
    }

    /// Adds everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (index, count) in &other.counts {
            self.add_at(usize::from(*index), *count);
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Upper edge in microseconds of the bucket that holds the `quantile` (0 to 1); `None` without counts.
    /// It is at most 5 % above the exact value, for values from 0.1 ms to about an hour.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let total = self.count();
        let rank = ((quantile.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0_u64;
        self.counts.iter().find_map(|(index, count)| {
            seen = seen.saturating_add(*count);
            (seen >= rank).then(|| edge(*index))
        })
    }

    /// How many durations were longer than the bucket edge at or above `micros`.
    pub fn slower_than(&self, micros: u64) -> u64 {
        let bucket = index_of(micros) as u16;
        self.counts.range(bucket + 1..).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The counts by bucket, empty ones left out.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.counts.iter().map(|(index, count)| (*index, *count))
    }
}

/// The last bucket has no upper edge; its lower one is the honest answer.
fn edge(index: u16) -> u64 {
    EDGES[usize::from(index).min(BUCKETS - 2)]
}

/// One window of latency as counts for the canary's test: bad means slower than `edge_micros`, which is the p95 of
/// the stable histograms merged over the canary so far.
pub fn slow_counts(canary: &Histogram, stable: &Histogram, edge_micros: u64) -> crate::canary::Window {
    crate::canary::Window::new(
        canary.count(),
        stable.count(),
        canary.slower_than(edge_micros),
        stable.slower_than(edge_micros),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_rise_by_at_most_five_percent_and_span_an_hour() {
        assert!(EDGES.windows(2).all(|pair| pair[1] > pair[0]));
        assert!(EDGES[..BUCKETS - 1].windows(2).all(|pair| pair[1] - pair[0] <= pair[0] / 20 + 1));
        assert_eq!((EDGES[0], EDGES[1], EDGES[14], EDGES[100]), (100, 105, 198, 13_150));
        assert!(EDGES[BUCKETS - 2] > 3_600_000_000, "{}", EDGES[BUCKETS - 2]);
    }

    #[test]
    fn quantiles_of_known_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=1000).for_each(|ms| histogram.record(ms * 1000));
        let p95 = histogram.quantile(0.95).unwrap();
        assert!((950_000..=997_500).contains(&p95), "{p95}");
        assert!(histogram.quantile(0.0).unwrap() >= 1000);
        assert_eq!(histogram.count(), 1000);
        histogram.record(u64::MAX);
        assert!(histogram.quantile(1.0).is_some());
    }

    #[test]
    fn slower_than_counts_the_same_buckets_on_both_sides() {
        let (mut stable, mut canary) = (Histogram::default(), Histogram::default());
        (1..=100).for_each(|ms| stable.record(ms * 1000));
        (1..=100).for_each(|ms| canary.record(ms * 3000));
        let edge = stable.quantile(0.95).unwrap();
        let window = slow_counts(&canary, &stable, edge);
        assert!(window.stable_bad <= 5 && window.canary_bad > 50, "{window:?}");
        assert_eq!((window.canary_requests, window.stable_requests), (100, 100));
    }

    #[test]
    fn a_target_may_count_in_buckets_of_its_own() {
        // Cloud Monitoring's: wider by 1.4 each.
        let buckets = Buckets { first_micros: 1_000, growth_millionths: 1_400_000 };
        let latency = vec![(5, 90), (9, 10)];
        let read = Histogram::from(&RevisionWindow { latency, buckets, ..RevisionWindow::default() });
        // Buckets 5 and 9 hold 3.8 to 5.4 ms and 14.8 to 20.7 ms.
        let (median, p95) = (read.quantile(0.5).unwrap(), read.quantile(0.95).unwrap());
        assert!((3_840..=5_380).contains(&median) && (14_750..=20_670).contains(&p95), "{median}, {p95}");
        assert_eq!(read.count(), 100);
        let ours = RevisionWindow { latency: vec![(3, 2)], ..RevisionWindow::default() };
        assert_eq!(Histogram::from(&ours), Histogram::from([(3_u16, 2_u32)].as_slice()));
    }

    #[test]
    fn json_is_an_object_of_counts() {
        let mut histogram = Histogram::default();
        histogram.record(116);
        histogram.record(111);
        assert_eq!(serde_json::to_string(&histogram).unwrap(), r#"{"3":2}"#);
        assert_eq!(serde_json::from_str::<Histogram>(r#"{"3":2,"9999":0}"#).unwrap(), histogram);
        assert_eq!(Histogram::from([(3_u16, 2_u32)].as_slice()), histogram);
    }

    fn counted(values: &[u64]) -> Histogram {
        let mut made = Histogram::default();
        for value in values {
            made.record(*value);
        }
        made
    }

    proptest! {
        #[test]
        fn merging_in_any_order_is_counting_together(left in prop::collection::vec(0_u64..10_000_000, 0..50), right in prop::collection::vec(0_u64..10_000_000, 0..50)) {
            let (mut one, mut two) = (counted(&left), counted(&right));
            one.merge(&counted(&right));
            two.merge(&counted(&left));
            let together = counted(&[left, right].concat());
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(&one, &together);
        }

        #[test]
        fn a_quantile_is_within_five_percent(mut values in prop::collection::vec(100_u64..3_000_000_000, 1..100), quantile in 0.01_f64..1.0) {
            let histogram = counted(&values);
            values.sort_unstable();
            let rank = ((quantile * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let (exact, got) = (values[rank - 1], histogram.quantile(quantile).unwrap());
            prop_assert!(got >= exact && got as f64 <= exact as f64 * 1.051 + 1.0, "{} for {}", got, exact);
        }
    }
}
