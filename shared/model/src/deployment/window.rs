//! Windows of a canary: their length, which have closed, and when the next one will have.

use super::At;
use crate::{document::Deployment, port::target::Window};

/// The length of this deployment's windows.
pub(super) fn window_ms(next: &Deployment, at: &At<'_>) -> i64 {
    next.policy.window_ms.max(at.window.shortest_ms).max(1)
}

/// All whole windows that have closed and settled since the last one seen, as one; `None` if there is none yet.
pub(super) fn closed_window(next: &Deployment, at: &At<'_>) -> Option<Window> {
    let length = window_ms(next, at);
    let from = next.canary.seen_to;
    let whole = at.real.since(from).saturating_sub(at.window.lag_ms) / length;
    (whole > 0).then(|| Window { from, to: from.plus(whole * length) })
}

/// Milliseconds until the next window has closed and settled.
pub(super) fn settles_in(next: &Deployment, at: &At<'_>) -> i64 {
    next.canary.seen_to.plus(at.window.lag_ms + window_ms(next, at)).since(at.real)
}
