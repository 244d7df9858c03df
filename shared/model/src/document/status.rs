//! Where a pipeline is: its status, the stage that people see, and the step that is done next.

use serde::{Deserialize, Serialize};

/// Where a pipeline is. Read in any case, written in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Status {
    #[serde(alias = "pending")]
    Pending,
    #[serde(alias = "security_scanning")]
    SecurityScanning,
    #[serde(alias = "analyzing")]
    Analyzing,
    #[serde(alias = "building")]
    Building,
    #[serde(alias = "deploying")]
    Deploying,
    #[serde(alias = "verifying")]
    Verifying,
    #[serde(alias = "shifting")]
    Shifting,
    #[serde(alias = "rolling_back")]
    RollingBack,
    #[serde(alias = "deployed")]
    Deployed,
    #[serde(alias = "security_failed")]
    SecurityFailed,
    #[serde(alias = "failed")]
    Failed,
    #[serde(alias = "cancelled")]
    Cancelled,
    #[serde(alias = "superseded")]
    Superseded,
    #[serde(alias = "rolled_back")]
    RolledBack,
}

impl Status {
    /// Every status, in the order of a pipeline.
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::SecurityScanning,
        Self::Analyzing,
        Self::Building,
        Self::Deploying,
        Self::Verifying,
        Self::Shifting,
        Self::RollingBack,
        Self::Deployed,
        Self::SecurityFailed,
        Self::Failed,
        Self::Cancelled,
        Self::Superseded,
        Self::RolledBack,
    ];

    /// Whether nothing more happens by itself.
    pub fn at_rest(self) -> bool {
        match self {
            Self::Deployed
            | Self::SecurityFailed
            | Self::Failed
            | Self::Cancelled
            | Self::Superseded
            | Self::RolledBack => true,
            Self::Pending
            | Self::SecurityScanning
            | Self::Analyzing
            | Self::Building
            | Self::Deploying
            | Self::Verifying
            | Self::Shifting
            | Self::RollingBack => false,
        }
    }

    /// As it is written: `SECURITY_SCANNING`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::SecurityScanning => "SECURITY_SCANNING",
            Self::Analyzing => "ANALYZING",
            Self::Building => "BUILDING",
            Self::Deploying => "DEPLOYING",
            Self::Verifying => "VERIFYING",
            Self::Shifting => "SHIFTING",
            Self::RollingBack => "ROLLING_BACK",
            Self::Deployed => "DEPLOYED",
            Self::SecurityFailed => "SECURITY_FAILED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Superseded => "SUPERSEDED",
            Self::RolledBack => "ROLLED_BACK",
        }
    }

    /// Reads it in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text))
    }
}

/// What people see of where a pipeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Stage {
    Validate,
    Analyze,
    Build,
    Release,
    Verify,
    Shift,
}

impl Stage {
    /// As it is written: `validate`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Analyze => "analyze",
            Self::Build => "build",
            Self::Release => "release",
            Self::Verify => "verify",
            Self::Shift => "shift",
        }
    }
}

/// One bounded piece of work; what `decide` will have done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Waits until no other deployment of the service runs.
    Queue,
    /// Fetches the source; checks it, the names and the variables.
    Scan,
    /// Finds out what the app is and predicts.
    Analyze,
    /// Starts the build.
    StartBuild,
    /// Waits for the build's end.
    AwaitBuild,
    /// Starts to create the revision, without traffic.
    Release,
    /// Waits until the target has it.
    AwaitRelease,
    /// Probes the revision at its own address.
    Verify,
    /// Lets people in to a first revision that the target gave all traffic while it was closed.
    Open,
    /// Starts to set the next weight.
    SetTraffic,
    /// Waits until the target confirms it.
    AwaitTraffic,
    /// Looks at windows at the current weight.
    Watch,
    /// Stops revisions that are no longer kept running.
    Retire,
    /// Starts to bring traffic back to the last good revision, and ends what was begun.
    Restore,
    /// Waits until the target confirms that it is back.
    AwaitRestore,
    /// Nothing is left to be done: the deployment is at rest.
    Rest,
}
