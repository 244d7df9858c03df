//! The mail: measured, predicted against actual, and the link.

use forecast::{
    actual::{Actual, Comparison as Compared, actual, compare, promise},
    calibrate::Metric,
};
use host::{Context, Error};
use model::{
    Timestamp,
    document::{Decision, Member, Observation, Service, collection},
    port::{
        Mail,
        store::{Comparison, Query, Scope},
    },
    time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS},
};
use std::{fmt::Write, time::Duration};

/// Windows that are looked at.
const WINDOWS: usize = 500;
/// How long the first measurement is waited for: both become due in the same minute where the clock was moved.
const PATIENCE_MS: i64 = 5_000;

/// What was measured while the decision served.
pub async fn measured(
    ctx: &Context,
    service: &Service,
    decision: &Decision,
) -> Result<Option<Actual>, Error> {
    let began = ctx.real();
    loop {
        let found = read(ctx, service, decision).await?;
        let due = service.measuring.metrics_due.is_some_and(|due| due <= ctx.now());
        if found.is_some() || !due || ctx.real().since(began) >= PATIENCE_MS {
            return Ok(found);
        }
        ctx.ports.clock.sleep(Duration::from_millis(200)).await;
    }
}

async fn read(ctx: &Context, service: &Service, decision: &Decision) -> Result<Option<Actual>, Error> {
    let query = Query::all(Scope::Collection(collection(&service.tenant, "observations")), WINDOWS)
        .filter("service", Comparison::Equal, service.name.as_str())
        .order("to", true);
    let mut windows: Vec<Observation> = vec![];
    for document in ctx.ports.store.query(&query).await?.documents {
        windows.push(document.body.parse()?);
    }
    windows.retain(|seen| seen.decision.as_ref() == Some(&decision.id));
    Ok(actual(decision, &windows))
}

/// One line of the table.
struct Row {
    name: &'static str,
    predicted: String,
    interval: String,
    measured: String,
    change: String,
}

/// Writes the mail. Its key names service, decision and number: a repeat is recognised by it.
pub fn compose(
    service: &Service,
    decision: &Decision,
    actual: Option<&Actual>,
    owner: &Member,
    url: &str,
    number: u32,
    now: Timestamp,
) -> Mail {
    let compared =
        actual.map(|actual| compare(decision, &actual.values, actual.requests_month)).unwrap_or_default();
    let rows: Vec<Row> = Metric::ALL.into_iter().map(|metric| row(decision, metric, &compared)).collect();
    let since = service.slot.kept.iter().find(|kept| kept.decision.as_ref() == Some(&decision.id));
    let days = since.map_or(0, |kept| now.since(kept.since) / DAY_MS);
    let again = if number == 2 { "Once more: how" } else { "How" };
    let intro = format!(
        "{} has run for {days} days with {} vCPU and {} MiB, as recommended.",
        service.name,
        f64::from(decision.configuration.cpu_milli) / 1000.0,
        decision.configuration.memory_mib
    );
    let notes = notes(decision, actual, &compared);
    Mail {
        key: format!("feedback/{}/{}/{}/{number}", service.tenant, service.name, decision.id),
        to: owner.email.clone(),
        subject: format!("{again} does {} fit?", service.name),
        text: text(&intro, &rows, &notes, url, number),
        html: Some(html(&intro, &rows, &notes, url, number)),
    }
}

fn row(decision: &Decision, metric: Metric, compared: &[Compared]) -> Row {
    let (promised, made) = (promise(decision, metric), compared.iter().find(|made| made.metric == metric));
    let name = match metric {
        Metric::CostMonth => "Cost a month",
        Metric::CpuUtilization => "CPU while busy",
        Metric::MemoryUtilization => "Memory",
        Metric::LatencyMs => "Time to answer",
    };
    let predicted = made.map_or(promised.value, |made| made.predicted);
    Row {
        name,
        predicted: value(metric, predicted),
        // The interval moves with the traffic, as the value does.
        interval: format!(
            "{} to {}",
            value(metric, scaled(promised.low, predicted, promised.value)),
            value(metric, scaled(promised.high, predicted, promised.value))
        ),
        measured: made.map_or_else(|| "not measured".to_owned(), |made| value(metric, made.actual)),
        change: made.map_or_else(String::new, |made| percent(made.predicted, made.actual)),
    }
}

fn scaled(end: i64, predicted: i64, promised: i64) -> i64 {
    if promised > 0 { (end as f64 * predicted as f64 / promised as f64).round() as i64 } else { end }
}

