//! The cells of both tables that the canary must reach, some scenes of our own, and how a cell is judged.

use super::{
    random::Random,
    run::{End, Ended, run},
    scene::{Clusters, Incident, Latency, Scene},
};
use model::{document::CanaryPolicy, port::target::WindowPolicy};

/// What a cell asks for; shares are of all runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// Taken back in at most this share.
    TakenBackAtMost(f64),
    /// Taken back in at least this share.
    TakenBackAtLeast(f64),
    /// Taken back in at least this share within so many windows of its first bad one.
    TakenBackWithin(i64, f64),
    /// Promoted by itself in at least this share.
    PromotedAtLeast(f64),
    /// Promoted by itself in at most this share.
    PromotedAtMost(f64),
    /// Half of those that are promoted are so within so many windows.
    MedianAtMost(i64),
}

/// One cell: a scene, and what is asked of it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The table it belongs to.
    pub table: &'static str,
    /// Its name in it.
    pub name: String,
    /// What happens.
    pub scene: Scene,
    /// In which windows.
    pub place: WindowPolicy,
    /// What is asked; nothing for a cell that is only shown.
    pub wants: Vec<Want>,
}

/// How its runs ended.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// Each run.
    pub ended: Vec<Ended>,
    from: i64,
}

impl Cell {
    /// So many runs, seeded by the cell's name and the run's number.
    pub fn run(&self, runs: u32) -> Outcomes {
        let seed =
            self.name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let policy = CanaryPolicy::default();
        let ended = (0..runs)
            .map(|n| {
                let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(n)));
                run(&self.scene, &policy, self.place, &mut random)
            })
            .collect();
        Outcomes { ended, from: self.scene.canary_from }
    }
}

impl Outcomes {
    /// Runs that ended so, as a share of all.
    pub fn share(&self, end: End) -> f64 {
        self.count(|ended| ended.end == end) / self.ended.len().max(1) as f64
    }

    fn count(&self, is: impl Fn(&Ended) -> bool) -> f64 {
        self.ended.iter().filter(|ended| is(ended)).count() as f64
    }

    fn taken_back_within(&self, windows: i64) -> f64 {
        let in_time = |ended: &Ended| ended.end == End::TakenBack && ended.windows <= self.from + windows;
        self.count(in_time) / self.ended.len().max(1) as f64
    }

    /// The middle run that ended so, in windows.
    pub fn median(&self, end: End) -> Option<i64> {
        let mut windows: Vec<i64> =
            self.ended.iter().filter(|ended| ended.end == end).map(|ended| ended.windows).collect();
        windows.sort_unstable();
        windows.get(windows.len() / 2).copied()
    }

    /// Whether what is asked for is reached, give or take so many standard errors of this number of runs.
    pub fn reaches(&self, want: Want, give: f64) -> bool {
        let error = |share: f64| give * (share * (1.0 - share) / self.ended.len().max(1) as f64).sqrt();
        match want {
            Want::TakenBackAtMost(most) => self.share(End::TakenBack) <= most + error(most),
            Want::TakenBackAtLeast(least) => self.share(End::TakenBack) >= least - error(least),
            Want::TakenBackWithin(windows, least) => self.taken_back_within(windows) >= least - error(least),
            Want::PromotedAtLeast(least) => self.share(End::Promoted) >= least - error(least),
            Want::PromotedAtMost(most) => self.share(End::Promoted) <= most + error(most),
            Want::MedianAtMost(most) => self.median(End::Promoted).is_some_and(|median| median <= most),
        }
    }
}

