//! The form and what comes after it, as plain HTML that needs no script.

use crate::{answer::LONGEST_COMMENT, fields::Fields, keep::Kept, link::Open};
use host::{
    Error, Response,
    page::{escaped, plain, sentence},
};
use std::fmt::Write;

const KINDS: [(&str, &str); 3] = [
    ("perfect_fit", "It fits"),
    ("over_provisioned", "Too much: it could be smaller"),
    ("under_provisioned", "Too little: it could do with more"),
];

/// The form, with what was filled in and what is wrong with it.
pub fn form(status: u16, open: &Open, fields: &Fields, error: Option<&Error>) -> Response {
    let mut body = String::new();
    let service = escaped(open.link.service.as_str());
    let _ = write!(body, "<h1>How does <b>{service}</b> fit?</h1>{}", about(open));
    if let Some(error) = error {
        let _ = write!(body, "<p class=\"wrong\" role=\"alert\">{}</p>", escaped(error.detail()));
    }
    body.push_str("<form method=\"post\"><fieldset><legend>Its size</legend>");
    for (value, label) in KINDS {
        let on = if fields.feedback_type == value { " checked" } else { "" };
        let _ = write!(
            body,
            "<label class=\"choice\"><input type=\"radio\" name=\"feedback_type\" value=\"{value}\" required{on}> {label}</label>"
        );
    }
    body.push_str("</fieldset><fieldset><legend>How satisfied are you? <span class=\"dim\">1 not at all, 10 fully</span></legend><div class=\"scale\">");
    for number in 1..=10 {
        let on = if fields.satisfaction == number.to_string() { " checked" } else { "" };
        let _ = write!(
            body,
            "<label><input type=\"radio\" name=\"satisfaction\" value=\"{number}\" required{on}> {number}</label>"
        );
    }
    let (cost, currency, comments) =
        (escaped(&fields.cost), escaped(&fields.currency), escaped(&fields.comments));
    // The first line break in a text area is dropped by browsers.
    let _ = write!(
        body,
        "</div></fieldset><fieldset><label class=\"ask\" for=\"cost\">What do you really pay for it in a month? \
         <span class=\"dim\">if you know</span></label><div class=\"pair\">\
         <input type=\"text\" id=\"cost\" name=\"cost\" inputmode=\"decimal\" autocomplete=\"off\" placeholder=\"12.40\" value=\"{cost}\">\
         <input type=\"text\" name=\"currency\" aria-label=\"Currency\" maxlength=\"3\" placeholder=\"USD\" value=\"{currency}\"></div></fieldset>\
         <fieldset><label class=\"ask\" for=\"comments\">Anything else?</label>\
         <textarea id=\"comments\" name=\"comments\" rows=\"4\" maxlength=\"{LONGEST_COMMENT}\">\n{comments}</textarea></fieldset>\
         <button>Send</button></form><p class=\"note\">Opening this page changed nothing; sending it uses the link up.</p>"
    );
    plain(status, "How does it fit?", &body)
}

fn about(open: &Open) -> String {
    let (decision, cost) = (&open.decision, &open.decision.prediction.cost_month);
    let usd = |micros: i64| format!("{:.2}", micros as f64 / 1e6);
    format!(
        "<p>It was recommended to run with <b>{} vCPU</b> and <b>{} MiB</b>, for an expected <b>{} USD</b> a month \
         at {} requests <span class=\"dim\">(90 % of such services: {} to {} USD)</span>.</p>",
        f64::from(decision.configuration.cpu_milli) / 1000.0,
        decision.configuration.memory_mib,
        usd(cost.value),
        decision.demand.requests_month,
        usd(cost.low),
        usd(cost.high),
    )
}

/// What comes after the form.
pub fn thanks(kept: Kept, currency: Option<&str>) -> Response {
    let text = match kept {
        Kept::Older => "A newer answer had come meanwhile; that one counts.",
        Kept::Newest if currency.is_some_and(|currency| currency != "USD") => {
            "Your answer is kept. Your cost is not converted from its currency, so the cost is not learned from; the rest is."
        }
        Kept::Newest => {
            "Your answer is compared with what was predicted, and the next recommendation takes it into account."
        }
    };
    message(200, "Thank you", text)
}

/// One sentence on a page.
pub fn message(status: u16, title: &str, text: &str) -> Response {
    plain(status, title, &format!("<h1>{}</h1><p>{}</p>", escaped(title), sentence(text)))
}
