//! The real binary, as people use it: exit codes, data on stdout, a server that deploys real processes.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "test code")]

mod background;
mod backups;
mod declared;
mod offline;
mod program;
mod scanning;
mod services;
mod serving;
mod settings;
mod up;
mod variables;
