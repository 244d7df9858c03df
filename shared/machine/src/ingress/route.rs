//! Which revision a request goes to: by host, then by weight.
//!
//! Invariant: a request sees one table, whole; a change of weights is one pointer swap. A share of p percent is
//! exactly p of every 100 consecutive requests, spread evenly.

use super::backend::Backend;
use parking_lot::RwLock;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// One service at the ingress.
#[derive(Debug)]
pub(crate) struct Route {
    /// The label in `LABEL.localhost`.
    pub host: String,
    /// The service's own port.
    pub port: u16,
    plan: RwLock<Arc<Plan>>,
    turn: AtomicUsize,
    /// Ends listening on its own port.
    pub end: CancellationToken,
}

/// Who takes which turn, and what tags lead to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Revisions that take traffic.
    pub serving: Vec<Arc<Backend>>,
    /// Indices into `serving`, one period of the round.
    turns: Vec<u8>,
    /// Addresses of single revisions.
    pub tags: BTreeMap<String, Arc<Backend>>,
    /// Whether somebody stopped it.
    pub stopped: bool,
}

impl Plan {
    /// A plan from revisions and percents.
    pub(crate) fn new(weighted: Vec<(Arc<Backend>, u32)>, tags: BTreeMap<String, Arc<Backend>>) -> Self {
        let turns = smooth(&weighted.iter().map(|(_, weight)| *weight).collect::<Vec<_>>());
        let serving = weighted.into_iter().map(|(backend, _)| backend).collect();
        Self { serving, turns, tags, stopped: false }
    }
}

impl Route {
    pub(crate) fn new(host: &str, port: u16, end: CancellationToken) -> Arc<Self> {
        let plan = RwLock::new(Arc::new(Plan::default()));
        Arc::new(Self { host: host.to_owned(), port, plan, turn: AtomicUsize::new(0), end })
    }

    /// The plan as it is now.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.read())
    }

    /// New requests go by this plan from now on.
    pub(crate) fn set_plan(&self, plan: Plan) {
        *self.plan.write() = Arc::new(plan);
    }

    /// The revision whose turn it is; `None` if nothing serves.
    pub(crate) fn next(&self) -> Option<Arc<Backend>> {
        let plan = self.plan.read();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = *plan.turns.get(turn % plan.turns.len().max(1))?;
        plan.serving.get(usize::from(index)).map(Arc::clone)
    }

    /// The revision behind a tag.
    pub(crate) fn tagged(&self, tag: &str) -> Option<Arc<Backend>> {
        self.plan.read().tags.get(tag).map(Arc::clone)
    }
}

/// Every service, by host label.
#[derive(Debug)]
pub(crate) struct Table {
    routes: RwLock<BTreeMap<String, Arc<Route>>>,
    /// What host names end with, each with a dot before it.
    suffixes: Vec<String>,
}

/// Where a host leads.
pub(crate) enum Found {
    /// To a service, by weight.
    Service(Arc<Route>),
    /// To one revision of a service.
    Tag(Arc<Route>, String),
    /// To no service that is known here.
    Nothing,
}

impl Table {
    /// For services below `localhost` and these names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let suffixes = std::iter::once("localhost".to_owned()).chain(names).map(|name| format!(".{name}"));
        Self { routes: RwLock::default(), suffixes: suffixes.collect() }
    }

    pub(crate) fn insert(&self, route: Arc<Route>) {
        self.routes.write().insert(route.host.clone(), route);
    }

    /// Forgets a service, unless another one has its host by now.
    pub(crate) fn remove(&self, route: &Arc<Route>) {
        let mut routes = self.routes.write();
        if routes.get(&route.host).is_some_and(|known| Arc::ptr_eq(known, route)) {
            routes.remove(&route.host);
        }
    }

    /// Labels of all services.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.routes.read().keys().cloned().collect()
    }

    /// Reads a `Host` header: `[TAG---]LABEL.localhost[:PORT]`, or below another name of ours, in any case.
    pub(crate) fn find(&self, host: &str) -> Found {
        let Some(label) = self.suffixes.iter().find_map(|suffix| label(host, suffix)) else {
            return Found::Nothing;
        };
        let routes = self.routes.read();
        if let Some(route) = routes.get(label.as_ref()) {
            return Found::Service(Arc::clone(route));
        }
        match label.split_once("---").and_then(|(tag, name)| Some((tag, routes.get(name)?))) {
            Some((tag, route)) => Found::Tag(Arc::clone(route), tag.to_owned()),
            None => Found::Nothing,
        }
    }
}