impl std::fmt::Display for Want {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TakenBackAtMost(share) => write!(formatter, "taken back ≤ {:.0} %", share * 100.0),
            Self::TakenBackAtLeast(share) => write!(formatter, "taken back ≥ {:.0} %", share * 100.0),
            Self::TakenBackWithin(windows, share) => {
                write!(formatter, "taken back within {windows} windows ≥ {:.0} %", share * 100.0)
            }
            Self::PromotedAtLeast(share) => write!(formatter, "promoted ≥ {:.0} %", share * 100.0),
            Self::PromotedAtMost(share) => write!(formatter, "promoted ≤ {:.0} %", share * 100.0),
            Self::MedianAtMost(windows) => write!(formatter, "median ≤ {windows} windows"),
        }
    }
}

/// Every cell.
pub fn cells() -> Vec<Cell> {
    let mut cells = rates();
    cells.extend(scenarios());
    cells.extend(others());
    cells
}

const ALL: [f64; 3] = [60.0, 600.0, 6000.0];

fn cell(table: &'static str, name: impl Into<String>, scene: Scene, wants: &[Want]) -> Cell {
    Cell { table, name: name.into(), scene, place: WindowPolicy::CLOUD_RUN, wants: wants.to_vec() }
}

/// The first table: requests a minute by how many times worse.
fn rates() -> Vec<Cell> {
    const FLOORS: [(f64, [Option<f64>; 3]); 3] = [
        (60.0, [None, Some(0.45), Some(0.95)]),
        (600.0, [Some(0.5), Some(1.0), Some(1.0)]),
        (6000.0, [Some(1.0), Some(1.0), Some(1.0)]),
    ];
    let mut made = vec![];
    for (requests, floors) in FLOORS {
        let equal = Scene { requests, ..Scene::default() };
        made.push(cell(
            "rates",
            format!("{requests}/min, equal"),
            equal.clone(),
            &[Want::TakenBackAtMost(0.01)],
        ));
        for (worse, floor) in [2.0, 5.0, 10.0].into_iter().zip(floors) {
            let scene = Scene { canary: 0.005 * worse, ..equal.clone() };
            let wants: Vec<Want> = floor.map(Want::TakenBackAtLeast).into_iter().collect();
            made.push(cell("rates", format!("{requests}/min, {worse}× worse"), scene, &wants));
        }
    }
    made
}

