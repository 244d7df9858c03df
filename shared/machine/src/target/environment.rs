//! The environments that builds and apps start with: made from nothing, never inherited.
//!
//! Invariant: an app's environment holds neither a variable of Sextant's own nor the data folder's path; its
//! folders are named through a link outside of the data folder (see [`Alias`]).

use super::files;
use model::port::{PortError, target::Plan};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// What a shell needs if the environment says nothing.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
/// Folders of a tree that hold the programs its install command put there.
const PROGRAM_FOLDERS: [&str; 2] = [".venv/bin", "node_modules/.bin"];
/// The folder beside a tree with the programs that were fetched for it.
pub(crate) const TOOLS: &str = "tools";
/// Configuration of toolchains that a build may see: where they are installed, which proxies and registries to
/// use. Apps see none of it.
const TOOLCHAIN: [&str; 16] = [
    "CARGO_HOME",
    "RUSTUP_HOME",
    "JAVA_HOME",
    "GOROOT",
    "GOPROXY",
    "GONOSUMDB",
    "DOTNET_ROOT",
    "DENO_INSTALL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// The same, by how they begin.
const TOOLCHAIN_PREFIXES: [&str; 7] =
    ["PIP_", "UV_", "NPM_CONFIG_", "npm_config_", "RUSTUP_", "NODE_EXTRA_CA", "REQUESTS_CA"];

/// Variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// What is taken over from Sextant's own environment, read once at the start.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// Where programs are.
    pub path: String,
    /// Toolchain configuration for builds.
    pub toolchain: BTreeMap<String, String>,
}

impl Inherited {
    /// Reads the environment of this process. Toolchains that are configured in the user's home folder are
    /// pointed there, since a build has a home of its own.
    pub fn read() -> Self {
        let keep =
            |name: &str| TOOLCHAIN.contains(&name) || TOOLCHAIN_PREFIXES.iter().any(|p| name.starts_with(p));
        let mut toolchain: Variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| keep(name))
            .collect();
        let home = std::env::var("HOME").map(PathBuf::from).unwrap_or_default();
        for (name, place) in [
            ("RUSTUP_HOME", ".rustup"),
            ("CARGO_HOME", ".cargo"),
            ("NPM_CONFIG_USERCONFIG", ".npmrc"),
            ("PIP_CONFIG_FILE", ".config/pip/pip.conf"),
        ] {
            let place = home.join(place);
            if place.is_absolute() && place.exists() {
                toolchain.entry(name.into()).or_insert_with(|| place.display().to_string());
            }
        }
        Self { path: std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.into()), toolchain }
    }

    /// What every command gets: `PATH` with the tree's own programs first, then its tools, `HOME`, `LANG`, `TMPDIR`, `PWD`.
    pub(crate) fn base(&self, root: &Path, app_folder: Option<&str>) -> Variables {
        let tree = root.join("app");
        let places = app_folder.into_iter().map(|folder| tree.join(folder)).chain([tree.clone()]);
        let programs =
            places.flat_map(|place| PROGRAM_FOLDERS.map(|folder| place.join(folder).display().to_string()));
        let tools = root.join(TOOLS).display().to_string();
        let path: Vec<String> = programs.chain([tools, self.path.clone()]).collect();
        Variables::from([
            ("PATH".into(), path.join(":")),
            ("HOME".into(), root.join("home").display().to_string()),
            ("TMPDIR".into(), root.join("tmp").display().to_string()),
            ("PWD".into(), tree.display().to_string()),
            ("LANG".into(), "C.UTF-8".into()),
        ])
    }

    /// A build's environment: toolchain configuration, caches in `cache`, `CI=1`, what the tree sets, then the order's
    /// variables.
    pub(crate) fn build(&self, root: &Path, cache: &Path, plan: &Plan, order: &Variables) -> Variables {
        let mut all = self.base(root, plan.app_folder.as_deref());
        for (name, folder) in
            [("NPM_CONFIG_CACHE", "npm"), ("PIP_CACHE_DIR", "pip"), ("XDG_CACHE_HOME", "xdg")]
        {
            all.insert(name.into(), cache.join(folder).display().to_string());
        }
        all.extend([("CI".into(), "1".into()), ("TERM".into(), "dumb".into())]);
        // From 11.19 on npm leaves out the install scripts of packages, without which many don't work; a build in an
        // image of Node.js runs them.
        all.insert("NPM_CONFIG_DANGEROUSLY_ALLOW_ALL_SCRIPTS".into(), "true".into());
        all.extend(self.toolchain.clone());
        all.extend(plan.build_env.clone());
        all.extend(order.clone());
        all
    }
}

/// A folder outside of the data folder with links into it, so that no variable of an app names the data folder.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    folder: PathBuf,
}

impl Alias {
    /// The folder for this data folder; it must be ours alone.
    pub(crate) fn open(data: &Path) -> Result<Self, PortError> {
        let owner = fs::metadata(data).map_err(|e| files::failed("look at", data, &e))?.uid();
        let hash = fnv(data.as_os_str().as_encoded_bytes());
        let folder = std::env::temp_dir().join(format!("sextant-{owner}-{hash:016x}"));
        files::folder(&folder)?;
        let found = fs::symlink_metadata(&folder).map_err(|e| files::failed("look at", &folder, &e))?;
        if !found.is_dir() || found.uid() != owner || found.permissions().mode() & 0o077 != 0 {
            return Err(PortError::Permanent(format!(
                "{} exists and isn't a folder of yours alone; remove it, then start again",
                folder.display()
            )));
        }
        Ok(Self { folder })
    }

    /// The outside name of `inside`, made or made anew (temporary folders get cleaned).
    pub(crate) fn link(&self, name: &str, inside: &Path) -> Result<PathBuf, PortError> {
        files::folder(&self.folder)?;
        let outside = self.folder.join(name);
        if fs::read_link(&outside).is_ok_and(|there| there == inside) {
            return Ok(outside);
        }
        fs::remove_file(&outside).ok();
        std::os::unix::fs::symlink(inside, &outside).map_err(|e| files::failed("link", &outside, &e))?;
        Ok(outside)
    }

    /// Removes all names; they are made anew when they are needed.
    pub(crate) fn clear(&self) {
        fs::remove_dir_all(&self.folder).ok();
    }

    /// Removes all names, and the folder.
    pub(crate) fn remove(self) {
        fs::remove_dir_all(self.folder).ok();
    }

    /// Removes a name.
    pub(crate) fn unlink(&self, name: &str) {
        fs::remove_file(self.folder.join(name)).ok();
    }
}

/// FNV-1a: stable over versions, which the standard hasher is not.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}
