//! `sextant token`: makes a bearer token with this machine's key; no server need run.

#![expect(clippy::disallowed_methods, reason = "the command line has no clock port")]

use super::output::Output;
use crate::{
    failure::Ended,
    place::machine::{TENANT, token_key},
};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use host::{Caller, Role};
use model::{TenantId, Timestamp, port::Random as _};
use serde_json::json;
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// For whom the token speaks, and for how long.
#[derive(Args)]
pub struct Token {
    /// What it allows.
    #[arg(long, value_enum, default_value = "deployer")]
    pub role: Allowed,
    /// The tenant whose data it opens.
    #[arg(long, default_value = TENANT)]
    pub tenant: String,
    /// Who it speaks for.
    #[arg(long, default_value = "you")]
    pub user: String,
    /// How long it is valid.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=366))]
    pub days: i64,
}

/// What a token allows; each includes the ones before.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Allowed {
    /// May read everything of the tenant's.
    Viewer,
    /// Deploys and operates.
    Deployer,
    /// May do everything: members, keys and money too.
    Owner,
}

impl Token {
    /// Makes it and prints it.
    pub fn run(self, data: &Path, output: Output) -> Result<Ended> {
        let role = match self.role {
            Allowed::Viewer => Role::Viewer,
            Allowed::Deployer => Role::Deployer,
            Allowed::Owner => Role::Owner,
        };
        let tenant = TenantId::new(&self.tenant).map_err(|e| crate::failure::Stop::Usage(e.to_string()))?;
        let caller = Caller { tenant, user: self.user, role };
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).context("the system's clock is before 1970")?;
        let now = Timestamp(i64::try_from(now.as_millis())?);
        let seconds = self.days * 24 * 3600;
        let claims = host::token::Claims::new(&caller, now, seconds, machine::clock::OsRandom.bits());
        let token = host::token::mint(&token_key(data)?, &claims)?;
        let value = json!({ "token": token, "tenant": caller.tenant, "user": caller.user, "role": role, "expires_at": Timestamp(claims.exp * 1000).rfc3339() });
        output.data(&value, || token.clone());
        Ok(Ended::Done)
    }
}
