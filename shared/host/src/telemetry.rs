//! Logs: JSON lines for Cloud Logging on stdout, or compact lines for people on stderr.
//!
//! `tracing-stackdriver` formats; a writer behind it lifts what our spans carry to where Cloud Logging looks:
//! `trace_id` to `logging.googleapis.com/trace`, the other ids to labels. (The crate rewrites dotted keys of events
//! and knows only OpenTelemetry's traces, so neither can be done through it.)

use serde_json::{Map, Value};
use std::{
    io::{self, IsTerminal, Write},
    str::FromStr,
};
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

/// For whom logs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// People at a terminal: stderr, since stdout is for data.
    Human,
    /// Cloud Logging: lines of JSON that name their trace.
    Cloud {
        /// The project that traces are in.
        project: Option<String>,
    },
}

/// Starts logging. `filter` is like `info` or `warn,host=debug`.
pub fn init(format: Format, filter: &str) -> Result<(), String> {
    let targets = Targets::from_str(filter)
        .map_err(|e| format!("`{filter}` is not a log filter: {e}; use for example `info,host=debug`"))?;
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Human => {
            let layer = tracing_subscriber::fmt::layer().compact().with_target(false);
            Box::new(layer.with_ansi(io::stderr().is_terminal()).with_writer(io::stderr))
        }
        Format::Cloud { project } => Box::new(cloud(project, io::stdout)),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(targets));
    subscriber.try_init().map_err(|e| format!("logging was started already: {e}"))
}

/// The layer that writes for Cloud Logging.
fn cloud<M>(project: Option<String>, writer: M) -> impl Layer<Registry> + Send + Sync
where
    M: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_stackdriver::layer().with_source_location(false).with_writer(Lifting { project, writer })
}

/// Makes writers that lift.
struct Lifting<M> {
    project: Option<String>,
    writer: M,
}

/// Takes one whole entry a write: the formatter hands each over so.
struct Lift<'a, W> {
    project: Option<&'a str>,
    writer: W,
}

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Lifting<M> {
    type Writer = Lift<'w, M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Lift { project: self.project.as_deref(), writer: self.writer.make_writer() }
    }
}

impl<W: Write> Write for Lift<'_, W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        match serde_json::from_slice::<Map<String, Value>>(entry) {
            Ok(map) => {
                let mut line = serde_json::to_vec(&lift(map, self.project))?;
                line.push(b'\n');
                self.writer.write_all(&line)?;
            }
            // Better an odd entry than none.
            Err(_) => self.writer.write_all(entry)?,
        }
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

const LABELS: &str = "logging.googleapis.com/labels";

/// The entry with the fields of its spans where they are looked for; inner spans win.
fn lift(mut entry: Map<String, Value>, project: Option<&str>) -> Map<String, Value> {
    entry.remove("span");
    let spans = match entry.remove("spans") {
        Some(Value::Array(spans)) => spans,
        _ => vec![],
    };
    let mut labels = Map::new();
    let mut trace = None;
    for (name, value) in spans
        .into_iter()
        .filter_map(|span| if let Value::Object(fields) = span { Some(fields) } else { None })
        .flatten()
    {
        match (name.as_str(), value) {
            ("name", _) => {}
            ("trace_id", Value::String(id)) => trace = Some(id),
            (_, Value::String(text)) => {
                labels.insert(name, text.into());
            }
            (_, other) => {
                labels.insert(name, other.to_string().into());
            }
        }
    }
    if let Some(Value::Object(own)) = entry.remove(LABELS) {
        labels.extend(own);
    }
    if !labels.is_empty() {
        entry.insert(LABELS.to_owned(), labels.into());
    }
    if let Some(id) = trace {
        let name = project.map_or(id.clone(), |project| format!("projects/{project}/traces/{id}"));
        entry.insert("logging.googleapis.com/trace".to_owned(), name.into());
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_entry_has_severity_trace_and_ids_where_cloud_logging_looks() {
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber =
            tracing_subscriber::registry().with(cloud(Some("proj".into()), move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(
                "request",
                tenant = "acme",
                trace_id = "4bf9",
                deployment = tracing::field::Empty
            );
            span.record("deployment", "dep_1");
            let _entered = span.enter();
            tracing::warn!(labels.step = 3, count = 2, "a \"quoted\"\nline");
        });
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {});
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let entry: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(entry["severity"], "WARNING");
        assert_eq!(entry["message"], "a \"quoted\"\nline");
        assert_eq!(entry["count"], 2);
        assert_eq!(entry["logging.googleapis.com/trace"], "projects/proj/traces/4bf9");
        assert_eq!(
            entry[LABELS],
            serde_json::json!({ "tenant": "acme", "deployment": "dep_1", "step": "3" })
        );
        assert!(
            entry["time"].is_string() && entry.get("span").is_none() && entry.get("spans").is_none(),
            "{entry}"
        );
    }

    #[test]
    fn a_filter_that_is_none_is_refused_with_an_example() {
        let error = init(Format::Human, "host=verbose").unwrap_err();
        assert!(error.contains("`host=verbose`") && error.contains("info"), "{error}");
    }
}
