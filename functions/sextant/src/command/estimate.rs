//! `sextant estimate`: what a month on Cloud Run costs at list price.

use super::output::{Output, pairs};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::Args;
use forecast::price::{self, Billing, Usage};

/// The month of traffic that is priced.
#[derive(Args)]
pub struct Estimate {
    /// Cloud Run region.
    #[arg(long, default_value = "us-central1")]
    pub region: String,
    /// `request` (CPU while requests run) or `instance` (for the whole life of instances).
    #[arg(long, default_value = "request")]
    pub billing: Billing,
    /// vCPUs of one instance.
    #[arg(long, default_value_t = 1.0)]
    pub vcpu: f64,
    /// Memory of one instance in GiB.
    #[arg(long, default_value_t = 0.5)]
    pub memory_gib: f64,
    /// Requests in the month.
    #[arg(long, default_value_t = 0)]
    pub requests: u64,
    /// Mean time to answer one, in milliseconds.
    #[arg(long, default_value_t = 0.0)]
    pub duration_ms: f64,
    /// Requests that run at once in one instance.
    #[arg(long, default_value_t = 1)]
    pub concurrency: u32,
    /// Instances that are kept without traffic.
    #[arg(long, default_value_t = 0)]
    pub min_instances: u32,
    /// Hours for which they are kept; a whole month if absent.
    #[arg(long)]
    pub hours: Option<f64>,
    /// Leave the billing account's free tier out.
    #[arg(long)]
    pub no_free_tier: bool,
}

impl Estimate {
    /// Makes the bill.
    pub fn run(self, output: Output) -> Result<Ended> {
        let usage = Usage {
            region: self.region,
            billing: self.billing,
            vcpu: self.vcpu,
            memory_gib: self.memory_gib,
            requests: self.requests,
            duration_ms: self.duration_ms,
            concurrency: self.concurrency,
            min_instances: self.min_instances,
            hours: self.hours,
            free_tier: !self.no_free_tier,
        };
        let bill = price::bill(&usage).map_err(|error| Stop::Usage(error.to_string()))?;
        output.data(&bill, || {
            let dollars = |usd: f64| format!("{usd:.2} USD");
            pairs(&[
                ("CPU", format!("{} for {:.0} vCPU-seconds", dollars(bill.cpu_usd), bill.vcpu_seconds)),
                ("Memory", format!("{} for {:.0} GiB-seconds", dollars(bill.memory_usd), bill.gib_seconds)),
                ("Requests", format!("{} for {}", dollars(bill.requests_usd), usage.requests)),
                ("Month", format!("{} at list price in {}", dollars(bill.total_usd), usage.region)),
            ])
        });
        Ok(Ended::Done)
    }
}
