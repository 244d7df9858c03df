//! At every named point Sextant is killed, wherever the story of a service comes to it; then it goes on as if nothing
//! had happened: each deployment comes to rest legally, nothing is lost, nothing happens twice.

use crate::system;
use host::crash::POINTS;
use serde_json::Value;
use std::collections::BTreeSet;
use tests::{
    smtp::Received,
    system::{System, app::App, load::Load},
};
use tokio::task::{JoinSet, LocalSet};

/// What the receivers saw of the whole story.
#[derive(Debug, PartialEq, Eq)]
struct Effects {
    /// Releases and how each ended.
    ends: Vec<(&'static str, String)>,
    /// Builds of each release, by its build script.
    builds: Vec<usize>,
    /// Starts of each release, by its start script.
    starts: Vec<usize>,
    /// Changes of traffic, by the target.
    changes: u64,
}

/// Points behind a commit and its messages: there it is killed every time it passes, since each life gets further
/// than the last. Right behind the commit it would not: a worker that is lost there again and again is given up.
const PASSED: [&str; 2] = [".after-publish", ".at-rest"];

const RELEASES: [&str; 4] = ["v1", "v2", "v3", "v4"];

struct Tale {
    system: System,
    app: App,
    point: Option<&'static str>,
    load: Option<Load>,
    /// Kills that are the test's own.
    by_hand: u32,
}

#[tokio::test]
async fn killed_at_every_point_of_every_chapter() {
    let here = LocalSet::new();
    let told = here.run_until(async {
        let mut walks = JoinSet::new();
        let of_its_life = POINTS.into_iter().filter(|point| !point.starts_with("act."));
        for point in of_its_life.map(Some).chain([None]) {
            walks.spawn_local(async move { (point, tell(point).await) });
        }
        walks.join_all().await
    });
    let told = told.await;
    let (_, (undisturbed, _)) = told.iter().find(|(point, _)| point.is_none()).unwrap();
    assert_eq!(undisturbed.builds, [1, 1, 1, 1]);
    assert_eq!(undisturbed.starts, [1, 1, 1, 0]);
    for (point, (effects, deaths)) in &told {
        assert_eq!(effects, undisturbed, "killed at {point:?}");
        assert!(point.is_none() || *deaths > 0, "{point:?} was never reached");
    }
}

/// The story of a service; what came of it, and how often Sextant was killed at that point.
async fn tell(point: Option<&'static str>) -> (Effects, u32) {
    let mut system = system().start().await;
    system.again = point.is_some_and(|point| PASSED.iter().any(|end| point.ends_with(end)));
    let app = system.app("shop");
    let mut tale = Tale { system, app, point, load: None, by_hand: 0 };
    let mut ends = Vec::new();
    for release in RELEASES {
        ends.push((release, tale.chapter(release).await));
    }
    tale.asked().await;
    let deaths = tale.hits();
    let Tale { system, app, .. } = &tale;
    let list = system.get("/api/v1/deployments").await.unwrap().expect(200);
    let deployments = list["deployments"].as_array().unwrap();
    assert_eq!(deployments.len(), RELEASES.len(), "{list:#}");
    let status = |id: &String| {
        let found = deployments.iter().find(|deployment| deployment["deployment_id"] == **id).unwrap();
        found["pipeline_status"].as_str().unwrap().to_owned()
    };
    let effects = Effects {
        ends: ends.iter().map(|(release, id)| (*release, status(id))).collect(),
        builds: RELEASES.map(|release| app.builds(release)).into(),
        starts: RELEASES.map(|release| app.starts(release)).into(),
        changes: system.traffic("shop").changes,
    };
    let running = RELEASES.map(|release| app.running(release).len());
    assert_eq!(running, [0, 1, 0, 0], "{point:?}: {}", app.journal());
    assert_eq!(system.traffic("shop").weights.values().collect::<Vec<_>>(), [&100]);
    (effects, deaths)
}

impl Tale {
    /// From here on it dies at the point.
    async fn begin(&mut self) {
        self.system.kill().await;
        self.by_hand += 1;
        self.system.restart(self.point).await;
    }

