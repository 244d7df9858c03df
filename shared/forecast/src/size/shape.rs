//! Which combinations of CPU, memory and concurrency Cloud Run accepts.
//!
//! Invariant: [`legal`] never gives less CPU or memory than was asked for unless Cloud Run has no more to give, and
//! applying it twice changes nothing. Source: cloud.google.com/run/docs/configuring (CPU, memory limits,
//! concurrency), seen November 2026.

use serde::{Deserialize, Serialize};

/// Execution environment of Cloud Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// At least 128 MiB.
    #[default]
    First,
    /// At least 512 MiB, and at least one whole vCPU.
    Second,
}

/// What one instance gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// vCPU in thousandths.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Requests at once, 1 to 1000.
    pub concurrency: u32,
}

/// A shape that Cloud Run accepts, and what had to change for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legal {
    /// The smallest legal shape that holds what was wanted, up to Cloud Run's most.
    pub shape: Shape,
    /// One sentence for each change; empty if the shape was legal.
    pub changes: Vec<String>,
}

/// Whole vCPUs there are, the least memory each needs and the most it allows: thousandths, MiB, MiB.
const WHOLE: [(u32, u32, u32); 5] =
    [(1000, 128, 4096), (2000, 128, 8192), (4000, 2048, 16_384), (6000, 4096, 24_576), (8000, 4096, 32_768)];
/// Below one vCPU there are steps of a hundredth from here on.
const LEAST_CPU_MILLI: u32 = 80;
const MOST_MEMORY_MIB: u32 = 32_768;

/// The smallest legal shape that holds `wanted`.
pub fn legal(wanted: Shape, generation: Generation) -> Legal {
    let concurrency = wanted.concurrency.clamp(1, 1000);
    let memory = wanted.memory_mib.min(MOST_MEMORY_MIB);
    let (cpu_milli, least) = if may_be_fraction(wanted.cpu_milli, memory, concurrency, generation) {
        (wanted.cpu_milli.max(LEAST_CPU_MILLI).div_ceil(10) * 10, 128)
    } else {
        whole(wanted.cpu_milli, memory)
    };
    let floor = match generation {
        Generation::First => least,
        Generation::Second => least.max(512),
    };
    let shape = Shape { cpu_milli, memory_mib: memory.max(floor), concurrency };
    Legal { shape, changes: changes(wanted, shape) }
}

/// Less than one vCPU takes one request at once, the first generation, and at most 512 MiB (1 GiB from a half).
fn may_be_fraction(cpu_milli: u32, memory_mib: u32, concurrency: u32, generation: Generation) -> bool {
    let most = if cpu_milli < 500 { 512 } else { 1024 };
    cpu_milli <= 990 && concurrency == 1 && generation == Generation::First && memory_mib <= most
}

fn whole(cpu_milli: u32, memory_mib: u32) -> (u32, u32) {
    let fits = WHOLE.iter().find(|(cpu, _, most)| *cpu >= cpu_milli && *most >= memory_mib);
    let (cpu, least, _) = fits.copied().unwrap_or(WHOLE[WHOLE.len() - 1]);
    (cpu, least)
}

fn changes(wanted: Shape, shape: Shape) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, from: u32, to: u32, shown: fn(u32) -> String| {
        if from != to {
            let (from, to) = (shown(from), shown(to));
            told.push(format!("{what} {from} is not offered like this: {to} is the nearest that holds it"));
        }
    };
    tell("CPU", wanted.cpu_milli, shape.cpu_milli, |milli| {
        format!("{}.{:03} vCPU", milli / 1000, milli % 1000)
    });
    tell("memory", wanted.memory_mib, shape.memory_mib, |mib| format!("{mib} MiB"));
    tell("concurrency", wanted.concurrency, shape.concurrency, |requests| requests.to_string());
    told
}