/// The second table.
fn scenarios() -> Vec<Cell> {
    let mut made = vec![];
    let most = |share| [Want::TakenBackAtMost(share)];
    for requests in ALL {
        let equal = Scene { requests, ..Scene::default() };
        let per = format!("{requests}/min");
        let mut add = |name: &str, scene: Scene, wants: &[Want]| {
            made.push(cell("scenarios", format!("{name}, {per}"), scene, wants));
        };
        add("equal versions", equal.clone(), &[Want::PromotedAtLeast(0.97), Want::MedianAtMost(35)]);
        add("clusters of 5", Scene { clusters: Clusters::Of(5), ..equal.clone() }, &most(0.01));
        add("correlation 0.01", Scene { clusters: Clusters::Correlated(0.01), ..equal.clone() }, &most(0.01));
        add("daily wave ± 80 %", Scene { wave: 0.8, ..equal.clone() }, &most(0.01));
        add("both ten times worse", Scene { surge_from: Some(5), ..equal.clone() }, &most(0.01));
        add(
            "geometric clusters of 5",
            Scene { clusters: Clusters::Geometric(5.0), ..equal.clone() },
            &most(0.02),
        );
        let incident = Some(Incident { from: None, windows: 3, rate: 0.3 });
        add("incident on both sides", Scene { incident, ..equal.clone() }, &most(0.01));
    }
    let at = |requests: f64| Scene { requests, ..Scene::default() };
    let mut add = |name: &str, scene: Scene, wants: &[Want]| made.push(cell("scenarios", name, scene, wants));
    add("bursts of 50, 600/min", Scene { clusters: Clusters::Of(50), ..at(600.0) }, &most(0.02));
    let before = Some(Incident { from: Some(-30), windows: 3, rate: 0.3 });
    add(
        "stable's incident before, 10× worse, 600/min",
        Scene { incident: before, canary: 0.05, ..at(600.0) },
        &[Want::TakenBackAtLeast(0.95)],
    );
    let clean = |requests, canary| Scene { base: 0.0, canary, ..at(requests) };
    let found = [Want::TakenBackWithin(30, 0.95), Want::PromotedAtMost(0.01)];
    add("stable without an error, 5 % failing, 60/min", clean(60.0, 0.05), &found);
    add("stable without an error, 1 % failing, 600/min", clean(600.0, 0.01), &found);
    add("all failing, 2/min", clean(2.0, 1.0), &[Want::PromotedAtMost(0.0)]);
    for requests in [100.0, 600.0] {
        for (share, from) in [(1.0, 0), (0.8, 0), (1.0, 12), (0.8, 12)] {
            let scene = Scene { canary: share, canary_from: from, ..at(requests) };
            let name = format!("{:.0} % failing from window {from} on, {requests}/min", share * 100.0);
            add(&name, scene, &[Want::TakenBackWithin(4, 1.0)]);
        }
    }
    let latency = |median_ms, spread, factor, only_for| Some(Latency { median_ms, spread, factor, only_for });
    let healthy = [Want::TakenBackAtMost(0.01)];
    for requests in [60.0, 600.0] {
        add(
            &format!("0.3 ms against 0.36 ms, {requests}/min"),
            Scene { latency: latency(0.3, 0.3, 1.2, None), ..at(requests) },
            &healthy,
        );
        add(
            &format!("twice as slow for two minutes, {requests}/min"),
            Scene { latency: latency(100.0, 0.5, 2.0, Some(2)), ..at(requests) },
            &healthy,
        );
        add(
            &format!("equal latency, {requests}/min"),
            Scene { latency: latency(100.0, 0.7, 1.0, None), ..at(requests) },
            &healthy,
        );
        for spread in [0.5, 0.8] {
            add(
                &format!("twice as slow (spread {spread}), {requests}/min"),
                Scene { latency: latency(100.0, spread, 2.0, None), ..at(requests) },
                &[Want::TakenBackAtLeast(0.95)],
            );
        }
    }
    let mut seconds =
        cell("scenarios", "all failing, 2/s in seconds", clean(2.0, 1.0), &[Want::PromotedAtMost(0.0)]);
    seconds.place = WindowPolicy::MACHINE;
    made.push(seconds);
    made
}

