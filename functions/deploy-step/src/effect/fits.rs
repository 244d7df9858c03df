//! Whether what inspection knows of the app goes with where it is to run: said before anything is built.
//!
//! Invariant: only what is certain is refused, and only where something is to be built; what ran already runs again. The
//! rest is a warning in the report.

use super::Failed;
use host::Context;
use model::{document::Deployment, port::target::FixedPort};

/// Whether it will be built: what an earlier deployment built is released as it is.
fn builds(deployment: &Deployment) -> bool {
    deployment.again.as_ref().is_none_or(|again| again.built.is_none())
}

/// A port that the source fixes: a warning, or a refusal where the target can't map it.
pub fn port(
    ctx: &Context,
    deployment: &Deployment,
    fixed: Option<&FixedPort>,
) -> Result<Option<String>, Failed> {
    let Some(fixed) = fixed else { return Ok(None) };
    let (what, mend, port) = (fixed.sentence(), fixed.mend(), fixed.port);
    if ctx.ports.target.capabilities().own_port {
        return Ok(Some(format!("port: {what}; {port} is mapped")));
    }
    if !fixed.sure || !builds(deployment) {
        return Ok(Some(format!(
            "warning: it seems that {what}. If it then isn't reached: {}",
            lower(&mend)
        )));
    }
    Err(Failed::lasting(
        "port_fixed",
        format!("{what}: two revisions couldn't serve side by side on this machine. {mend}"),
        &format!(
            "{mend}, then deploy again. If it listens on $PORT after all, say so: `port = {port}` in sextant.toml, or \
             `--port {port}`."
        ),
    ))
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
