//! Server-sent events: parsed as they come, resumed where they broke off.
//!
//! Invariant: an event is handed on once; after a break the server is told the last id that was seen.

use super::client::Api;
use crate::failure::Stop;
use anyhow::{Result, anyhow};
use std::time::Duration;

/// Breaks in a row, with nothing received between them, before giving up.
const TRIES: u32 = 8;
/// The pause before the first try again, unless the server names one.
const PAUSE: Duration = Duration::from_millis(300);
/// Bytes that one event may have.
const LONGEST: usize = 8 << 20;

/// One event of a stream, as `text/event-stream` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` if the server names none.
    pub kind: String,
    /// The lines of its `data` fields, joined by line feeds.
    pub data: String,
}

/// What has come of a stream.
#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    event: Event,
    id: Option<String>,
    retry: Option<Duration>,
    any_data: bool,
}

impl Parser {
    /// Takes bytes; complete events are added to `events`.
    fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<()> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(&line);
                self.take(line.trim_end_matches('\r'), events);
            } else {
                self.line.push(*byte);
            }
            if self.line.len() + self.event.data.len() > LONGEST {
                return Err(anyhow!("the server sent an event without end; look at its log"));
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &str, events: &mut Vec<Event>) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.any_data) {
                events.push(event);
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.kind),
            "id" => self.id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis),
            "data" => {
                if self.any_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.any_data = true;
            }
            _ => {}
        }
    }
}

/// Events of a path, for as long as somebody wants more.
pub struct Events<'a> {
    api: &'a Api,
    path: String,
    parser: Parser,
    response: Option<reqwest::Response>,
    ready: std::collections::VecDeque<Event>,
    failures: u32,
}

impl<'a> Events<'a> {
    /// From the beginning.
    pub fn new(api: &'a Api, path: String) -> Self {
        Self {
            api,
            path,
            parser: Parser::default(),
            response: None,
            ready: std::collections::VecDeque::new(),
            failures: 0,
        }
    }

    /// The next event. What breaks is connected again; an error is final.
    pub async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match self.receive().await {
                Ok(true) => self.failures = 0,
                Err(error) if is_final(&error) || self.failures >= TRIES => return Err(error),
                Ok(false) | Err(_) => self.pause().await?,
            }
        }
    }

    /// Waits for bytes; `false` when the stream ended.
    async fn receive(&mut self) -> Result<bool> {
        let response = if let Some(response) = &mut self.response {
            response
        } else {
            // What was half received is sent again.
            let (id, retry) = (self.parser.id.take(), self.parser.retry);
            self.parser = Parser { id, retry, ..Parser::default() };
            let response = self.api.stream(&self.path, self.parser.id.as_deref()).await?;
            self.response.insert(response)
        };
        let chunk = response.chunk().await;
        match chunk {
            Ok(Some(bytes)) => {
                let mut events = vec![];
                self.parser.push(&bytes, &mut events)?;
                self.ready.extend(events);
                Ok(true)
            }
            Ok(None) => {
                self.response = None;
                Ok(false)
            }
            Err(error) => {
                self.response = None;
                Err(error.into())
            }
        }
    }

    async fn pause(&mut self) -> Result<()> {
        self.failures += 1;
        if self.failures > TRIES {
            return Err(anyhow!(
                "the server keeps ending the stream; the deployment goes on: look at it with `sextant status`"
            ));
        }
        let pause = self.parser.retry.unwrap_or(PAUSE).min(Duration::from_secs(5));
        tokio::time::sleep(pause * self.failures).await;
        Ok(())
    }
}

/// Refused for good, in contrast to a server that is being restarted, or has no room for one more stream now.
fn is_final(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Refused(problem)) => problem["status"] != 429,
        Some(Stop::BadRequest(_) | Stop::Usage(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> (Vec<Event>, Parser) {
        let (mut parser, mut events) = (Parser::default(), vec![]);
        for chunk in chunks {
            parser.push(chunk.as_bytes(), &mut events).unwrap();
        }
        (events, parser)
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let text =
            "retry: 200\n: comment\n\nid: 3.0:1\nevent: log\ndata: one\ndata: two\n\ndata:x\r\n\r\nid: 4";
        let (whole, parser) = events(&[text]);
        assert_eq!(whole[0], Event { kind: "log".into(), data: "one\ntwo".into() });
        assert_eq!(whole[1], Event { kind: String::new(), data: "x".into() });
        assert_eq!(whole.len(), 2);
        assert_eq!((parser.id.as_deref(), parser.retry), (Some("3.0:1"), Some(Duration::from_millis(200))));
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(events(&bytes).0, whole);
    }
}
