//! What traffic does: how many requests, how many of them fail, how long they take, on both sides.

use super::random::Random;
use forecast::histogram::index_of;
use model::port::target::RevisionWindow;
use std::collections::BTreeMap;

/// How failed requests hang together within a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clusters {
    /// Each for itself.
    None,
    /// So many at once.
    Of(u64),
    /// Of geometric size with this mean.
    Geometric(f64),
    /// Each side's rate of a window is drawn anew, so that its requests correlate.
    Correlated(f64),
}

/// Some windows in which both sides (or the stable one, before the release) fail at a rate of their own. Windows count
/// from the release on; those of the hour before it are negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incident {
    /// First window; `None`: somewhere in the first half hour, by chance.
    pub from: Option<i64>,
    /// How many.
    pub windows: i64,
    /// Share of requests that fail.
    pub rate: f64,
}

/// How long requests take: log-normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The middle one on the stable side, in milliseconds.
    pub median_ms: f64,
    /// Spread of the logarithm.
    pub spread: f64,
    /// How many times as long the new revision takes.
    pub factor: f64,
    /// For how many windows after it started; `None`: for good.
    pub only_for: Option<i64>,
}

/// One situation.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Requests in a window, both sides together, on average.
    pub requests: f64,
    /// Share of them that fail on the stable side.
    pub base: f64,
    /// Share of them that fail on the new revision.
    pub canary: f64,
    /// From which window on the new revision is as bad as that; before, it is as good as stable.
    pub canary_from: i64,
    /// How failures hang together on both sides.
    pub clusters: Clusters,
    /// Whether failures of the new revision hang together too, beyond what stable's do.
    pub canary_spread: bool,
    /// Windows on which both sides fail alike.
    pub incident: Option<Incident>,
    /// By how much requests and rate rise and fall in a day of 1,440 windows.
    pub wave: f64,
    /// From which window on both sides fail ten times as often.
    pub surge_from: Option<i64>,
    /// How long requests take; `None`: nothing is told about it.
    pub latency: Option<Latency>,
    /// Windows of the stable side that were seen before the release.
    pub history: i64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            requests: 60.0,
            base: 0.005,
            canary: 0.005,
            canary_from: 0,
            clusters: Clusters::None,
            canary_spread: false,
            incident: None,
            wave: 0.0,
            surge_from: None,
            latency: None,
            history: 60,
        }
    }
}

/// What is drawn once for a whole run.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    phase: f64,
    incident: Option<(i64, i64, f64)>,
}

impl Scene {
    /// A day of this scene.
    pub fn day(&self, random: &mut Random) -> Day {
        let phase = random.unit() * std::f64::consts::TAU;
        let incident = self.incident.map(|incident| {
            let from = incident.from.unwrap_or_else(|| (random.unit() * 30.0) as i64);
            (from, from + incident.windows, incident.rate)
        });
        Day { phase, incident }
    }

    /// One window at this weight: the new revision, and the last good one.
    pub fn window(
        &self,
        day: Day,
        at: i64,
        weight: u32,
        random: &mut Random,
    ) -> (RevisionWindow, RevisionWindow) {
        let wave = 1.0 + self.wave * (day.phase + at as f64 * std::f64::consts::TAU / 1_440.0).sin();
        let share = f64::from(weight) / 100.0;
        let ours = random.poisson(self.requests * wave * share);
        let good = random.poisson(self.requests * wave * (1.0 - share));
        let common = wave * if self.surge_from.is_some_and(|from| at >= from) { 10.0 } else { 1.0 };
        let incident = day.incident.filter(|(from, to, _)| (*from..*to).contains(&at)).map(|(.., rate)| rate);
        let is_worse = at >= self.canary_from;
        let our_rate = if is_worse { self.canary } else { self.base };
        let ours = self.side(ours, our_rate, common, incident, !(is_worse && self.canary_spread), random);
        let good = self.side(good, self.base, common, incident, true, random);
        self.timed(at, ours, good, random)
    }

    fn side(
        &self,
        requests: u64,
        rate: f64,
        common: f64,
        incident: Option<f64>,
        clustered: bool,
        random: &mut Random,
    ) -> RevisionWindow {
        let rate = if rate >= 0.1 { rate } else { rate * common };
        let clusters = if clustered { self.clusters } else { Clusters::None };
        let mut bad = match clusters {
            Clusters::None => random.binomial(requests, rate),
            Clusters::Of(size) => random.poisson(requests as f64 * rate / size as f64) * size,
            Clusters::Geometric(mean) => {
                let times = random.poisson(requests as f64 * rate / mean);
                (0..times).map(|_| random.geometric(mean)).sum()
            }
            Clusters::Correlated(correlation) => {
                let rate = random.beta(rate, correlation);
                random.binomial(requests, rate)
            }
        };
        if let Some(rate) = incident {
            bad = bad.max(random.binomial(requests, rate));
        }
        RevisionWindow { requests, server_errors: bad.min(requests), ..RevisionWindow::default() }
    }

    fn timed(
        &self,
        at: i64,
        mut ours: RevisionWindow,
        mut good: RevisionWindow,
        random: &mut Random,
    ) -> (RevisionWindow, RevisionWindow) {
        let Some(latency) = self.latency else { return (ours, good) };
        ours.starts = u32::from(at == 0);
        let slow = latency.only_for.is_none_or(|windows| at < windows);
        let factor = if slow { latency.factor } else { 1.0 };
        ours.latency = histogram(ours.requests, latency.median_ms * factor, latency.spread, random);
        good.latency = histogram(good.requests, latency.median_ms, latency.spread, random);
        (ours, good)
    }
}

fn histogram(requests: u64, median_ms: f64, spread: f64, random: &mut Random) -> Vec<(u16, u32)> {
    let mut counts: BTreeMap<u16, u32> = BTreeMap::new();
    for _ in 0..requests {
        let micros = median_ms * 1e3 * (spread * random.normal()).exp();
        *counts.entry(index_of(micros.round() as u64) as u16).or_default() += 1;
    }
    counts.into_iter().collect()
}
