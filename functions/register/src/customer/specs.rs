//! What another system recommended, read from the forms that clients send.

use crate::recommend::class;
use host::Findings;
use model::Micros;
use serde_json::{Map, Value};

/// Most a month may cost, in US dollars: above it somebody mistook a unit.
const DEAREST_USD: f64 = 1e9;

/// What is known of the recommendation; absent where nothing was said.
#[derive(Debug, Default, PartialEq)]
pub struct Recommended {
    /// What the app is compared with.
    pub class: Option<String>,
    /// vCPU in thousandths.
    pub cpu_milli: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u32>,
    /// Requests at once.
    pub concurrency: Option<u32>,
    /// Instances that always run.
    pub min_instances: Option<u32>,
    /// At most this many.
    pub max_instances: Option<u32>,
    /// Requests a month.
    pub requests_month: Option<u64>,
    /// What a month was to cost.
    pub cost_month: Option<Micros>,
}

/// Reads the three fields; what can't be read is noted.
pub fn read(
    architecture: Option<&Value>,
    cost: Option<&Value>,
    specs: Option<&Value>,
    findings: &mut Findings,
) -> Recommended {
    let mut read = Recommended { cost_month: cost_month(cost, findings), ..Recommended::default() };
    let empty = Map::new();
    let specs_map = match specs {
        None | Some(Value::Null | Value::String(_)) => &empty,
        Some(Value::Object(map)) => map,
        Some(_) => {
            findings
                .add("recommended_specs", "it must be an object such as {\"cpu\": 1, \"memory\": \"512Mi\"}");
            &empty
        }
    };
    let mut sizes = Sizes { specs: specs_map, findings };
    read.cpu_milli = sizes.take(&["cpu", "vcpu", "vcpus", "cpus"], cpu).map(|milli| milli as u32);
    read.memory_mib =
        sizes.take(&["memory", "memory_mib", "memory_gib", "memory_gb", "ram"], memory).map(|mib| mib as u32);
    read.concurrency = sizes.count(&["concurrency", "max_concurrency"], 1, 1_000);
    read.min_instances = sizes.count(&["min_instances", "min_scale"], 0, 1_000);
    read.max_instances = sizes.count(&["max_instances", "max_scale"], 1, 1_000);
    read.requests_month = sizes
        .take(&["requests_month", "requests_per_month", "monthly_requests"], |_, value| {
            number(value)
                .filter(|n| (0.0..=1e12).contains(n))
                .ok_or_else(|| "0 to 10^12 requests a month".to_owned())
        })
        .map(|n| n as u64);
    let texts = [specs, architecture].into_iter().flatten();
    read.class = texts.flat_map(named).find_map(|text| class::in_text(&text));
    read
}

/// Texts that may name what the app is: the value itself, or the members that usually do.
fn named(value: &Value) -> Vec<String> {
    let members = ["class", "framework", "language", "runtime", "type", "name"];
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Object(map) => {
            members.iter().filter_map(|name| map.get(*name)?.as_str().map(str::to_owned)).collect()
        }
        _ => vec![],
    }
}

fn cost_month(cost: Option<&Value>, findings: &mut Findings) -> Option<Micros> {
    let members = [
        "monthly_cost",
        "monthly",
        "estimated_monthly_cost",
        "total_monthly_cost",
        "monthly_usd",
        "total",
        "amount",
    ];
    let value = match cost? {
        Value::Null => return None,
        Value::Object(map) => members.iter().find_map(|name| map.get(*name)),
        other => Some(other),
    };
    let usd = value.and_then(number).filter(|usd| (0.0..=DEAREST_USD).contains(usd));
    if usd.is_none() {
        findings.add(
            "recommended_cost",
            "it must be US dollars a month, such as 12.5 or {\"monthly_cost\": 12.5}",
        );
    }
    usd.and_then(Micros::from_usd)
}

/// A number, or a text that is one but for a currency sign.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_start_matches('$').replace(',', "").trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// Sizes out of the specs.
struct Sizes<'a> {
    specs: &'a Map<String, Value>,
    findings: &'a mut Findings,
}

