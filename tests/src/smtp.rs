//! A small SMTP server on loopback that keeps and counts the mails it is given: what was really sent is counted by
//! the receiver, not by whoever sent it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// One mail as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Address of `MAIL FROM`.
    pub from: String,
    /// Addresses of `RCPT TO`.
    pub to: Vec<String>,
    /// Head and body, lines ended by `\n`.
    pub data: String,
}

impl Received {
    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.data.split("\n\n").next()?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What to do to the next mail instead of taking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Answer with this code (4xx or 5xx) and don't keep it.
    Refuse(u16),
    /// Keep it, but close the connection before the answer.
    LoseAnswer,
}

#[derive(Default)]
struct Inbox {
    mails: Vec<Received>,
    troubles: VecDeque<Trouble>,
}

/// The server; it ends when this is dropped.
pub struct FakeSmtp {
    address: SocketAddr,
    inbox: Arc<Mutex<Inbox>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl FakeSmtp {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let (sender, count) = watch::channel(0);
        let task = tokio::spawn({
            let inbox = inbox.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A client that goes away in the middle is not the server's failure.
                    tokio::spawn(converse(stream, inbox.clone(), sender.clone()));
                }
            }
        });
        Self { address, inbox, count, task }
    }

    /// For the mailer's configuration.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Every mail so far, repeats included.
    pub fn mails(&self) -> Vec<Received> {
        self.inbox.lock().unwrap().mails.clone()
    }

    /// How many mails came, repeats included.
    pub fn count(&self) -> usize {
        self.mails().len()
    }

    /// Waits until at least so many came.
    pub async fn wait_for(&self, count: usize) {
        self.count.clone().wait_for(|now| *now >= count).await.unwrap();
    }

    /// What happens to the next mail that has no trouble yet.
    pub fn trouble(&self, trouble: Trouble) {
        self.inbox.lock().unwrap().troubles.push_back(trouble);
    }
}

impl Drop for FakeSmtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Conversation {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Conversation {
    async fn line(&mut self) -> Option<String> {
        self.lines.next_line().await.ok().flatten()
    }

    async fn say(&mut self, text: &str) -> Option<()> {
        self.writer.write_all(format!("{text}\r\n").as_bytes()).await.ok()
    }

    /// The mail's lines up to the dot, dots unstuffed.
    async fn data(&mut self) -> Option<String> {
        let mut data = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Some(data);
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
    }
}

async fn converse(stream: TcpStream, inbox: Arc<Mutex<Inbox>>, count: watch::Sender<usize>) -> Option<()> {
    let (reader, writer) = stream.into_split();
    let mut talk = Conversation { lines: BufReader::new(reader).lines(), writer };
    let (mut from, mut to) = (String::new(), Vec::new());
    talk.say("220 fake ESMTP").await?;
    loop {
        let line = talk.line().await?;
        let upper = line.to_ascii_uppercase();
        match upper.split([' ', ':']).next()? {
            "EHLO" => talk.say("250-fake\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN").await?,
            "HELO" | "NOOP" | "RSET" => talk.say("250 ok").await?,
            "AUTH" => talk.say("235 welcome").await?,
            "MAIL" => {
                (from, to) = (address(&line), Vec::new());
                talk.say("250 ok").await?;
            }
            "RCPT" => {
                to.push(address(&line));
                talk.say("250 ok").await?;
            }
            "DATA" => {
                talk.say("354 go on").await?;
                let data = talk.data().await?;
                let mail = Received { from: from.clone(), to: to.clone(), data };
                take(&mut talk, mail, &inbox, &count).await?;
            }
            "QUIT" => return talk.say("221 bye").await,
            _ => talk.say("502 unknown").await?,
        }
    }
}

/// Keeps the mail, or doesn't, and answers; `None` ends the conversation.
async fn take(
    talk: &mut Conversation,
    mail: Received,
    inbox: &Mutex<Inbox>,
    count: &watch::Sender<usize>,
) -> Option<()> {
    let (trouble, now) = {
        let mut inbox = inbox.lock().unwrap();
        let trouble = inbox.troubles.pop_front();
        if !matches!(trouble, Some(Trouble::Refuse(_))) {
            inbox.mails.push(mail);
        }
        (trouble, inbox.mails.len())
    };
    count.send_replace(now);
    match trouble {
        None => talk.say("250 kept").await,
        Some(Trouble::Refuse(code)) => talk.say(&format!("{code} no")).await,
        Some(Trouble::LoseAnswer) => None,
    }
}

fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::mail::Mailer;
    use model::port::{Mail, Mailer as _};

    fn mail(key: &str) -> Mail {
        let text = "Grüße\n.a line that begins with a dot".to_owned();
        Mail {
            key: key.into(),
            to: "ann@example.com".into(),
            subject: "How did it go?".into(),
            text,
            html: None,
        }
    }

    async fn server() -> (FakeSmtp, Mailer) {
        let server = FakeSmtp::start().await;
        let mailer = Mailer::smtp(&server.url(), "Sextant <sextant@example.com>").unwrap();
        (server, mailer)
    }

    #[tokio::test]
    async fn a_mail_arrives_once_per_key() {
        let (server, mailer) = server().await;
        for key in ["a", "a", "b"] {
            mailer.send(mail(key)).await.unwrap();
        }
        server.wait_for(2).await;
        let mails = server.mails();
        assert_eq!(mails.len(), 2);
        assert_eq!(
            (mails[0].from.as_str(), mails[0].to.as_slice()),
            ("sextant@example.com", ["ann@example.com".to_owned()].as_slice())
        );
        assert_eq!(mails[0].header("Subject"), Some("How did it go?"));
        assert_ne!(mails[0].header("Message-ID").unwrap(), mails[1].header("Message-ID").unwrap());
    }

    #[tokio::test]
    async fn a_password_is_given_to_this_machine_without_tls() {
        let server = FakeSmtp::start().await;
        let url = server.url().replace("smtp://", "smtp://ann:secret@");
        let mailer = Mailer::smtp(&url, "sextant@example.com").unwrap();
        mailer.send(mail("a")).await.unwrap();
        assert_eq!(server.count(), 1);
    }

    #[tokio::test]
    async fn class_four_is_transient_and_class_five_permanent() {
        let (server, mailer) = server().await;
        for (code, transient) in [(451, true), (421, true), (550, false), (554, false)] {
            server.trouble(Trouble::Refuse(code));
            let error = mailer.send(mail("a")).await.unwrap_err();
            assert_eq!(error.is_transient(), transient, "{code}: {error}");
        }
        mailer.send(mail("a")).await.unwrap();
        assert_eq!(server.count(), 1);
    }

    #[tokio::test]
    async fn a_lost_answer_is_transient_and_the_repeat_can_be_recognised() {
        let (server, mailer) = server().await;
        server.trouble(Trouble::LoseAnswer);
        assert!(mailer.send(mail("a")).await.unwrap_err().is_transient());
        mailer.send(mail("a")).await.unwrap();
        let mails = server.mails();
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].header("Message-ID").unwrap(), mails[1].header("Message-ID").unwrap());
    }
}
