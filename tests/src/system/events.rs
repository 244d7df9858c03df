//! Live events of a deployment: what tests wait for instead of sleeping.

use super::{Killed, PATIENCE, System};
use reqwest::Method;
use serde_json::Value;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// `status`, `log`, `canary`, `reset`, `done`.
    pub name: String,
    /// What it says.
    pub data: Value,
    /// Where to go on after it.
    pub id: Option<String>,
}

impl Event {
    /// Whether it says that the deployment has this status.
    pub fn is_status(&self, status: &str) -> bool {
        self.name == "status" && self.data["status"] == status
    }

    /// Whether it is a line of the build's log with this text in it.
    pub fn is_log(&self, text: &str) -> bool {
        self.name == "log" && self.data["text"].as_str().is_some_and(|line| line.contains(text))
    }

    /// Whether it is a shift in which the new revision has had requests.
    pub fn is_canary(&self) -> bool {
        self.name == "canary" && self.data["counts"]["canary_requests"].as_u64() > Some(0)
    }
}

/// An open stream.
pub struct Events {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event; `None` where the stream ends.
    pub async fn next(&mut self) -> Result<Option<Event>, reqwest::Error> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8_lossy(&block)) {
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let (name, data) = (field("event")?.to_owned(), serde_json::from_str(field("data")?).ok()?);
    Some(Event { name, data, id: field("id").map(str::to_owned) })
}

impl System {
    /// Opens a deployment's stream, after an event.
    pub async fn events(&self, id: &str, after: Option<&str>) -> Result<Events, Killed> {
        let path = format!("/api/v1/deployments/{id}/events");
        let request = self.request(Method::GET, &path, &self.address().token);
        let request = after.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                assert_eq!(status, 200, "{}", response.text().await.unwrap_or_default());
                Ok(Events { response, buffer: Vec::new() })
            }
            Err(error) => Err(self.dead(&error.to_string()).await),
        }
    }

    /// Waits for an event; the end of the deployment without it is a failure of the test.
    pub async fn wait_for(&self, id: &str, wanted: impl FnMut(&Event) -> bool) -> Result<Event, Killed> {
        match tokio::time::timeout(PATIENCE, self.follow(id, wanted)).await {
            Ok(result) => result,
            Err(_) => {
                let view = self.get(&format!("/api/v1/deployments/{id}")).await.map(|reply| reply.text);
                panic!("{id}: that never happened\n{}\n{view:?}", self.story().await)
            }
        }
    }

    async fn follow(&self, id: &str, mut wanted: impl FnMut(&Event) -> bool) -> Result<Event, Killed> {
        let mut last: Option<String> = None;
        loop {
            let mut events = self.events(id, last.as_deref()).await?;
            loop {
                match events.next().await {
                    Ok(Some(event)) if wanted(&event) => return Ok(event),
                    Ok(Some(event)) if event.name == "done" => {
                        panic!("{id} ended before that was seen: {:#}", event.data)
                    }
                    Ok(Some(event)) => last = event.id.or(last),
                    Ok(None) => break,
                    Err(error) => return Err(self.dead(&error.to_string()).await),
                }
            }
        }
    }

    /// Waits until a deployment is at rest, and answers it.
    pub async fn rest(&self, id: &str) -> Result<Value, Killed> {
        Ok(self.wait_for(id, |event| event.name == "done").await?.data)
    }
}
