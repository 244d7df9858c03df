//! The types that settings have: what each takes, in words, and how it is read.

use secrecy::SecretString;
use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

/// A type that a setting can have.
pub trait Value: Sized {
    /// Whether its values are never shown.
    const SECRET: bool = false;

    /// What it takes, as the end of a sentence: `a whole number from 1 to 9`.
    fn takes() -> String;

    /// Reads it. Why something is no value is said by [`Value::takes`], never by the text itself.
    fn parse(text: &str) -> Option<Self>;
}

/// Empty for none.
impl<T: Value> Value for Option<T> {
    const SECRET: bool = T::SECRET;

    fn takes() -> String {
        T::takes()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
}

/// Where a process runs: every port comes from there, and from nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One machine: a data folder, and apps as its processes.
    Machine,
    /// Google Cloud. Its emulators are the same place under other addresses.
    Gcp,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "machine",
            Self::Gcp => "gcp",
        })
    }
}

impl Value for Place {
    fn takes() -> String {
        "`machine` or `gcp`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Machine, Self::Gcp].into_iter().find(|place| place.to_string() == text)
    }
}

/// Who may push deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Nobody: no delivery is taken over HTTP.
    Off,
    /// Whoever shows a token.
    Token,
    /// Whoever Google signed for.
    Google,
    /// Whoever the platform let through.
    Platform,
}

impl Value for Push {
    fn takes() -> String {
        "`off`, `token`, `google` or `platform`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "off" => Self::Off,
            "token" => Self::Token,
            "google" => Self::Google,
            "platform" => Self::Platform,
            _ => return None,
        })
    }
}

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const LEAST: i64, const MOST: i64>(i64);

impl<const LEAST: i64, const MOST: i64> Whole<LEAST, MOST> {
    /// The number; it is within the bounds.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const LEAST: i64, const MOST: i64> Value for Whole<LEAST, MOST> {
    fn takes() -> String {
        format!("a whole number from {LEAST} to {MOST}")
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (LEAST..=MOST).contains(number)).map(Self)
    }
}

/// `http://…` or `https://…` with a host, kept without the slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress(String);

impl WebAddress {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for WebAddress {
    fn takes() -> String {
        "an address that begins with `http://` or `https://`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let address: axum::http::Uri = text.parse().ok()?;
        let web = matches!(address.scheme_str(), Some("http" | "https"));
        (web && address.host().is_some_and(|host| !host.is_empty()))
            .then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

/// `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Address {
    fn takes() -> String {
        "`host:port`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let authority: axum::http::uri::Authority = text.parse().ok()?;
        let plain = !authority.host().is_empty() && !text.contains('@');
        (plain && authority.port_u16().is_some_and(|port| port > 0)).then(|| Self(text.to_owned()))
    }
}

/// A region of Google Cloud, such as `europe-west1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

impl Region {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Region {
    fn takes() -> String {
        "a region of Google Cloud, such as `europe-west1`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let (area, place) = text.split_once('-')?;
        let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
        let name = place.trim_end_matches(|letter: char| letter.is_ascii_digit());
        (letters(area) && letters(name) && name.len() < place.len()).then(|| Self(text.to_owned()))
    }
}

/// A point of the code at which a test kills the process, at its first pass or at a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// The point's name.
    pub name: &'static str,
    /// At which pass.
    pub pass: u32,
}

impl Value for CrashPoint {
    fn takes() -> String {
        format!("one of {}, with `#N` for its Nth pass", crate::crash::POINTS.join(", "))
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, pass) = text.split_once('#').unwrap_or((text, "1"));
        let name = crate::crash::POINTS.into_iter().find(|point| *point == name)?;
        Some(Self { name, pass: pass.parse().ok().filter(|pass| *pass > 0)? })
    }
}

impl Value for bool {
    fn takes() -> String {
        "`on` or `off`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "on" | "true" => Some(true),
            "off" | "false" => Some(false),
            _ => None,
        }
    }
}

/// On one line; a line's end behind it doesn't count, since a secret that was stored from a file has one. What else it
/// must be (an address, a key of some length), its reader finds out.
impl Value for SecretString {
    const SECRET: bool = true;

    fn takes() -> String {
        "a secret".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        String::parse(text.trim_end_matches(['\r', '\n'])).map(Self::from)
    }
}

/// On one line, and not empty.
impl Value for String {
    fn takes() -> String {
        "one line of text".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.trim().is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
    }
}

/// Separated by commas.
impl Value for Vec<String> {
    fn takes() -> String {
        "names, separated by commas".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(String::parse).collect()
    }
}

impl Value for PathBuf {
    fn takes() -> String {
        "a path".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
}

macro_rules! standard {
    ($($type:ty: $takes:literal),*) => {
        $(impl Value for $type {
            fn takes() -> String {
                $takes.to_owned()
            }

            fn parse(text: &str) -> Option<Self> {
                Self::from_str(text).ok()
            }
        })*
    };
}

standard!(u16: "a port, 0 to 65535", u64: "a whole number", IpAddr: "an IP address");
