//! What a month of traffic costs at the list prices of [`model::price`].
//!
//! Invariant: every amount is an integer number of micro-dollars until it is handed out as dollars, so the total
//! is exactly the sum of its parts. Nothing here guesses traffic; the caller says what is assumed.

mod region;

pub use model::price::{REGIONS, Tier};
pub use region::tier_of;

use model::price::{FREE_INSTANCE, FREE_REQUEST, INSTANCE_TIER_1, INSTANCE_TIER_2, Rates, micros};
use serde::{Deserialize, Serialize};

/// Hours that a price month has: 365 × 24 / 12.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// Why a bill could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The region is not one that Cloud Run has a price for.
    #[error("no price for region `{region}`: it is not a known Cloud Run region; the nearest known are {}", .nearest.join(", "))]
    UnknownRegion {
        /// What was asked for.
        region: String,
        /// Known regions with the most similar names, best first.
        nearest: Vec<&'static str>,
    },
    /// A number that no bill can be made of.
    #[error("no price for `{field}` = {value}: it must be {must}; correct it and ask again")]
    Invalid {
        /// Name of the field in [`Usage`].
        field: &'static str,
        /// What was given.
        value: String,
        /// What would be accepted.
        must: &'static str,
    },
}

/// How Cloud Run charges for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Billing {
    /// CPU and memory while at least one request runs, plus a fee per request.
    #[default]
    Request,
    /// CPU and memory for the whole life of each instance, no fee per request.
    Instance,
}

impl std::str::FromStr for Billing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim().to_ascii_lowercase().as_str() {
            "request" => Ok(Self::Request),
            "instance" => Ok(Self::Instance),
            _ => Err(Error::Invalid {
                field: "billing",
                value: text.to_owned(),
                must: "`request` or `instance`",
            }),
        }
    }
}

/// One month of a service, as the price list sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Cloud Run region, such as `europe-west3`.
    pub region: String,
    /// Request-based or instance-based.
    pub billing: Billing,
    /// vCPUs of one instance.
    pub vcpu: f64,
    /// Memory of one instance in GiB.
    pub memory_gib: f64,
    /// Requests in the month.
    pub requests: u64,
    /// Mean duration of a request; each is billed in steps of 100 ms, rounded up.
    pub duration_ms: f64,
    /// Requests that run at the same time in one instance and so share its bill; at least 1.
    pub concurrency: u32,
    /// Instances that are kept even without traffic.
    pub min_instances: u32,
    /// Hours of the month for which those instances are kept; `None`: all 730. With instance-based billing and no
    /// minimum instances, hours are those of one instance.
    pub hours: Option<f64>,
    /// Subtract the free tier of the billing account, as if this were its only service.
    pub free_tier: bool,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            region: "us-central1".to_owned(),
            billing: Billing::Request,
            vcpu: 1.0,
            memory_gib: 0.5,
            requests: 0,
            duration_ms: 0.0,
            concurrency: 1,
            min_instances: 0,
            hours: None,
            free_tier: true,
        }
    }
}

/// What [`Usage`] costs. Seconds are those billed before the free tier; dollars are after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// vCPU-seconds billed, idle minimum instances included.
    pub vcpu_seconds: f64,
    /// GiB-seconds billed, idle minimum instances included.
    pub gib_seconds: f64,
    /// Dollars for CPU.
    pub cpu_usd: f64,
    /// Dollars for memory.
    pub memory_usd: f64,
    /// Dollars for requests.
    pub requests_usd: f64,
    /// Sum of the three.
    pub total_usd: f64,
}

impl Bill {
    /// The total as integer micro-dollars, exact because the bill was summed in them.
    pub fn total_micros(&self) -> i64 {
        (self.total_usd * 1e6).round() as i64
    }
}

const fn rates(tier: Tier, billing: Billing) -> Rates {
    match (tier, billing) {
        (tier, Billing::Request) => Rates::by_request(tier),
        (Tier::One, Billing::Instance) => INSTANCE_TIER_1,
        (Tier::Two, Billing::Instance) => INSTANCE_TIER_2,
    }
}