/// Scenes of our own.
fn others() -> Vec<Cell> {
    let at = |requests: f64| Scene { requests, ..Scene::default() };
    let mut made = vec![];
    let mut add = |name: &str, scene: Scene, wants: &[Want]| made.push(cell("others", name, scene, wants));
    let clean = |requests, canary| Scene { base: 0.0, canary, ..at(requests) };
    add(
        "15 % failing, stable without an error, 100/min",
        clean(100.0, 0.15),
        &[Want::TakenBackAtLeast(0.99), Want::PromotedAtMost(0.0)],
    );
    add("no error at all, 60/min", clean(60.0, 0.0), &[Want::PromotedAtLeast(0.99), Want::MedianAtMost(35)]);
    add("no error at all, 10/min", clean(10.0, 0.0), &[Want::PromotedAtLeast(0.9)]);
    add("a fifth failing, 10/min", clean(10.0, 0.2), &[Want::PromotedAtMost(0.01)]);
    add("all failing, 10/min", clean(10.0, 1.0), &[Want::TakenBackAtLeast(0.99), Want::PromotedAtMost(0.0)]);
    add(
        "10× worse, clusters of 5, 600/min",
        Scene { clusters: Clusters::Of(5), canary: 0.05, ..at(600.0) },
        &[Want::TakenBackAtLeast(0.95)],
    );
    add(
        "10× worse, clusters of 5, 60/min",
        Scene { clusters: Clusters::Of(5), canary: 0.05, ..at(60.0) },
        &[Want::PromotedAtMost(0.15)],
    );
    add(
        "10× worse in spread errors, stable in clusters of 5, 60/min",
        Scene { clusters: Clusters::Of(5), canary_spread: true, canary: 0.05, ..at(60.0) },
        &[Want::PromotedAtMost(0.02)],
    );
    add(
        "10× worse from window 10 on, 600/min",
        Scene { canary: 0.05, canary_from: 10, ..at(600.0) },
        &[Want::TakenBackAtLeast(0.99)],
    );
    add(
        "10× worse from window 20 on, 60/min",
        Scene { canary: 0.05, canary_from: 20, ..at(60.0) },
        &[Want::TakenBackAtLeast(0.8)],
    );
    add(
        "a minute at 30 % just before, 10× worse, 600/min",
        Scene {
            incident: Some(Incident { from: Some(-1), windows: 1, rate: 0.3 }),
            canary: 0.05,
            ..at(600.0)
        },
        &[Want::TakenBackAtLeast(0.95)],
    );
    add(
        "ten minutes at 50 % before, 5× worse, 600/min",
        Scene {
            incident: Some(Incident { from: Some(-40), windows: 10, rate: 0.5 }),
            canary: 0.025,
            ..at(600.0)
        },
        &[Want::TakenBackAtLeast(0.95)],
    );
    add(
        "stable's incident before, equal, 600/min",
        Scene { incident: Some(Incident { from: Some(-30), windows: 3, rate: 0.3 }), ..at(600.0) },
        &[Want::TakenBackAtMost(0.01), Want::PromotedAtLeast(0.97)],
    );
    add(
        "both fail 20 %, 600/min",
        Scene { base: 0.2, canary: 0.2, ..at(600.0) },
        &[Want::TakenBackAtMost(0.01), Want::PromotedAtLeast(0.97)],
    );
    add(
        "20 % against 60 %, 60/min",
        Scene { base: 0.2, canary: 0.6, ..at(60.0) },
        &[Want::TakenBackAtLeast(0.95)],
    );
    add("1.2× worse, 6000/min", Scene { canary: 0.006, ..at(6000.0) }, &[]);
    add("a better one, 600/min", Scene { canary: 0.001, ..at(600.0) }, &[Want::PromotedAtLeast(0.99)]);
    for requests in ALL {
        for (name, clusters) in [
            ("equal", Clusters::None),
            ("clusters of 5", Clusters::Of(5)),
            ("correlation 0.01", Clusters::Correlated(0.01)),
        ] {
            // How rates differ from window to window can't be known from the first few of them: hence its own limit.
            let scene = Scene { clusters, history: 0, ..at(requests) };
            add(
                &format!("{name} without an hour before, {requests}/min"),
                scene,
                &[Want::TakenBackAtMost(if name.starts_with("correlation") { 0.04 } else { 0.01 })],
            );
        }
        let scene = Scene { canary: 0.05, history: 0, ..at(requests) };
        add(
            &format!("10× worse without an hour before, {requests}/min"),
            scene,
            &[Want::TakenBackAtLeast(0.95)],
        );
    }
    for (requests, from) in [(100.0, 5), (600.0, 5), (600.0, 25)] {
        let scene = Scene { canary: 0.6, canary_from: from, ..at(requests) };
        add(
            &format!("60 % failing from window {from} on, {requests}/min"),
            scene,
            &[Want::TakenBackWithin(4, 0.99)],
        );
    }
    for requests in [10.0, 100.0] {
        let mut seconds = cell(
            "others",
            format!("equal, {requests}/s in seconds"),
            at(requests),
            &[Want::TakenBackAtMost(0.01)],
        );
        seconds.place = WindowPolicy::MACHINE;
        made.push(seconds);
        let mut seconds = cell(
            "others",
            format!("15 % failing, stable without an error, {requests}/s in seconds"),
            clean(requests, 0.15),
            &[Want::PromotedAtMost(0.01)],
        );
        seconds.place = WindowPolicy::MACHINE;
        made.push(seconds);
    }
    made
}
