//! `sextant delete SERVICE`: removes a service, after saying what goes and what stays.

use super::{
    client::Api,
    consent::agreed,
    operate::{Operate, look},
    output::Output,
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;

/// Which one.
#[derive(Args)]
pub struct Delete {
    /// The service.
    #[command(flatten)]
    pub operate: Operate,
    /// Go on without asking.
    #[arg(long)]
    pub yes: bool,
}

impl Delete {
    /// Says what goes and what stays, asks, and deletes.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let name = self.operate.service.clone();
        let service = look(api, &name).await?;
        let address = service.url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
        output.note(&format!(
            "Goes: `{name}`{address}, its revisions and what was built for them, its variables and secrets, the log of \
             what runs.\nStays: what its deployments were, with their build logs, what was measured and learned; for 7 \
             days also their source, so that `sextant redeploy ID` makes it anew, without its variables."
        ));
        agreed(&format!("Delete `{name}`?"), self.yes)?;
        self.operate.carry_out(api, "delete", &service, output).await
    }
}
