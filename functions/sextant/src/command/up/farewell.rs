//! What still serves once Sextant has ended, and how it is reached without it.

use machine::target::Live;
use std::{fmt::Write as _, path::Path};

/// Tells of apps that go on; the ingress that gave them their names is gone.
pub fn text(live: &[Live], data: &Path) -> String {
    let runs: Vec<_> = live.iter().filter_map(|app| Some((&app.service, app.address?))).collect();
    let waits: Vec<&str> =
        live.iter().filter(|app| app.address.is_none()).map(|app| app.service.as_str()).collect();
    let mut text = "Sextant has stopped".to_owned();
    text.push_str(if runs.is_empty() {
        "; no app runs.\n"
    } else {
        ". These apps go on, without their names and without being watched:\n"
    });
    for (service, address) in &runs {
        let _ = writeln!(text, "  {service:20} http://{address}");
    }
    if !waits.is_empty() {
        let _ = writeln!(text, "Not to be reached until the next start: {}.", waits.join(", "));
    }
    if runs.is_empty() {
        return text.trim_end().to_owned();
    }
    let data = data.display();
    let _ = write!(
        text,
        "`sextant --data {data} up` finds them again; `sextant --data {data} down --apps` stops them too. To have \
         Sextant run without this terminal: `sextant up --detach`."
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_named_with_its_address() {
        let address = Some("127.0.0.1:40123".parse().unwrap());
        let live = |service: &str, address| Live { service: service.to_owned(), address };
        let text = text(&[live("shop", address), live("site", None)], Path::new("/data"));
        assert!(text.contains("shop") && text.contains("http://127.0.0.1:40123"), "{text}");
        assert!(text.contains("down --apps") && text.contains("next start: site."), "{text}");
        assert!(super::text(&[], Path::new("/data")).contains("no app runs"));
    }
}
