//! The mail about the deployment, as it lies in the data folder, and the form that its link opens.

use anyhow::{Result, bail};
use mail_parser::MessageParser;
use std::{fs, path::Path};

/// The mail that asks: what a reader would see of it.
pub struct Asked {
    /// The subject, decoded.
    pub subject: String,
    /// The lines of its text.
    pub lines: Vec<String>,
    /// The form's address.
    pub link: String,
}

/// A mail of this folder that has a link to a form, if one has come.
pub fn find(folder: &Path) -> Option<Asked> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut mails = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "eml"));
    mails.find_map(|entry| read(&fs::read(entry.path()).ok()?))
}

/// The subject and the plain text of a mail, whatever they are encoded with.
fn read(mail: &[u8]) -> Option<Asked> {
    let mail = MessageParser::default().parse(mail)?;
    let body = mail.body_text(0)?;
    let link =
        body.split_whitespace().find(|word| word.starts_with("http") && word.contains("/feedback/"))?;
    let link = link.trim_matches(['<', '>', '.', ')', '(']).to_owned();
    let subject = mail.subject().unwrap_or_default().to_owned();
    Some(Asked { subject, lines: body.lines().map(str::to_owned).collect(), link })
}

/// Opens the form as a browser would, without a token or cookie of ours; answers the names of its fields.
pub async fn open(http: &reqwest::Client, link: &str) -> Result<Vec<String>> {
    let response = http.get(link).header("accept", "text/html").send().await?;
    let status = response.status();
    let page = response.text().await?;
    if !status.is_success() || !page.contains("<form") {
        bail!("the mail's link answered {status} without a form");
    }
    Ok(names(&page))
}

/// The names of the inputs of a page.
fn names(page: &str) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for part in page.split("name=\"").skip(1) {
        let name = part.split('"').next().unwrap_or_default().to_owned();
        if !names.contains(&name) && name != "viewport" {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_found_in_a_mail_of_any_encoding() {
        let quoted = "Subject: How is demo?\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nMeasured =E2=82=AC 1\r\nhttp://localhost:1/feed=\r\nback/abc=3D\r\n";
        let base64 = "Subject: =?utf-8?q?How_is_demo=3F?=\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nTWVhc3VyZWQg4oKsIDENCmh0dHA6Ly9sb2NhbGhvc3Q6MS9mZWVkYmFjay9hYmM9DQo=\r\n";
        for mail in [quoted, base64] {
            let asked = read(mail.as_bytes()).unwrap();
            assert_eq!(
                (asked.subject.as_str(), asked.link.as_str()),
                ("How is demo?", "http://localhost:1/feedback/abc=")
            );
            assert_eq!(asked.lines[0], "Measured € 1");
        }
        assert!(read(b"Subject: x\n\ntext/plain\n\nno link").is_none());
    }

    #[test]
    fn fields_of_a_form() {
        let page = r#"<form method="post"><input name="type"><input name="type"><textarea name="comments">"#;
        assert_eq!(names(page), ["type", "comments"]);
    }
}
