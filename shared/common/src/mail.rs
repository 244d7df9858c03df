//! Mail as files in a folder, or by SMTP.
//!
//! Invariant: no field of a mail can add a header or a receiver: addresses are parsed, subjects lose their control
//! characters, and everything is written by a message builder. What a key was sent for is not sent again as far as
//! this adapter can tell: a folder knows for ever, SMTP for as long as the process lives (the receiver can tell by
//! the `Message-ID`).

use async_trait::async_trait;
use aws_lc_rs::digest;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, SinglePart, header::ContentType},
};
use model::port::{self, Mail, PortError};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};
use url::{Host, Url};

/// How many sent keys SMTP remembers.
const REMEMBERED: usize = 10_000;

/// Why mail can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address.
    #[error(
        "`{from}` is no address that mail can come from: give one such as `Sextant <sextant@example.com>`"
    )]
    From {
        /// What was given.
        from: String,
    },
    /// Not a server. The text never holds the password.
    #[error(
        "the mail server's URL is not usable ({reason}): give one such as `smtps://user:password@mail.example.com:465`"
    )]
    Server {
        /// What is wrong with it, without its password.
        reason: String,
    },
    /// The folder can't be made.
    #[error(
        "the mail folder `{path}` can't be made ({source}): check its owner and the free space on the disk"
    )]
    Folder {
        /// The folder that mails were to be written to.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Sends mail: as files of a folder, or to a server.
pub enum Mailer {
    /// Writes `.eml` files that a mail program opens.
    Folder {
        /// The folder, which exists.
        folder: PathBuf,
        /// Who it comes from.
        from: Mailbox,
    },
    /// Hands mail to a server.
    Smtp(Box<Smtp>),
}

/// A mail server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    /// True once the server took it, false while it is being sent.
    keys: HashMap<String, bool>,
    order: VecDeque<String>,
}

impl Mailer {
    /// Mail as files in `folder`, which is made if it is missing.
    pub fn folder(folder: &Path, from: &str) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::Folder { path: folder.to_owned(), source })?;
        Ok(Self::Folder { folder: folder.to_owned(), from: mailbox(from)? })
    }

    /// Mail by SMTP. `url` is `smtps://…` (TLS), or `smtp://user:password@host:port`: then STARTTLS is required when
    /// there is a password and the host is not this machine, and used where offered otherwise; `?tls=required` and
    /// `?tls=opportunistic` say it outright.
    pub fn smtp(url: &str, from: &str) -> Result<Self, Error> {
        let server = |reason: String| Error::Server { reason };
        let mut url = Url::parse(url).map_err(|error| server(error.to_string()))?;
        if url.scheme() == "smtp"
            && !url.query_pairs().any(|(name, _)| name == "tls")
            && !is_this_machine(&url)
        {
            let tls = if url.password().is_some() { "required" } else { "opportunistic" };
            url.query_pairs_mut().append_pair("tls", tls);
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str());
        // The library's text may quote the URL, and the URL holds the password.
        let builder = builder.map_err(|_| {
            server(format!("scheme `{}`, host `{}`", url.scheme(), url.host_str().unwrap_or("")))
        })?;
        let smtp = Smtp { transport: builder.build(), from: mailbox(from)?, sent: Mutex::default() };
        Ok(Self::Smtp(Box::new(smtp)))
    }
}

#[async_trait]
impl port::Mailer for Mailer {
    async fn send(&self, mail: Mail) -> Result<(), PortError> {
        match self {
            Self::Folder { folder, from } => {
                let bytes = message(&mail, from)?.formatted();
                let path = folder.join(file_name(&mail.key));
                let stored = tokio::task::spawn_blocking({
                    let (folder, path) = (folder.clone(), path.clone());
                    move || store(&folder, &path, &bytes)
                });
                let failed = |error: String| {
                    PortError::Transient(format!(
                        "the mail `{}` can't be written ({error}): check the disk",
                        path.display()
                    ))
                };
                stored
                    .await
                    .map_err(|error| failed(error.to_string()))?
                    .map_err(|error| failed(error.to_string()))
            }
            Self::Smtp(smtp) => smtp.send(mail).await,
        }
    }
}

impl Smtp {
    async fn send(&self, mail: Mail) -> Result<(), PortError> {
        let message = message(&mail, &self.from)?;
        if !self.claim(&mail.key)? {
            return Ok(());
        }
        // Gives the key back if the send fails, or is broken off half-way by a deadline.
        let claim = Claim { sent: &self.sent, key: &mail.key, taken: false };
        self.transport.send(message).await.map_err(|error| verdict(&error))?;
        claim.keep();
        Ok(())
    }

    /// False if the key was sent already.
    fn claim(&self, key: &str) -> Result<bool, PortError> {
        let mut sent = self.sent.lock();
        match sent.keys.get(key) {
            Some(true) => Ok(false),
            Some(false) => Err(PortError::Transient(format!(
                "the mail `{key}` is being sent right now by somebody else; it will be looked at again"
            ))),
            None => {
                sent.keys.insert(key.to_owned(), false);
                Ok(true)
            }
        }
    }
}

struct Claim<'a> {
    sent: &'a Mutex<Sent>,
    key: &'a str,
    taken: bool,
}