/// The month's bill for `usage` at list price.
///
/// Request-based billing charges `requests × duration / concurrency` of an instance, and minimum instances at the
/// idle rate for the rest of `hours`. Instance-based billing charges the longer of that busy time and
/// `min_instances × hours`. The free tier is a credit valued at tier 1 against active time; idle time gets none.
pub fn bill(usage: &Usage) -> Result<Bill, Error> {
    validate(usage)?;
    let prices = rates(tier_of(&usage.region)?, usage.billing);
    let busy = busy_seconds(usage);
    let kept = kept_seconds(usage);
    let idle = (kept - busy).max(0.0);
    let credit = if usage.free_tier { credits(usage.billing) } else { [0; 3] };

    let (charged_busy, charged_idle) = match usage.billing {
        Billing::Request => (busy, idle),
        Billing::Instance => (busy.max(kept), 0.0),
    };
    let part = |per_instance: f64, rate: i64, idle_rate: i64, credit: i64| {
        after_credit(micros(charged_busy * per_instance, rate), credit)
            + micros(charged_idle * per_instance, idle_rate)
    };
    let cpu = part(usage.vcpu, prices.vcpu_second, prices.idle_vcpu_second, credit[0]);
    let memory = part(usage.memory_gib, prices.gib_second, prices.idle_gib_second, credit[1]);
    let requests = after_credit(micros(usage.requests as f64, prices.request), credit[2]);
    let seconds = charged_busy + charged_idle;
    Ok(Bill {
        vcpu_seconds: seconds * usage.vcpu,
        gib_seconds: seconds * usage.memory_gib,
        cpu_usd: dollars(cpu),
        memory_usd: dollars(memory),
        requests_usd: dollars(requests),
        total_usd: dollars(cpu + memory + requests),
    })
}

/// Seconds for which instances are kept whether or not there are requests, summed over instances.
fn kept_seconds(usage: &Usage) -> f64 {
    let instances = match (usage.billing, usage.hours, usage.min_instances) {
        (Billing::Instance, Some(_), 0) => 1,
        (_, _, kept) => kept,
    };
    f64::from(instances) * usage.hours.unwrap_or(HOURS_PER_MONTH) * 3600.0
}

/// Seconds in which an instance has at least one request, summed over instances.
fn busy_seconds(usage: &Usage) -> f64 {
    let steps_of_100_ms = (usage.duration_ms / 100.0).ceil();
    usage.requests as f64 * steps_of_100_ms / 10.0 / f64::from(usage.concurrency)
}

fn credits(billing: Billing) -> [i64; 3] {
    let free = match billing {
        Billing::Request => FREE_REQUEST,
        Billing::Instance => FREE_INSTANCE,
    };
    let prices = rates(Tier::One, billing);
    [
        free.vcpu_seconds * prices.vcpu_second / 1000,
        free.gib_seconds * prices.gib_second / 1000,
        free.requests * prices.request / 1000,
    ]
}

fn after_credit(micros: i64, credit: i64) -> i64 {
    (micros - credit).max(0)
}

fn dollars(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn validate(usage: &Usage) -> Result<(), Error> {
    positive("vcpu", usage.vcpu)?;
    positive("memory_gib", usage.memory_gib)?;
    finite("duration_ms", usage.duration_ms)?;
    let hours = usage.hours.unwrap_or(HOURS_PER_MONTH);
    finite("hours", hours)?;
    if hours > 744.0 {
        return Err(invalid("hours", hours, "at most 744, the hours of the longest month"));
    }
    if usage.concurrency == 0 || usage.concurrency > 1000 {
        return Err(invalid("concurrency", usage.concurrency, "between 1 and 1000"));
    }
    Ok(())
}

fn positive(field: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(invalid(field, value, "a number above 0")) }
}

fn finite(field: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(invalid(field, value, "a number of at least 0"))
    }
}

fn invalid(field: &'static str, value: impl ToString, must: &'static str) -> Error {
    Error::Invalid { field, value: value.to_string(), must }
}

#[cfg(test)]
mod tests;
