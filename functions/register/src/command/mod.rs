//! Commands on one deployment: each reads it, lets the state machine decide, and commits what that says. Nothing is
//! acted on here; a message has the next step taken.
//!
//! Invariant: a command that was carried out already changes nothing and says so; one that was given in view of
//! another phase than the present one is refused.

pub mod cancel;
pub mod let_go;
pub mod pause;
pub mod promote;
pub mod resume;
pub mod rollback;

use crate::{
    deploy::place::not_deleted,
    transition::{self, moment, new_messages},
};
use host::{Context, Error, Request, Response, Stored};
use model::{
    DeploymentId,
    deployment::{Answer, Input, Slot, batch, decide},
    document::{Deployment, Service, Status, deployment_path, service_path},
    message::Message,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A command's body; may be absent.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// The newest `seq` of the timeline that the caller saw.
    #[serde(default)]
    pub seq: Option<u64>,
}

/// What became of a command.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Commanded {
    /// The deployment that is commanded.
    pub deployment_id: String,
    /// Its status now.
    pub status: Status,
    /// Whether this request changed anything; a repeat doesn't.
    pub changed: bool,
    /// The newest `seq` of its timeline.
    pub seq: u64,
    /// What happens now, one sentence.
    pub message: String,
}

/// What somebody wants of a deployment.
pub enum Command {
    /// End it: traffic goes back to the last good revision.
    Cancel,
    /// Traffic back to an earlier revision.
    Rollback(Option<String>),
    /// On to the next weight.
    Promote(usize),
    /// No further weight for now.
    Pause,
    /// On by the evidence.
    Resume,
    /// A way back that keeps failing is given up.
    LetGo,
}

/// What one try came to.
struct Done {
    response: Response,
    messages: Vec<Message>,
    ended: Option<Stored<Deployment>>,
}

/// Gives the command to the deployment that the path names.
async fn run(
    ctx: &Context,
    request: &Request,
    command: Command,
    seq: Option<u64>,
) -> Result<Response, Error> {
    let id: DeploymentId = request.id("id")?;
    ctx.about(&id);
    let done = ctx.persisting(|| attempt(ctx, &id, &command, seq)).await?;
    transition::hand_on(ctx, &done.messages, done.ended).await;
    Ok(done.response)
}

async fn attempt(
    ctx: &Context,
    id: &DeploymentId,
    command: &Command,
    seq: Option<u64>,
) -> Result<Done, Error> {
    let tenant = ctx.tenant()?;
    let found = ctx.read::<Deployment>(&deployment_path(tenant, id)).await?;
    let Stored { path, version, document: before } = found.ok_or_else(|| unknown(id))?;
    let at = moment(ctx);
    let service = service(ctx, &before, command).await?;
    if let Some(service) = &service {
        not_deleted(&service.document)?;
    }
    let input = input(command, &before, service.as_ref().map(|found| &found.document))?;
    let decided = decide(&before, input, &at);
    match &decided.answer {
        Answer::Applied => {}
        Answer::Unchanged | Answer::Wait(_) => return Ok(unchanged(&before)),
        Answer::Refused(_) if is_done(command, &before) => return Ok(unchanged(&before)),
        Answer::Refused(why) => return Err(refused(&before, why)),
    }
    not_stale(&before, seq)?;
    let service = match service {
        None if decided.slot != Slot::Stays => ctx.read(&service_path(tenant, &before.service)).await?,
        known => known,
    };
    let service = service.map(|found: Stored<Service>| (found.document, found.version));
    let (writes, next) = batch(&before, version, &decided, service, &at).map_err(transition::refused)?;
    let response = Response::json(202, &commanded(&next, true, story(&next)));
    ctx.crash_point("register.before-commit");
    let versions = ctx.commit(writes, &response).await?;
    ctx.crash_point("register.after-commit");
    let messages = new_messages(&before, &next);
    let ended = versions.first().copied().filter(|_| next.status.at_rest());
    let ended = ended.map(|version| Stored { path, version, document: next });
    Ok(Done { response, messages, ended })
}