impl Claim<'_> {
    fn keep(mut self) {
        self.taken = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut sent = self.sent.lock();
        if !self.taken {
            sent.keys.remove(self.key);
            return;
        }
        sent.keys.insert(self.key.to_owned(), true);
        sent.order.push_back(self.key.to_owned());
        if sent.order.len() > REMEMBERED
            && let Some(oldest) = sent.order.pop_front()
        {
            sent.keys.remove(&oldest);
        }
    }
}

/// Permanent is what the server refused for good (class 5); anything else may work later.
fn verdict(error: &lettre::transport::smtp::Error) -> PortError {
    if error.is_permanent() {
        return PortError::Permanent(format!(
            "the mail server refused the mail ({error}): check the address, and the user and password in the server's URL"
        ));
    }
    PortError::Transient(format!(
        "the mail server can't take the mail now ({error}): it will be tried again; check the server's URL if this goes on"
    ))
}

fn mailbox(text: &str) -> Result<Mailbox, Error> {
    text.parse()
        .map_err(|_| Error::From { from: text.chars().filter(|c| !c.is_control()).take(80).collect() })
}

fn is_this_machine(url: &Url) -> bool {
    // In a URL of a scheme that browsers don't know, an address is parsed as a name.
    let name = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => return address.is_loopback(),
        Some(Host::Ipv6(address)) => return address.is_loopback(),
        None => return false,
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn message(mail: &Mail, from: &Mailbox) -> Result<Message, PortError> {
    let wrong = |text: String| PortError::Permanent(text);
    let to: Address = mail.to.parse().map_err(|_| {
        wrong(format!("`{}` is no mail address: correct it in the settings", plain(&mail.to)))
    })?;
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(plain(&mail.subject))
        .message_id(Some(format!("<{}@{}>", digest_of(&mail.key), from.email.domain())));
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.text.clone());
    let built = match &mail.html {
        None => builder.singlepart(text),
        Some(html) => {
            let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html.clone());
            builder.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
        }
    };
    built.map_err(|error| {
        wrong(format!(
            "the mail `{}` can't be written ({error}): correct its address and subject",
            plain(&mail.key)
        ))
    })
}

/// Without line breaks and other control characters, which could begin a header.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// 128 bits of SHA-256, in hexadecimal.
fn digest_of(key: &str) -> String {
    hex::encode(&digest::digest(&digest::SHA256, key.as_bytes()).as_ref()[..16])
}

/// Readable, and different for different keys.
fn file_name(key: &str) -> String {
    let readable: String =
        key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(80).collect();
    format!("{readable}-{}.eml", &digest_of(key)[..8])
}

/// Durable; a file that is there already stays as it is.
fn store(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let temporary = tempname(path);
    let mut file = File::create_new(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(folder)?.sync_all(),
    }
}

fn tempname(path: &Path) -> PathBuf {
    use model::port::Random as _;
    path.with_extension(format!("new-{:032x}", crate::clock::OsRandom.bits()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use port::Mailer as _;

    fn mail(key: &str) -> Mail {
        Mail {
            key: key.into(),
            to: "ann@example.com".into(),
            subject: "How did it go?".into(),
            text: "Grüße".into(),
            html: None,
        }
    }

    fn files(folder: &Path) -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_repeat_makes_no_second_file() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = Mailer::folder(folder.path(), "Sextant <sextant@example.com>").unwrap();
        for key in ["ask/dec_1", "ask/dec_1", "ask-dec_1"] {
            mailer.send(Mail { html: Some("<p>Grüße</p>".into()), ..mail(key) }).await.unwrap();
        }
        let files = files(folder.path());
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(
            files
                .iter()
                .all(|file| file.contains("To: ann@example.com") && file.contains("multipart/alternative"))
        );
        assert!(
            files.iter().all(|file| file.contains("@example.com>") && file.contains("Message-ID: <")),
            "{files:?}"
        );
    }

    #[tokio::test]
    async fn no_field_adds_a_header_or_a_receiver() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = Mailer::folder(folder.path(), "sextant@example.com").unwrap();
        let subject = "Hello\r\nBcc: eve@example.com\r\n\r\nbody".to_owned();
        mailer.send(Mail { subject, ..mail("a\r\nBcc: eve@example.com") }).await.unwrap();
        let file = files(folder.path()).remove(0);
        let (head, _) = file.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
        for to in [
            "ann@example.com, eve@example.com",
            "ann@example.com\r\nBcc: eve@example.com",
            "ann",
            "<ann@example.com>",
        ] {
            let error = mailer.send(Mail { to: to.into(), ..mail("b") }).await.unwrap_err();
            assert!(!error.is_transient(), "{error}");
        }
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn a_bad_server_is_refused_without_showing_the_password() {
        for url in
            ["http://ann:hunter2@example.com", "mail.example.com", "smtp://ann:hunter2@example.com?tls=maybe"]
        {
            let error = Mailer::smtp(url, "sextant@example.com").err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(matches!(Mailer::smtp("smtp://127.0.0.1:25", "nobody"), Err(Error::From { .. })));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_transient() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mailer = Mailer::smtp(&format!("smtp://127.0.0.1:{port}"), "sextant@example.com").unwrap();
        for _ in 0..2 {
            let error = mailer.send(mail("a")).await.unwrap_err();
            assert!(error.is_transient(), "{error}");
        }
    }
}