fn label<'h>(host: &'h str, suffix: &str) -> Option<std::borrow::Cow<'h, str>> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let cut = name.len().checked_sub(suffix.len()).filter(|cut| name.is_char_boundary(*cut))?;
    let (label, end) = name.split_at(cut);
    if !end.eq_ignore_ascii_case(suffix) {
        return None;
    }
    Some(if label.bytes().any(|b| b.is_ascii_uppercase()) {
        label.to_ascii_lowercase().into()
    } else {
        label.into()
    })
}

/// Smooth weighted round robin (as nginx does it): each index as often as its weight, spread evenly.
fn smooth(weights: &[u32]) -> Vec<u8> {
    let total = i64::from(weights.iter().sum::<u32>());
    let divisor = weights.iter().fold(0, |a, b| greatest_common(a, *b)).max(1);
    let mut credit = vec![0_i64; weights.len()];
    let mut turn = || {
        for (credit, weight) in credit.iter_mut().zip(weights) {
            *credit += i64::from(*weight);
        }
        // The first of the largest, so that equal weights take turns in order.
        let best = (0..credit.len()).rev().max_by_key(|index| credit[*index]).unwrap_or(0);
        credit[best] -= total;
        best as u8
    };
    (0..total / i64::from(divisor)).map(|_| turn()).collect()
}

fn greatest_common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_percent_is_ten_of_every_hundred() {
        for weights in [vec![90, 10], vec![50, 50], vec![1, 99], vec![33, 33, 34], vec![100]] {
            let turns = smooth(&weights);
            for (index, weight) in weights.iter().enumerate() {
                let hundred =
                    turns.iter().cycle().take(100).filter(|turn| usize::from(**turn) == index).count();
                assert_eq!(hundred as u32, *weight, "{weights:?}");
            }
        }
        let gaps: Vec<_> =
            smooth(&[90, 10]).iter().enumerate().filter(|(_, turn)| **turn == 1).map(|(at, _)| at).collect();
        assert_eq!(gaps.len(), 1, "one in each ten, not ten in a row: {gaps:?}");
        assert!(smooth(&[]).is_empty());
    }

    #[test]
    fn services_are_found_below_every_name_of_ours() {
        let table = Table::new(vec!["box.lan".to_owned()]);
        table.insert(Route::new("shop", 30_001, CancellationToken::new()));
        for host in ["shop.localhost:8088", "shop.BOX.lan:8088", "shop.box.lan"] {
            assert!(matches!(table.find(host), Found::Service(_)), "{host}");
        }
        assert!(matches!(table.find("v2---shop.box.lan"), Found::Tag(_, tag) if tag == "v2"));
        for host in ["box.lan", "shop.other.lan", "shopbox.lan", "box.lan.localhost"] {
            assert!(matches!(table.find(host), Found::Nothing), "{host}");
        }
    }

    #[test]
    fn hosts_are_read_as_browsers_send_them() {
        assert_eq!(label("Shop.LOCALHOST:8080", ".localhost").as_deref(), Some("shop"));
        assert_eq!(label("v2---shop.localhost", ".localhost").as_deref(), Some("v2---shop"));
        assert_eq!(label("shop.localhost.:8080", ".localhost").as_deref(), Some("shop"));
        for other in [
            "[::1]:80",
            "shop.localhost..",
            "localhost",
            "example.com",
            "shop.localhost.example.com",
            "127.0.0.1:80",
            "ä",
            "",
        ] {
            assert_eq!(label(other, ".localhost"), None, "{other}");
        }
    }
}
