//! How whoever deploys wants an app to run: above what its own file says, and what inspection finds.

use serde::{Deserialize, Serialize};

/// What is asked for; what is absent is left to `sextant.toml`, then to inspection and to what was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    /// The port it listens on where `$PORT` is not set. Naming it says that it does listen on `$PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub port: Option<u16>,
    /// The path that answers below 400 when the app is well, such as `/healthz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub health_path: Option<String>,
    /// vCPU in thousandths, 80 to 8000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 80, maximum = 8000)]
    pub cpu_milli: Option<u32>,
    /// Memory in MiB, 128 to 32768.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 128, maximum = 32_768)]
    pub memory_mib: Option<u32>,
    /// Requests that one instance takes at once, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub concurrency: Option<u32>,
    /// Instances that always run, 0 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000)]
    pub min_instances: Option<u32>,
    /// At most this many instances, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_instances: Option<u32>,
}

/// What is wrong with one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRunOption {
    /// Its name.
    pub field: &'static str,
    /// What it takes, one sentence.
    pub takes: String,
}

impl RunOptions {
    /// Bytes of a health path.
    pub const PATH_BYTES: usize = 200;

    /// What is wrong with them, each with its name; nothing if all can be had.
    pub fn findings(&self) -> Vec<BadRunOption> {
        let mut wrong = Vec::new();
        let mut bounded = |field, value: Option<u32>, least: u32, most: u32, what: &str| {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                wrong.push(BadRunOption {
                    field,
                    takes: format!("{least} to {most} {what} can be asked for"),
                });
            }
        };
        bounded("port", self.port.map(u32::from), 1, 65_535, "as a port");
        bounded("cpu_milli", self.cpu_milli, 80, 8_000, "thousandths of a vCPU");
        bounded("memory_mib", self.memory_mib, 128, 32_768, "MiB");
        bounded("concurrency", self.concurrency, 1, 1_000, "requests at once");
        bounded("min_instances", self.min_instances, 0, 1_000, "instances that always run");
        bounded("max_instances", self.max_instances, 1, 1_000, "instances");
        if let (Some(min), Some(max)) = (self.min_instances, self.max_instances)
            && min > max
        {
            let takes = format!(
                "at least {min} instances are to run and at most {max}; make the one no more than the other"
            );
            wrong.push(BadRunOption { field: "max_instances", takes });
        }
        if self.health_path.as_ref().is_some_and(|path| !Self::is_path(path)) {
            let takes = format!(
                "a path begins with one `/` and has at most {} visible ASCII characters, neither `#` nor `\\`",
                Self::PATH_BYTES
            );
            wrong.push(BadRunOption { field: "health_path", takes });
        }
        wrong
    }

    fn is_path(path: &str) -> bool {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= Self::PATH_BYTES
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'\\')
    }

    /// These, and where they are silent those.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            port: self.port.or(other.port),
            health_path: self.health_path.clone().or_else(|| other.health_path.clone()),
            cpu_milli: self.cpu_milli.or(other.cpu_milli),
            memory_mib: self.memory_mib.or(other.memory_mib),
            concurrency: self.concurrency.or(other.concurrency),
            min_instances: self.min_instances.or(other.min_instances),
            max_instances: self.max_instances.or(other.max_instances),
        }
    }
}

/// vCPU in thousandths: `0.5`, `2`, `500m`.
///
/// # Errors
/// What it takes, where the text is something else.
pub fn cpu_milli(text: &str) -> Result<u32, String> {
    let milli = match text.strip_suffix('m') {
        Some(milli) => milli.parse().ok(),
        None => text
            .parse()
            .ok()
            .filter(|cpu: &f64| (0.0..=1e6).contains(cpu))
            .map(|cpu| (cpu * 1e3).round() as u32),
    };
    milli.ok_or_else(|| "write vCPUs, such as `0.5` or `2`, or thousandths of one, such as `500m`".to_owned())
}

/// Memory in MiB: `512`, `512Mi`, `1Gi`, `1.5Gi`.
///
/// # Errors
/// What it takes, where the text is something else.
pub fn memory_mib(text: &str) -> Result<u32, String> {
    let text = text.trim_end_matches(['B', 'b']);
    let unit = |unit: &str| text.strip_suffix(unit).or_else(|| text.strip_suffix(&unit[..1]));
    let (number, factor) = match (unit("Mi"), unit("Gi")) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 1024.0),
        (None, None) => (text, 1.0),
    };
    let mib = number.trim().parse().ok().map(|mib: f64| mib * factor).filter(|mib| (1.0..=1e6).contains(mib));
    mib.map(|mib| mib.round() as u32)
        .ok_or_else(|| "write memory in MiB, such as `512`, or with its unit: `512Mi`, `2Gi`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, milli) in [("1", 1000), ("0.5", 500), ("500m", 500), ("2.0", 2000)] {
            assert_eq!(cpu_milli(text), Ok(milli));
        }
        for (text, mib) in
            [("512", 512), ("512Mi", 512), ("1Gi", 1024), ("1.5Gi", 1536), ("256M", 256), ("2GiB", 2048)]
        {
            assert_eq!(memory_mib(text), Ok(mib), "{text}");
        }
        for text in ["", "x", "-1", "1e99", "NaN", "Mi"] {
            assert!(cpu_milli(text).is_err() && memory_mib(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_had_is_named() {
        assert_eq!(RunOptions::default().findings(), []);
        let wrong = RunOptions {
            port: Some(0),
            health_path: Some("health".into()),
            cpu_milli: Some(9_000),
            memory_mib: Some(64),
            concurrency: Some(0),
            min_instances: Some(3),
            max_instances: Some(2),
        };
        let fields: Vec<&str> = wrong.findings().iter().map(|one| one.field).collect();
        assert_eq!(
            fields,
            ["port", "cpu_milli", "memory_mib", "concurrency", "max_instances", "health_path"]
        );
        let good =
            RunOptions { port: Some(80), health_path: Some("/up?x=1".into()), ..RunOptions::default() };
        assert_eq!(good.findings(), []);
        assert_eq!(good.or(&wrong).memory_mib, Some(64));
        assert_eq!(good.or(&wrong).port, Some(80));
    }
}
