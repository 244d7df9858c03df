//! What fetches a program, and from where: npm has Node.js and its package managers, PyPI those of Python.

use super::{
    command::Ended,
    version::{is_exact, meets},
};
use std::path::Path;

/// No range of versions that a person writes is longer; a folder's name has room for it.
const LONGEST: usize = 60;

/// How a tool is fetched.
pub(super) struct Install {
    pub(super) registry: &'static str,
    /// What fetches it.
    pub(super) program: &'static str,
    /// What the registry calls it, with the version; quoted.
    package: String,
    /// Its programs, and where they are in its folder.
    pub(super) programs: Vec<(&'static str, String)>,
}

impl Install {
    /// `None` for what no registry here has, or what is no version.
    pub(super) fn of(name: &str, asked: &str) -> Option<Self> {
        // `npm:other@1`, `https://…`: another program under this name.
        if asked.len() > LONGEST || asked.contains([':', '/', '@']) {
            return None;
        }
        let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let arm = cfg!(target_arch = "aarch64");
        let bin = |names: &[&'static str]| {
            names.iter().map(|name| (*name, format!("node_modules/.bin/{name}"))).collect()
        };
        let (package, programs) = match name {
            "node" => {
                let package = format!("node-{system}-{}", if arm { "arm64" } else { "x64" });
                let program = format!("node_modules/{package}/bin/node");
                (package, vec![("node", program)])
            }
            "bun" => {
                let package = format!("@oven/bun-{system}-{}", if arm { "aarch64" } else { "x64" });
                let program = format!("node_modules/{package}/bin/bun");
                (package, vec![("bun", program.clone()), ("bunx", program)])
            }
            "npm" => ("npm".into(), bin(&["npm", "npx"])),
            "pnpm" => ("pnpm".into(), bin(&["pnpm", "pnpx"])),
            "yarn" if asked.is_empty() || meets([1, 22, 22], asked) || asked.starts_with("1.") => {
                ("yarn".into(), bin(&["yarn"]))
            }
            "yarn" => ("@yarnpkg/cli-dist".into(), bin(&["yarn"])),
            "uv" => return Some(Self::python("uv", asked, &["uv", "uvx"])),
            "poetry" => return Some(Self::python("poetry", asked, &["poetry"])),
            "pdm" => return Some(Self::python("pdm", asked, &["pdm"])),
            "pipenv" => return Some(Self::python("pipenv", asked, &["pipenv"])),
            _ => return None,
        };
        let version = if asked.contains(|c: char| c.is_ascii_digit()) { asked } else { "latest" };
        let package = quoted(&format!("{package}@{version}"));
        Some(Self { registry: "npm's registry", program: "npm", package, programs })
    }

    fn python(name: &str, asked: &str, programs: &[&'static str]) -> Self {
        let operator = if is_exact(asked) { "==" } else { "" };
        let package = quoted(&format!("{name}{operator}{asked}"));
        let programs = programs.iter().map(|name| (*name, format!("bin/{name}"))).collect();
        Self { registry: "PyPI", program: "python3", package, programs }
    }

    /// Why it wasn't fetched, if it wasn't.
    pub(super) fn explain(&self, name: &str, ended: &Ended) -> Result<(), String> {
        match ended {
            Ended::Exit(0) => Ok(()),
            Ended::Exit(127) => {
                Err(format!("{}, which would fetch it, is not installed either", self.program))
            }
            _ => Err(format!("it could not be fetched from {}; {}", self.registry, help(name))),
        }
    }

    /// Nothing that comes with a package is executed while it is fetched from npm.
    pub(super) fn command(&self, folder: &Path) -> String {
        let (folder, package) = (quoted(&folder.display().to_string()), &self.package);
        if self.program == "npm" {
            return format!(
                "npm install --prefix {folder} --no-save --no-audit --no-fund --no-update-notifier --ignore-scripts \
                 --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000 --loglevel=error {package}"
            );
        }
        format!("python3 -m venv {folder} && {folder}/bin/pip install --quiet --retries 1 {package}")
    }
}

pub(super) fn help(name: &str) -> String {
    match name {
        "node" | "bun" | "npm" | "pnpm" | "yarn" => {
            format!("install it (`npm install --global {name}`) and deploy again")
        }
        "python" => "install it and deploy again".to_owned(),
        _ => format!("install it (`pipx install {name}`) and deploy again"),
    }
}

/// For a shell: what is asked for comes from the tree.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// For a folder's name, no two alike.
pub(super) fn plain(asked: &str) -> String {
    let sign = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' => char::from(byte).to_string(),
        _ => format!("_{byte:02x}"),
    };
    asked.bytes().map(sign).collect()
}
