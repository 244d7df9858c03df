//! A source tree to a plan, with the file and line each conclusion came from; names, variables and redaction.
//!
//! Invariant: nothing of the tree is executed and nothing outside of it is read. The walk is bounded by a count
//! of entries and a depth, each read by a size; links that leave the tree, loops of links, pipes, sockets and
//! devices are seen and never opened. The same tree and the same options give the same report.
//!
//! # Which answer wins
//! Every part of the plan (provider, start command, port, …) is claimed by one or more sources. The first in
//! this order is taken, the others that differ are listed under `alternatives`:
//!
//! 1. [`Options`]: what the caller asked for by name (flags of the command line).
//! 2. `sextant.toml`, of the app's folder or the root's `[apps."FOLDER"]`. What 1 and 2 replaced is listed under
//!    `overrides`.
//! 3. Files written for other hosts: `railpack.json`, `nixpacks.toml`, `project.toml`, `app.yaml`, `railway.json`,
//!    `render.yaml`, `fly.toml`, a service of Cloud Run or Knative (`service.yaml`), `heroku.yml`, `netlify.toml`,
//!    `vercel.json`, in this order.
//! 4. `Procfile`: its `web` process is the start command, whatever else is there. Other processes are alternatives;
//!    the only one of a Procfile without `web` is taken where nothing else says what to start.
//! 5. An own `Dockerfile` or `Containerfile`: the provider is `dockerfile`, the start command is its
//!    `ENTRYPOINT` and `CMD` where a plain machine can run them. How to install and build without a container
//!    engine still comes from the language below it. One that copies a manifest or lock file that the tree
//!    doesn't have cannot be built: it is passed over, and the report says so.
//! 6. The language's manifest: the provider whose evidence is strongest; at equal strength the order of
//!    the table in `provider/mod.rs` decides (servers before the node tools that often accompany them). One that has
//!    nothing to start and nothing to serve gives way to the next that has.
//! 7. Conventional file names (`main.py`, `server.js`, `index.html`, `start.sh`).
//! 8. `compose.yaml` (a port, variables, an alternative start command), then `app.json` (variables) and
//!    `.devcontainer` (a port).
//!
//! Versions: 1 and 2, `project.toml` and `app.yaml`, files that hold only a version (`.nvmrc`, `.python-version`,
//! `runtime.txt`, `rust-toolchain.toml`, `.sdkmanrc`, …), `.tool-versions`, mise, the manifest (`engines`,
//! `requires-python`, `go.mod`, a target framework before the kit of `global.json`, …), then `railpack.json`, which
//! spells versions for another tool's index. It is the version that the app runs on, as it is declared, with its
//! range signs; a default that nobody declared is never reported.
//!
//! Ports: 1 and 2, files of other hosts, `EXPOSE`, a start script or settings that write it out, the source (the
//! number beside `PORT`, else one that is fixed), `.env.example`, then what is usual for the framework.
//!
//! # Which app is meant
//! [`Options::app`], then `app` of the root's `sextant.toml`; else the root if it can run or be served; else the
//! likeliest of the apps below it (`web`, `app`, `server`, `api`, `backend`, …), with the others as alternatives.
//! Folders of tests, examples, fixtures, documentation, samples, demonstrations, benchmarks and tools are never
//! chosen; of a workspace's members only those of tests, fixtures and examples are left out.
//!
//! # Where commands run
//! `install_command`, `build_command` and `start_command` are shell text, run with `sh -c` in the root of the
//! tree that was given, with the folders of [`Report::path`] first in `PATH`. For an app in a folder of a
//! monorepo they begin with `cd FOLDER &&`. A static site has no start command: `static_dir` is served.

mod deployable;
pub mod diagnose;
pub mod docker;
mod error;
pub mod kinds;
pub mod names;
mod needs;
mod options;
mod plan;
mod provider;
mod read;
pub mod redact;
mod report;
mod scan;
pub mod secret;
pub mod survey;
#[cfg(test)]
mod tests;
mod text;
mod tree;
pub mod vulnerability;

pub use error::Error;
pub use options::{Limits, Options};
pub use read::read;
pub use report::{Alternative, AppEntry, Backend, Evidence, Override, Provider, Report, RunsAs, Warning};