fn value(metric: Metric, micros: i64) -> String {
    let unit = micros as f64 / 1e6;
    match metric {
        Metric::CostMonth if micros != 0 && micros.abs() < 5_000 => format!("{unit:.6} USD"),
        Metric::CostMonth => format!("{unit:.2} USD"),
        Metric::CpuUtilization | Metric::MemoryUtilization => format!("{:.1} %", (unit * 100.0).min(100.0)),
        Metric::LatencyMs => format!("{:.1} ms", unit * 1000.0),
    }
}

fn percent(predicted: i64, actual: i64) -> String {
    if predicted <= 0 {
        return String::new();
    }
    format!("{:+.0} %", (actual as f64 / predicted as f64 - 1.0) * 100.0)
}

/// What the numbers rest on.
fn notes(decision: &Decision, actual: Option<&Actual>, compared: &[Compared]) -> Vec<String> {
    let Some(actual) = actual else {
        return vec![
            "Nothing was measured yet, so only the prediction is shown; it assumes its own traffic."
                .to_owned(),
        ];
    };
    let windows = if actual.windows == 1 { "window" } else { "windows" };
    let mut notes = vec![format!(
        "Measured in {} {windows}, {} in all, up to {} UTC.",
        actual.windows,
        duration(actual.covered_ms),
        actual.to.minute()
    )];
    if let Some(requests) = actual.requests_month {
        let assumed = decision.demand.requests_month;
        let cost = compared.iter().find(|made| made.metric == Metric::CostMonth);
        let promised = cost.map_or_else(String::new, |made| {
            format!(", for which {} were predicted", value(Metric::CostMonth, made.promised))
        });
        notes.push(format!(
            "At this rate it takes {requests} requests a month. The recommendation assumed {assumed}{promised}; the column above is the prediction at the traffic that was measured."
        ));
    }
    if actual.cost_estimated {
        notes.push("The cost is list price times what was used, not a bill.".to_owned());
    }
    notes
}

fn duration(ms: i64) -> String {
    match ms {
        ms if ms >= 2 * DAY_MS => format!("{} days", ms / DAY_MS),
        ms if ms >= 2 * HOUR_MS => format!("{} hours", ms / HOUR_MS),
        ms if ms >= 2 * MINUTE_MS => format!("{} minutes", ms / MINUTE_MS),
        ms => format!("{} seconds", ms / SECOND_MS),
    }
}

fn last(number: u32) -> &'static str {
    if number == 2 {
        "This is the last time we ask about it."
    } else {
        "If you don't answer we ask once more, on day 30, and never again."
    }
}

fn text(intro: &str, rows: &[Row], notes: &[String], url: &str, number: u32) -> String {
    let mut text =
        format!("{intro}\n\n{:<16}{:>16}{:>16}{:>9}   90 % interval\n", "", "predicted", "measured", "");
    for row in rows {
        let _ = writeln!(
            text,
            "{:<16}{:>16}{:>16}{:>9}   {}",
            row.name, row.predicted, row.measured, row.change, row.interval
        );
    }
    text.push('\n');
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
    let _ = write!(
        text,
        "\nDoes it fit? Your answer takes a minute and makes the next recommendation better:\n\n  {url}\n\nThe link works once, within 90 days. Opening it changes nothing. {}\n",
        last(number)
    );
    text
}

fn html(intro: &str, rows: &[Row], notes: &[String], url: &str, number: u32) -> String {
    let mut html = format!(
        "<div style=\"font:15px/1.5 system-ui,sans-serif;max-width:40em\"><p>{}</p><table cellpadding=6 style=\"border-collapse:collapse\"><tr><th></th><th align=right>predicted</th><th align=right>measured</th><th></th><th align=left>90 % interval</th></tr>",
        escape(intro)
    );
    for row in rows {
        let _ = write!(
            html,
            "<tr style=\"border-top:1px solid #ddd\"><td>{}</td><td align=right>{}</td><td align=right><b>{}</b></td><td align=right>{}</td><td>{}</td></tr>",
            row.name, row.predicted, row.measured, row.change, row.interval
        );
    }
    html.push_str("</table>");
    for note in notes {
        let _ = write!(html, "<p style=\"color:#666\">{}</p>", escape(note));
    }
    let _ = write!(
        html,
        "<p>Does it fit? Your answer takes a minute and makes the next recommendation better.</p><p><a href=\"{0}\" style=\"background:#0b62d6;color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none\">Answer</a></p><p style=\"color:#666\">{0}<br>The link works once, within 90 days. Opening it changes nothing. {1}</p></div>",
        escape(url),
        last(number)
    );
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