impl Sizes<'_> {
    /// The first of these members that is there, read.
    fn take(&mut self, names: &[&str], read: impl Fn(&str, &Value) -> Result<f64, String>) -> Option<f64> {
        let (name, value) =
            names.iter().find_map(|name| Some((*name, self.specs.get(*name).filter(|v| !v.is_null())?)))?;
        self.findings.take(&format!("recommended_specs.{name}"), read(name, value))
    }

    fn count(&mut self, names: &[&str], least: u32, most: u32) -> Option<u32> {
        let read = |_: &str, value: &Value| {
            let legal = |n: &f64| n.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(n);
            number(value)
                .filter(legal)
                .ok_or_else(|| format!("it must be a whole number from {least} to {most}"))
        };
        self.take(names, read).map(|n| n as u32)
    }
}

/// `2`, `"2"`, `"500m"`, `"2 vCPU"` in thousandths.
fn cpu(_: &str, value: &Value) -> Result<f64, String> {
    let wrong = || "it must be vCPUs up to 8, such as 1, 0.5 or \"500m\"".to_owned();
    let milli = match value {
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            let text = text.trim_end_matches("vcpus").trim_end_matches("vcpu").trim_end_matches("cpu").trim();
            match text.strip_suffix('m') {
                Some(milli) => milli.trim().parse::<f64>().ok(),
                None => text.parse::<f64>().ok().map(|vcpu| vcpu * 1000.0),
            }
        }
        other => number(other).map(|vcpu| vcpu * 1000.0),
    };
    milli.filter(|milli| (1.0..=8_000.0).contains(milli)).ok_or_else(wrong)
}

/// `512`, `"512Mi"`, `"1Gi"`, `"2 GB"`, `memory_gib: 2` in MiB. A bare number up to 32 is GiB, since nothing runs
/// in 32 MiB.
fn memory(name: &str, value: &Value) -> Result<f64, String> {
    let bare = |n: f64| match name {
        "memory_gib" | "memory_gb" => n * 1024.0,
        "memory_mib" => n,
        _ if n <= 32.0 => n * 1024.0,
        _ => n,
    };
    let mib = match value {
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
            let (digits, unit) = text.split_at(end);
            let n = digits.parse::<f64>().ok();
            match unit.trim() {
                "" => n.map(bare),
                "m" | "mi" | "mib" | "mb" => n,
                "g" | "gi" | "gib" | "gb" => n.map(|n| n * 1024.0),
                _ => None,
            }
        }
        other => number(other).map(bare),
    };
    mib.filter(|mib| (64.0..=32_768.0).contains(mib))
        .ok_or_else(|| "it must be memory from 64 MiB to 32 GiB, such as \"512Mi\" or \"2Gi\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_forms_that_clients_send() {
        let mut findings = Findings::default();
        let specs = json!({"cpu": "2 vCPU", "memory": "1Gi", "concurrency": 80, "min_instances": "1", "framework": "FastAPI"});
        let read = read(Some(&json!("Cloud Run")), Some(&json!("$12.50")), Some(&specs), &mut findings);
        assert!(findings.finish().is_ok());
        assert_eq!(
            read,
            Recommended {
                class: Some("python/fastapi".into()),
                cpu_milli: Some(2000),
                memory_mib: Some(1024),
                concurrency: Some(80),
                min_instances: Some(1),
                max_instances: None,
                requests_month: None,
                cost_month: Some(Micros(12_500_000)),
            }
        );
    }

    #[test]
    fn what_can_not_be_read_is_named() {
        let cases = [
            (json!(null), json!("a lot"), "recommended_cost"),
            (json!(null), json!(-1), "recommended_cost"),
            (json!(null), json!({"yearly": 3}), "recommended_cost"),
            (json!([1]), json!(null), "recommended_specs"),
            (json!({"cpu": "fast"}), json!(null), "recommended_specs.cpu"),
            (json!({"memory": "12 parsecs"}), json!(null), "recommended_specs.memory"),
            (json!({"concurrency": 0.5}), json!(null), "recommended_specs.concurrency"),
        ];
        for (specs, cost, field) in cases {
            let mut findings = Findings::default();
            read(None, Some(&cost), Some(&specs), &mut findings);
            assert_eq!(findings.finish().unwrap_err().fields()[0].field, field);
        }
    }
}
