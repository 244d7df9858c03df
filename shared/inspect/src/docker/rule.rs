//! The table of rules: our id, how bad it is, the peers' ids, why it matters, what to do.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Works, and will hurt.
    Warning,
    /// Broken, or dangerous.
    Error,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One rule: what it looks for, why, and what to do.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Ours: `root-user`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Ids that others give it: hadolint's `DL3002`, Trivy's `DS-0002`, names of BuildKit's checks.
    pub peers: &'static [&'static str],
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

impl Rule {
    /// Whether an ignore comment that names `id` means this rule.
    pub fn answers_to(&self, id: &str) -> bool {
        let id = id.trim();
        let bare = id.strip_prefix("AVD-").unwrap_or(id);
        let same = |peer: &str| {
            peer.eq_ignore_ascii_case(bare)
                || peer.replace("DS-0", "DS0").eq_ignore_ascii_case(&bare.replace("DS-0", "DS0"))
        };
        self.id.eq_ignore_ascii_case(id) || self.peers.iter().any(|peer| same(peer))
    }
}

// Where a finding differs from hadolint's of the same id on purpose, because the build does what ours says:
// DL3006, DL3022, DL3023: BuildKit compares stage names without case, and an image may be `localhost/…`.
// DL3008, DL3018, DL3062: what belongs to -o, --root or -tags is no package; `go run main.go` fetches nothing.
// DL3013, DL3042: the value of --timeout, and `.[dev]`, are no packages; `python -m pip -q install` is pip too.
// DL3016: the folder behind --prefix is no package, and `npm --prefix x install y` installs y; `file:` has no version.
// DL3020: ADD of git@host:repo, git:// and ssh:// fetches, so that COPY can't replace it.
// DL3032, DL3036, DL3040: a clean-up counts whatever `rm` or clean-up stands before the install as well; dnf 4 has
//   its cache in /var/cache/dnf, and `rm -r -f` removes it as `rm -rf` does.
// DL3044: what another stage sets is not known in this one.
// DL3046: --uid and -u1234567 mean -u 1234567.
// DL4006: a stage has the SHELL of the stage that it is built from.
// All of RUN: the JSON form is no shell, `["a", "&&", "cd", "b"]` runs a; and `bash -c` there runs its argument.
macro_rules! rules {
    ($($name:ident $id:literal $severity:ident [$($peer:literal),*] $why:literal $fix:literal;)*) => {
        $(pub(crate) static $name: Rule = Rule {
            id: $id, severity: Severity::$severity, peers: &[$($peer),*], why: $why, fix: $fix,
        };)*
        /// Every rule, in the order of the documentation.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    SYNTAX "syntax" Error ["DL1000"]
        "BuildKit refuses the file." "Correct the instruction.";
    IGNORE_COMMENT "ignore-comment" Info ["DL1001"]
        "An ignore comment hides what it names." "Solve the finding and delete the comment.";
    WORKDIR_RELATIVE "workdir-relative" Error ["DL3000", "DS-0009", "WorkdirRelativePath"]
        "Where a relative WORKDIR ends up depends on what stands above it, or in the base image." "Write the absolute path.";
    USELESS_COMMAND "useless-command" Info ["DL3001"]
        "The command acts on a machine, and a build step is none." "Leave the command away.";
    ROOT_USER "root-user" Warning ["DL3002", "DS-0002"]
        "Whoever breaks into the process is root in the container." "End the stage with a numeric user, like USER 10001.";
    NO_USER "no-user" Warning ["DS-0002"]
        "Without USER the process runs as root." "Add USER 10001 below the last COPY.";
    NON_NUMERIC_USER "non-numeric-user" Info ["DL3066"]
        "A platform that demands a user other than root can't tell from a name." "Write the number: USER 10001.";
    CD "cd-in-run" Warning ["DL3003", "SC2164", "DS-0013"]
        "The folder changes for one RUN only." "Use WORKDIR.";
    SUDO "sudo" Error ["DL3004", "DS-0010"]
        "sudo has no terminal and no use in a build; it stays in the image for an attacker." "Take sudo away, and switch USER where root is needed.";
    UNTAGGED "untagged-image" Warning ["DL3006", "DS-0001"]
        "An image without a tag is `latest`: another build, another image." "Name a tag, at least the minor version.";
    LATEST "latest-tag" Warning ["DL3007", "DS-0001"]
        "`latest` is another image tomorrow." "Name a tag, at least the minor version.";
    APT_PIN "apt-pin" Info ["DL3008"]
        "The version of the package may differ from build to build." "Where that matters, write package=version.";
    APT_LISTS "apt-lists" Info ["DL3009"]
        "The package lists stay in the layer." "End the RUN with rm -rf /var/lib/apt/lists/*.";
    ADD_ARCHIVE "add-archive" Info ["DL3010"]
        "COPY and tar need two layers where ADD needs one." "Use ADD for a local archive.";
    PORT_RANGE "port-range" Error ["DL3011", "DS-0008", "ExposeInvalidFormat"]
        "There is no such port." "Use 0 to 65535; on Cloud Run the one in $PORT.";
    HEALTHCHECKS "several-healthchecks" Error ["DL3012", "DS-0023", "MultipleInstructionsDisallowed"]
        "Only the last HEALTHCHECK counts." "Keep one.";
    PIP_PIN "pip-pin" Warning ["DL3013"]
        "The version of the package may differ from build to build." "Write package==version, or install from a requirements file.";
    APT_YES "apt-yes" Warning ["DL3014", "DS-0021"]
        "The build stops at a question." "Add -y.";
    APT_RECOMMENDS "apt-recommends" Info ["DL3015", "DS-0029"]
        "Recommended packages make the image larger." "Add --no-install-recommends.";
    NPM_PIN "npm-pin" Warning ["DL3016"]
        "The version of the package may differ from build to build." "Write package@version, or use npm ci.";
    APK_PIN "apk-pin" Info ["DL3018"]
        "The version of the package may differ from build to build." "Where that matters, write package=version.";
    APK_CACHE "apk-cache" Info ["DL3019", "DS-0025"]
        "The package index stays in the layer." "Add --no-cache.";
    ADD_FILE "add-for-copy" Error ["DL3020", "DS-0005"]
        "ADD also fetches and unpacks; a file that only looks like an archive changes the image." "Use COPY.";
    COPY_FOLDER "copy-several" Error ["DL3021", "DS-0011"]
        "Several sources need a folder as their destination." "End the destination with /.";
    COPY_FROM "copy-from-unknown" Warning ["DL3022"]
        "No stage above has this name, so an image of that name is fetched." "Name a stage above, or write the image with its tag.";
    COPY_SELF "copy-from-self" Error ["DL3023", "DS-0006"]
        "A stage can't copy from itself." "Name another stage.";
    SAME_ALIAS "duplicate-stage" Error ["DL3024", "DS-0012", "DuplicateStageName"]
        "Two stages have one name." "Give each stage its own name.";
    SAME_ALIAS_CASE "duplicate-stage-case" Error ["DuplicateStageName"]
        "Names of stages are compared without case: these two are one." "Give each stage its own name.";
    SHELL_FORM "shell-form" Warning ["DL3025", "JSONArgsRecommended"]
        "A shell is process 1 and keeps SIGTERM to itself: requests are cut off at each scale-down." "Write a JSON list: CMD [\"program\", \"argument\"].";
    REGISTRY "registry" Error ["DL3026"]
        "The configuration trusts other registries." "Use an image of a trusted registry, or add this one to trustedRegistries.";
    APT "apt" Warning ["DL3027"]
        "apt is made for people; its output and options change." "Use apt-get.";
    GEM_PIN "gem-pin" Warning ["DL3028"]
        "The version of the gem may differ from build to build." "Write gem:version, or use Bundler.";
    PLATFORM "platform" Warning ["DL3029", "FromPlatformFlagConstDisallowed"]
        "A fixed platform builds the wrong image for another machine." "Leave --platform away, or use $BUILDPLATFORM.";
    TARGET_PLATFORM "target-platform" Warning ["DL3065", "RedundantTargetPlatform"]
        "That platform is the default." "Leave --platform away.";
    YUM_YES "yum-yes" Warning ["DL3030"] "The build stops at a question." "Add -y.";
    YUM_CLEAN "yum-clean" Warning ["DL3032", "DS-0015"] "The package cache stays in the layer." "End the RUN with yum clean all.";
    YUM_PIN "yum-pin" Warning ["DL3033"] "The version of the package may differ from build to build." "Write package-version.";
    ZYPPER_YES "zypper-yes" Warning ["DL3034"] "The build stops at a question." "Add -n behind zypper.";
    ZYPPER_UPGRADE "zypper-dist-upgrade" Warning ["DL3035", "DS-0018"] "The base image is turned into another one." "Choose a newer base image.";
    ZYPPER_CLEAN "zypper-clean" Warning ["DL3036", "DS-0020"] "The package cache stays in the layer." "End the RUN with zypper clean.";
    ZYPPER_PIN "zypper-pin" Warning ["DL3037"] "The version of the package may differ from build to build." "Write package=version.";
    DNF_YES "dnf-yes" Warning ["DL3038"] "The build stops at a question." "Add -y.";
    DNF_CLEAN "dnf-clean" Warning ["DL3040", "DS-0019"] "The package cache stays in the layer." "End the RUN with dnf clean all.";
    DNF_PIN "dnf-pin" Warning ["DL3041"] "The version of the package may differ from build to build." "Write package-version.";
    PIP_CACHE "pip-cache" Warning ["DL3042"]
        "pip's cache stays in the layer." "Add --no-cache-dir, or a cache mount on /root/.cache/pip.";
    ONBUILD "onbuild" Error ["DL3043"]
        "BuildKit refuses ONBUILD before FROM, MAINTAINER and ONBUILD." "Take it away.";
    ENV_SELF "env-self-reference" Error ["DL3044"]
        "Within one ENV a variable still has its old value." "Use two ENV instructions.";
    COPY_NOWHERE "copy-without-workdir" Warning ["DL3045"]
        "Where the files land depends on the base image." "Set WORKDIR above, or write an absolute destination.";
    USERADD "useradd-high-uid" Warning ["DL3046"]
        "A high id makes sparse log files of gigabytes in the layer." "Add -l to useradd.";
    WGET_PROGRESS "wget-progress" Info ["DL3047"]
        "The progress bar floods the build log." "Add -q, -nv or --progress=dot:giga.";
    LABEL_KEY "label-key" Info ["DL3048"]
        "Docker's rules for label keys are broken." "Use lower-case letters, digits, dots and hyphens.";
    LABEL_MISSING "label-missing" Info ["DL3049"]
        "The configuration's label schema asks for the label." "Add the label.";
    LABEL_UNKNOWN "label-unknown" Info ["DL3050"]
        "The configuration's label schema is strict and doesn't know the label." "Leave the label away, or add it to label-schema.";
    LABEL_EMPTY "label-empty" Warning ["DL3051"]
        "The configuration's label schema asks for the label." "Give it a value.";
    LABEL_URL "label-url" Warning ["DL3052"]
        "The configuration's label schema says what the label holds." "Write a URL with its scheme.";
    LABEL_TIME "label-time" Warning ["DL3053"]
        "The configuration's label schema says what the label holds." "Write a time as RFC 3339 does: 2026-01-31T12:00:00Z.";
    LABEL_LICENSE "label-license" Warning ["DL3054"]
        "The configuration's label schema says what the label holds." "Write an SPDX identifier, like Apache-2.0.";
    LABEL_HASH "label-hash" Warning ["DL3055"]
        "The configuration's label schema says what the label holds." "Write the hash of a commit.";
    LABEL_VERSION "label-version" Warning ["DL3056"]
        "The configuration's label schema says what the label holds." "Write a semantic version, like 1.2.3.";
    LABEL_EMAIL "label-email" Warning ["DL3058"]
        "The configuration's label schema says what the label holds." "Write an address, like name@example.com.";
    CONSECUTIVE_RUN "consecutive-run" Info ["DL3059"]
        "Each RUN is a layer." "Join the commands with && where they belong together.";
    YARN_CACHE "yarn-cache" Info ["DL3060"]
        "Yarn's cache stays in the layer." "Add yarn cache clean, or a cache mount.";
    ORDER "before-from" Error ["DL3061"]
        "Only ARG may stand before the first FROM." "Begin with FROM.";
    GO_PIN "go-pin" Warning ["DL3062"]
        "The version of the module may differ from build to build." "Write module@version.";
    RESERVED_STAGE "reserved-stage" Error ["DL3063", "ReservedStageName"]
        "BuildKit keeps the name for itself." "Give the stage another name.";
    SECRET "secret-in-env" Warning ["DL3064", "DS-0031", "SecretsUsedInArgOrEnv"]
        "Whoever pulls the image reads its ENV and ARG." "Give it when the container starts, from a secret store; in a build with RUN --mount=type=secret.";
    SECRET_NAME "secret-like-name" Warning ["DS-0031", "SecretsUsedInArgOrEnv"]
        "Whoever pulls the image reads its ENV and ARG." "Give it when the container starts, from a secret store; in a build with RUN --mount=type=secret.";
    SECRET_FILE "secret-file" Error []
        "The file stays in the layer, even if a later step deletes it." "Mount it with RUN --mount=type=secret, and list it in .dockerignore.";
    COPY_ROOT "copy-whole-image" Warning ["DL3067"]
        "Everything of the other stage is copied, its tools and caches too." "Copy what the app needs.";
    MAINTAINER "maintainer" Error ["DL4000", "DS-0022", "MaintainerDeprecated"]
        "MAINTAINER is deprecated." "Use LABEL org.opencontainers.image.authors.";
    WGET_CURL "wget-and-curl" Warning ["DL4001", "DS-0014"]
        "Two tools for one job." "Use one of them.";
    CMDS "several-cmd" Warning ["DL4003", "DS-0016", "MultipleInstructionsDisallowed"]
        "Only the last CMD counts." "Keep one.";
    ENTRYPOINTS "several-entrypoint" Error ["DL4004", "DS-0007", "MultipleInstructionsDisallowed"]
        "Only the last ENTRYPOINT counts." "Keep one.";
    SHELL_LINK "link-shell" Warning ["DL4005"]
        "Other programs of the image rely on its /bin/sh." "Use SHELL.";
    PIPEFAIL "pipefail" Warning ["DL4006", "SC3040"]
        "If the first command of a pipe fails, the build goes on." "Add SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"] above, or take the pipe apart.";
    FIXED_PORT "fixed-port" Warning []
        "Cloud Run names the port in $PORT; an app that listens on another one never gets ready." "Take the port from $PORT.";
    LOCALHOST "localhost-bind" Error []
        "127.0.0.1 in a container is reachable from inside of it only." "Listen on 0.0.0.0.";
    PIPE_TO_SHELL "pipe-to-shell" Warning ["SC2312"]
        "What a server answers is executed unseen, and a broken download half." "Download to a file, check its checksum, then run it.";
    COPY_ALL "copy-all" Warning []
        "Without a .dockerignore, COPY of the whole folder takes .git, .env and local build output along." "Write a .dockerignore (`sextant dockerfile PATH --write`).";
    DIST_UPGRADE "dist-upgrade" Warning ["DL3005", "DL3017", "DL3031", "DL3039", "DS-0024"]
        "The base image is turned into another one, a different one each day." "Choose a newer base image.";
    CACHE_LEFT "cache-left" Info []
        "The clean-up removes something else, and the package cache stays in the layer." "Remove the cache too: rm -rf /var/lib/apt/lists/*, or yum clean all.";
    NO_FROM "no-from" Error [] "There is no stage to build." "Begin with FROM.";
    HEREDOC_END "heredoc-end" Error [] "BuildKit refuses a heredoc without its end." "Add the ending word on a line of its own.";
}
