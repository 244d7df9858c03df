//! Flags that say how an app is to run: each above what its `sextant.toml` says and what inspection finds.

use clap::Args;
use model::document::{RunOptions, cpu_milli, memory_mib};

/// What is known better than the source says.
#[derive(Args, Clone, Debug, Default)]
pub struct RunFlags {
    /// The port it listens on where $PORT is not set; says that it does listen on $PORT.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// The path that answers below 400 when the app is well.
    #[arg(long, value_name = "PATH")]
    pub health_path: Option<String>,
    /// vCPUs of an instance: 0.5, 2, 500m.
    #[arg(long, value_parser = cpu_milli, value_name = "VCPU")]
    pub cpu: Option<u32>,
    /// Memory of an instance: 512, 512Mi, 2Gi.
    #[arg(long, value_parser = memory_mib, value_name = "MIB")]
    pub memory: Option<u32>,
    /// Requests that one instance takes at once.
    #[arg(long, value_name = "REQUESTS")]
    pub concurrency: Option<u32>,
    /// Instances that always run.
    #[arg(long, value_name = "N")]
    pub min_instances: Option<u32>,
    /// At most this many instances.
    #[arg(long, value_name = "N")]
    pub max_instances: Option<u32>,
}

impl RunFlags {
    /// As the API takes them.
    pub fn options(&self) -> RunOptions {
        RunOptions {
            port: self.port,
            health_path: self.health_path.clone(),
            cpu_milli: self.cpu,
            memory_mib: self.memory,
            concurrency: self.concurrency,
            min_instances: self.min_instances,
            max_instances: self.max_instances,
        }
    }
}
