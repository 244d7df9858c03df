//! What was learned, in sentences over typed numbers.

use crate::{
    compared::{Compared, paid},
    known::Known,
};
use forecast::calibrate::{Cell, Facts, Metric, Predicted, correct, explain, headroom_milli, recent};
use model::{
    Timestamp,
    document::{
        FeedbackKind,
        calibration::{ClassDocument, OwnDocument},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// A next prediction that moves by less is of low impact: 5 %, in micro-nats.
const LOW: i64 = 50_000;
/// One that moves by less is of medium impact: 22 %.
const MEDIUM: i64 = 200_000;

/// What there is to tell of.
pub struct Told<'a> {
    /// The decision and what is known of it.
    pub known: &'a Known,
    /// What was compared.
    pub compared: &'a [Compared],
    /// The tenant's own sums before.
    pub own: OwnDocument,
    /// What the pool says of the class.
    pub pool: ClassDocument,
    /// Metrics whose sums change.
    pub changed: BTreeSet<Metric>,
    /// By how much, by dotted field.
    pub sums: &'a BTreeMap<String, i64>,
    /// By the clock of timers.
    pub now: Timestamp,
}

/// How it is told.
pub struct Words {
    /// One line for each change: metric, before, after.
    pub updates: Vec<String>,
    /// `low`, `medium` or `high`.
    pub impact: &'static str,
    /// Why, in sentences.
    pub sentences: Vec<String>,
}

/// What was learned, as sentences for people and as an impact.
pub fn tell(told: &Told<'_>) -> Words {
    let mut words = Words { updates: vec![], impact: "low", sentences: vec![] };
    words.sentences.extend(demand(told));
    let mut moved = 0;
    for metric in &told.changed {
        let (before, after) = (predicted(told, *metric, false), predicted(told, *metric, true));
        moved = moved.max((after.mu - before.mu).abs());
        words.updates.push(format!(
            "{}: × {:.2} before, × {:.2} after",
            metric.name(),
            before.multiplier(),
            after.multiplier()
        ));
        words.sentences.extend(sentence(told, *metric, &after));
    }
    words.sentences.extend(currency(told.known));
    if let Some((update, sentence)) = opinion(told) {
        words.updates.push(update);
        words.sentences.push(sentence);
    }
    words.impact = match moved {
        high if high >= MEDIUM => "high",
        medium if medium >= LOW => "medium",
        _ => "low",
    };
    words
}

/// What the next decision of the class is corrected by, before or after this.
fn predicted(told: &Told<'_>, metric: Metric, after: bool) -> Predicted {
    let mut months = told.own.cells.get(&metric).cloned().unwrap_or_default();
    if after {
        for month in told.compared.iter().map(|made| made.month) {
            let at = format!("cells.{}.{month}", metric.name());
            let by = |part: &str| told.sums.get(&format!("{at}.{part}")).copied().unwrap_or(0);
            let cell = months.entry(month).or_default();
            *cell = cell.plus(Cell { n: by("n"), sum_y: by("sum_y"), sum_yy: by("sum_yy") });
        }
    }
    let own = recent(&months, told.now.month());
    correct(metric, 1_000_000, told.pool.summaries.get(&metric), &own)
}

fn sentence(told: &Told<'_>, metric: Metric, after: &Predicted) -> Option<String> {
    let (month, made) =
        told.compared.iter().rev().find_map(|made| Some((made.month, made.values.get(&metric)?)))?;
    let by_user = told.known.feedback.as_ref().and_then(paid).is_some_and(|(said_in, _)| said_in == month);
    let text = explain(&Facts {
        metric,
        predicted_micros: made.predicted,
        actual_micros: made.actual,
        similar: after.class_n.max(after.n).max(1),
        mu: after.mu,
    });
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let rest = if by_user {
        letters.as_str().to_owned()
    } else {
        letters.as_str().replace("you paid", "we measured")
    };
    let unit = if metric == Metric::CostMonth { " (US dollars a month)" } else { "" };
    Some(format!("{first}{rest}{unit}."))
}

/// Traffic that was not as assumed is an error of its own, and no error of the price.
fn demand(told: &Told<'_>) -> Option<String> {
    let made = told.compared.iter().rev().find(|made| made.requests_month.is_some())?;
    let (assumed, observed) = (told.known.decision.demand.requests_month, made.requests_month?);
    let ratio = observed as f64 / assumed.max(1) as f64;
    if (0.8..=1.25).contains(&ratio) {
        return None;
    }
    let cost = made.values.get(&Metric::CostMonth);
    let price = cost.map_or_else(String::new, |cost| {
        format!(
            ": at that traffic the prediction is {} USD instead of {}, and that is what is compared",
            dollars(cost.predicted),
            dollars(cost.promised)
        )
    });
    Some(format!("{assumed} requests a month were assumed and {observed} were measured{price}."))
}

fn dollars(micros: i64) -> String {
    let usd = micros as f64 / 1e6;
    if micros != 0 && micros.abs() < 5_000 { format!("{usd:.6}") } else { format!("{usd:.2}") }
}

fn currency(known: &Known) -> Option<String> {
    let feedback = known.feedback.as_ref()?;
    let (cost, currency) = (feedback.actual_monthly_cost?, feedback.currency.as_deref()?);
    (!currency.eq_ignore_ascii_case("USD")).then(|| {
        format!(
            "You pay {:.2} {currency}; predictions are in US dollars and nothing is converted, so your cost is kept and not compared.",
            cost.usd()
        )
    })
}

/// What people said moves head-room alone.
fn opinion(told: &Told<'_>) -> Option<(String, String)> {
    let by = |name: &str| told.sums.get(&format!("answers.{name}")).copied().unwrap_or(0);
    if by("over") == 0 && by("fit") == 0 && by("under") == 0 {
        return None;
    }
    let kind = told.known.feedback.as_ref()?.kind;
    let measured = |after| predicted(told, Metric::MemoryUtilization, after).n;
    let mut answers = told.own.answers;
    let before = headroom_milli(&answers, measured(false));
    answers.over += by("over");
    answers.fit += by("fit");
    answers.under += by("under");
    let after = headroom_milli(&answers, measured(true));
    let factor = |milli: i64| format!("× {:.3}", milli as f64 / 1000.0);
    let said = match kind {
        FeedbackKind::PerfectFit => "it fits",
        FeedbackKind::OverProvisioned => "there is too much of it",
        FeedbackKind::UnderProvisioned => "there is too little of it",
    };
    let update = format!("memory head-room: {} before, {} after", factor(before), factor(after));
    Some((
        update,
        format!(
            "You said that {said}: memory head-room is now {}; an opinion never moves the cost.",
            factor(after)
        ),
    ))
}
