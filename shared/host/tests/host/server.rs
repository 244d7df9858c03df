//! A runner behind real HTTP on loopback, and a client that can also misbehave.

use crate::fake::{Documents, caller};
use host::{Config, Function, Role, Runner, testing::World, token};
use model::port::Clock;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

pub struct Server {
    pub address: SocketAddr,
    pub documents: Arc<Documents>,
    pub world: World,
    pub runner: Arc<Runner>,
    pub stop: Option<oneshot::Sender<()>>,
    pub task: JoinHandle<std::io::Result<()>>,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub fn key() -> token::Key {
    token::Key::new(vec![7; 32]).unwrap()
}

impl Server {
    pub async fn start(functions: Vec<Function>) -> Self {
        Self::configured(Documents::world(), functions, |_| {}).await
    }

    pub async fn configured(
        (documents, world): (Arc<Documents>, World),
        functions: Vec<Function>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::local(address.port(), key());
        change(&mut config);
        let runner = Runner::new(functions, world.ports(), Arc::new(config))
            .with_openapi(|| host::openapi::document(&[]));
        let runner = Arc::new(runner);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(host::serve(listener, runner.router(), async {
            let _ = stopped.await;
        }));
        Self { address, documents, world, runner, stop: Some(stop), task }
    }

    pub fn token(&self, tenant: &str, role: Role) -> String {
        let claims = token::Claims::new(&caller(tenant, role), self.world.real(), 3600, 1);
        format!("Bearer {}", token::mint(&key(), &claims).unwrap())
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// `line` is like `GET /path`; a `host` among the headers replaces ours.
    pub fn head(&self, line: &str, headers: &[(&str, &str)]) -> String {
        let host = self.host();
        let mut head = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.extend(["host: ", &host, "\r\n"]);
        }
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head
    }

    pub async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = format!("{}content-length: {}\r\n\r\n{body}", self.head(line, headers), body.len());
        self.raw(request.as_bytes()).await
    }

    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        Answer::read(&mut stream).await
    }

    /// As a caller of tenant `acme` with this role.
    pub async fn by(&self, role: Role, line: &str, body: &str) -> Answer {
        self.send(line, &[("authorization", &self.token("acme", role))], body).await
    }
}

impl Answer {
    pub async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The problem's slug; every problem must be complete.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(
            !problem["title"].as_str().unwrap().is_empty() && problem["detail"].as_str().unwrap().len() > 20
        );
        assert_eq!(problem.get("error_id").is_some(), status >= 500, "{problem}");
        problem["type"].as_str().unwrap().strip_prefix("/errors#").unwrap().to_owned()
    }
}