/// Only a rollback must know what there is to go back to.
async fn service(
    ctx: &Context,
    before: &Deployment,
    command: &Command,
) -> Result<Option<Stored<Service>>, Error> {
    match command {
        Command::Rollback(_) => ctx.read(&service_path(&before.tenant, &before.service)).await,
        Command::Cancel | Command::Promote(_) | Command::Pause | Command::Resume | Command::LetGo => Ok(None),
    }
}

fn input(command: &Command, before: &Deployment, service: Option<&Service>) -> Result<Input, Error> {
    Ok(match command {
        Command::Cancel => Input::Cancel,
        Command::Promote(index) => Input::Promote { index: *index },
        Command::Pause => Input::Pause,
        Command::Resume => Input::Resume,
        Command::LetGo => Input::LetGo,
        Command::Rollback(to) => Input::Rollback { to: rollback::way_back(before, service, to.as_deref())? },
    })
}

/// Whether the deployment has ended the way that the command would end it.
fn is_done(command: &Command, deployment: &Deployment) -> bool {
    match command {
        Command::Rollback(_) => deployment.status == Status::RolledBack,
        Command::Cancel => deployment.status == Status::Cancelled,
        Command::Promote(_) | Command::Pause | Command::Resume | Command::LetGo => false,
    }
}

/// What a person judges by: where traffic is and where it goes. Within a phase a pipeline moves by itself, and a
/// command means the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Preparing,
    Shifting,
    Returning,
    Resting(Status),
}

fn phase(status: Status) -> Phase {
    match status {
        Status::Pending
        | Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying => Phase::Preparing,
        Status::Shifting => Phase::Shifting,
        Status::RollingBack => Phase::Returning,
        Status::Deployed
        | Status::SecurityFailed
        | Status::Failed
        | Status::Cancelled
        | Status::Superseded
        | Status::RolledBack => Phase::Resting(status),
    }
}

fn not_stale(deployment: &Deployment, seq: Option<u64>) -> Result<(), Error> {
    let Some(seq) = seq.filter(|seq| *seq != deployment.seq) else { return Ok(()) };
    let now = deployment.status.as_str();
    let seen = deployment.timeline.iter().find(|entry| entry.seq == seq);
    let was = match seen {
        Some(entry) if phase(entry.status) == phase(deployment.status) => return Ok(()),
        Some(entry) => format!("It was {} when you looked (seq {seq})", entry.status.as_str()),
        None => format!("You saw seq {seq}, which is not among its latest lines"),
    };
    let detail = format!(
        "{was} and is {now} now (seq {}). Nothing was done; look at it again, then repeat the command.",
        deployment.seq
    );
    Err(Error::conflict(detail).slug("moved-on").with("status", now).with("seq", deployment.seq))
}

/// There is no such deployment.
pub fn unknown(id: &DeploymentId) -> Error {
    Error::not_found(format!(
        "There is no deployment `{id}`. Check the id; `sextant list` shows what there is."
    ))
}

fn refused(deployment: &Deployment, why: &str) -> Error {
    let status = deployment.status.as_str();
    let why = why.trim_end_matches('.');
    Error::conflict(format!("`{}` is {status}. {why}.", deployment.id))
        .slug("refused")
        .with("status", status)
        .with("seq", deployment.seq)
}

fn unchanged(deployment: &Deployment) -> Done {
    let message = format!("Nothing changed, it was so already: {}", story(deployment));
    Done {
        response: Response::json(200, &commanded(deployment, false, message)),
        messages: vec![],
        ended: None,
    }
}

fn story(deployment: &Deployment) -> String {
    deployment.timeline.last().map_or_else(String::new, |entry| entry.text.clone())
}

fn commanded(deployment: &Deployment, changed: bool, message: String) -> Commanded {
    Commanded {
        deployment_id: deployment.id.to_string(),
        status: deployment.status,
        changed,
        seq: deployment.seq,
        message,
    }
}

/// The body, or what an absent one means. Absent is no byte at all: a body of spaces is JSON that ends too soon.
pub fn optional<T: DeserializeOwned + Default>(request: &Request) -> Result<T, Error> {
    if request.body.is_empty() { Ok(T::default()) } else { request.json() }
}