    /// How often it died at the point.
    fn hits(&self) -> u32 {
        self.system.deaths - self.by_hand
    }

    /// Deploys a release to its end. The third one fails, the fourth is cancelled while it builds.
    async fn chapter(&mut self, release: &'static str) -> String {
        self.begin().await;
        let mut order = self.app.order(release);
        let hold = (release == "v4").then(|| self.system.hold(release));
        if let Some(hold) = &hold {
            order["env"]["HOLD"] = hold.path.display().to_string().into();
        }
        if release == "v3" {
            order["env"]["FAIL_PERCENT"] = "60".into();
            // Not to be passed before the evidence is in, however few requests get through.
            order["canary"]["bake_windows"] = 15.into();
        }
        let id = self.system.surviving(async |system| system.deploy(&order).await).await;
        if hold.is_some() {
            self.system
                .surviving(async |system| system.wait_for(&id, |event| event.is_log("building")).await)
                .await;
            // And once more, for what is passed while it is cancelled.
            self.begin().await;
            let reply = self.system.surviving(async |system| system.cancel(&id).await).await;
            assert!(matches!(reply.status, 200 | 202), "{reply:?}");
        }
        let ended = self.system.surviving(async |system| system.rest(&id).await).await;
        self.expect(release, &ended).await;
        // The end is told before what it owes has gone out: a death behind that must be seen as one, and be survived,
        // before the test's own kill hides it.
        self.system.surviving(async |system| system.quiet().await).await;
        id
    }

    async fn expect(&mut self, release: &str, ended: &Value) {
        let (status, code) = match release {
            "v3" => ("ROLLED_BACK", "canary_failed"),
            "v4" => ("CANCELLED", ""),
            _ => ("DEPLOYED", ""),
        };
        let point = self.point;
        assert_eq!(ended["pipeline_status"], status, "{point:?}: {ended:#}");
        assert_eq!(ended["failure"]["code"].as_str().unwrap_or_default(), code, "{point:?}: {ended:#}");
        let serves = if release == "v1" { "v1" } else { "v2" };
        let answer = self.system.surviving(async |system| system.visit("shop").await).await;
        assert_eq!(answer, (200, format!("hello from version {serves}\n")), "{point:?}");
        if self.load.is_none() {
            self.load = Some(self.system.load_own_port("shop", 100));
        }
    }

    /// A week later its owner is asked, by one mail; a repeat after a death can be told from another one.
    async fn asked(&mut self) {
        let before = self.hits();
        self.begin().await;
        self.load = None;
        self.system.surviving(async |system| system.tick(8 * 24 * 3_600_000).await).await;
        self.system.surviving(async |system| system.mail(is_question).await).await;
        self.system.surviving(async |system| system.tick(3_600_000).await).await;
        self.system.surviving(async |system| system.quiet().await).await;
        let hits = self.hits() - before;
        let mails = self.system.smtp.mails();
        let questions: Vec<&Received> = mails.iter().filter(|mail| is_question(mail)).collect();
        let distinct: BTreeSet<_> = questions.iter().map(|mail| mail.header("Message-ID")).collect();
        assert_eq!(distinct.len(), 1, "{:?}: {questions:#?}", self.point);
        assert!(questions.len() as u32 <= 1 + hits, "{:?}: {questions:#?}", self.point);
        // The owner hears of the release that was taken back. A notice may come twice after a death, as the same.
        let notices =
            mails.iter().filter(|mail| mail.header("Subject").is_some_and(|s| s.contains("rolled back")));
        let notices: BTreeSet<_> = notices.map(|mail| mail.header("Message-ID")).collect();
        assert_eq!(notices.len(), 1, "{:?}: {mails:#?}", self.point);
    }
}

fn is_question(mail: &Received) -> bool {
    mail.data.contains("/feedback/")
}
