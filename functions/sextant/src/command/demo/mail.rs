//! The mail about the deployment, as it lies in the data folder, and the form that its link opens.

use anyhow::{Result, bail};
use std::{fs, path::Path};

/// The mail that asks: what a reader would see of it.
pub struct Asked {
    /// Its subject.
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
    mails.find_map(|entry| read(&fs::read_to_string(entry.path()).ok()?))
}

/// The first text of a mail: quoted-printable, or as it is.
fn read(mail: &str) -> Option<Asked> {
    let mail = mail.replace("\r\n", "\n");
    let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned();
    let text = mail.replace("=\n", "");
    let text = unquoted(&text);
    let (_, rest) = text.split_once("text/plain")?;
    let (_, body) = rest.split_once("\n\n")?;
    let body = body.split("\n--").next()?;
    let link =
        body.split_whitespace().find(|word| word.starts_with("http") && word.contains("/feedback/"))?;
    let link = link.trim_matches(['<', '>', '.', ')', '(']).to_owned();
    Some(Asked { subject, lines: body.lines().map(str::to_owned).collect(), link })
}

/// `=3D` is `=`, and the like; what is no such pair stays.
fn unquoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail.get(..2).filter(|_| *first == b'=').and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
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
    fn the_link_is_found_in_a_quoted_mail() {
        let mail = "Subject: How is demo?\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nMeasured =E2=82=AC 1\r\nhttp://localhost:1/feed=\r\nback/abc=3D\r\n";
        let asked = read(mail).unwrap();
        assert_eq!(
            (asked.subject.as_str(), asked.link.as_str()),
            ("How is demo?", "http://localhost:1/feedback/abc=")
        );
        assert_eq!(asked.lines[0], "Measured € 1");
        assert!(read("Subject: x\n\ntext/plain\n\nno link").is_none());
    }

    #[test]
    fn fields_of_a_form() {
        let page = r#"<form method="post"><input name="type"><input name="type"><textarea name="comments">"#;
        assert_eq!(names(page), ["type", "comments"]);
    }
}
