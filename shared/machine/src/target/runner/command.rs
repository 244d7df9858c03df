//! One command of a build: started through the shell, its output captured line by line, its whole group ended.
//!
//! Invariant: when this returns or is dropped, nothing that the command started in its group runs any more.

use super::output::Output;
use crate::target::{capture::Lines, process};
use model::document::log::Stream;
use rustix::process::Signal;
use std::{
    collections::BTreeMap, os::unix::process::ExitStatusExt as _, path::Path, process::Stdio, time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::Instant,
};

/// How long a command may take to end when asked.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is read after the command's group is gone: whoever left the group may hold the pipes.
const DRAIN: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Exit(i32),
    Signal(i32),
    Timeout(Duration),
    NotStarted(String),
}

/// How long it may take: what is left, of how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub left: Duration,
    pub whole: Duration,
}

/// Kills the group when the build is given up in the middle of a command.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        process::signal_group(self.0, Signal::KILL);
    }
}

pub(super) async fn run(
    text: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
    limits: Limits,
    output: &mut Output,
) -> Ended {
    let spawned = Command::new("/bin/sh")
        .args(["-c", text])
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Ended::NotStarted(error.to_string()),
    };
    let mut group = Group(child.id().map_or(0, |id| id as i32));
    let (mut out, mut err) = (Pipe::new(child.stdout.take()), Pipe::new(child.stderr.take()));
    let deadline = Instant::now() + limits.left;
    let mut stop_reading = None;
    let mut ended = None;
    while ended.is_none() || out.open() || err.open() {
        tokio::select! {
            chunk = out.read(), if out.open() => out.take(chunk, Stream::Out, output),
            chunk = err.read(), if err.open() => err.take(chunk, Stream::Err, output),
            status = child.wait(), if ended.is_none() => {
                ended = Some(status.map_or(Ended::Exit(-1), |status| {
                    status.code().map_or_else(|| Ended::Signal(status.signal().unwrap_or(0)), Ended::Exit)
                }));
                process::kill_group(group.0).await;
                stop_reading = Some(Instant::now() + DRAIN);
            }
            () = tokio::time::sleep_until(deadline), if ended.is_none() => {
                process::end_group(group.0, GRACE).await;
                child.wait().await.ok();
                ended = Some(Ended::Timeout(limits.whole));
                stop_reading = Some(Instant::now() + DRAIN);
            }
            () = tokio::time::sleep_until(stop_reading.unwrap_or(deadline)), if stop_reading.is_some() => break,
            () = output.due() => output.flush(),
        }
    }
    group.0 = 0; // reaped and ended: the id may soon be somebody else's
    out.lines.finish(|line, cut| output.line(Stream::Out, line, cut));
    err.lines.finish(|line, cut| output.line(Stream::Err, line, cut));
    ended.unwrap_or(Ended::Exit(-1))
}

/// One of the command's streams.
struct Pipe<R> {
    reader: Option<R>,
    buffer: Vec<u8>,
    lines: Lines,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, buffer: vec![0; 64 * 1024], lines: Lines::default() }
    }

    fn open(&self) -> bool {
        self.reader.is_some()
    }

    /// The next bytes: how many of the buffer; 0 at the end.
    async fn read(&mut self) -> usize {
        match &mut self.reader {
            Some(reader) => reader.read(&mut self.buffer).await.unwrap_or(0),
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, read: usize, stream: Stream, output: &mut Output) {
        if read == 0 {
            self.reader = None;
        }
        self.lines.feed(&self.buffer[..read], |line, cut| output.line(stream, line, cut));
    }
}
