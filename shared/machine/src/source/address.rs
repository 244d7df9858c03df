//! Where an https address leads: its name is resolved here, each address is checked, and git is told to connect to
//! exactly those that were checked, so that a name which means something else a moment later changes nothing.

use super::wanted::shown;
use async_trait::async_trait;
use model::{address::is_public, port::PortError};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use url::{Host, Url};

/// How long a name that can't be resolved is left alone before it is asked for once more.
const AGAIN: Duration = Duration::from_secs(1);

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All of them.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<IpAddr>>;
}

/// The system's own.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.map(|address: SocketAddr| address.ip()).collect())
    }
}

/// Who resolves, and what may be reached.
#[derive(Clone)]
pub struct Reach {
    /// Finds the addresses of a name.
    pub resolver: Arc<dyn Resolver>,
    /// Whether an address may be connected to.
    pub allowed: fn(IpAddr) -> bool,
}

impl Default for Reach {
    /// The public internet.
    fn default() -> Self {
        Self { resolver: Arc::new(SystemResolver), allowed: is_public }
    }
}

impl Reach {
    /// Every address, private ones among them: for who has a server of repositories in a network of their own.
    pub fn anywhere() -> Self {
        Self { allowed: |_| true, ..Self::default() }
    }

    /// Checks where `url` leads and answers what git must be told, as `http.curloptResolve` takes it; `None` where the
    /// host is an address already, or where a proxy connects. A proxy finds the address by itself: what it may reach is
    /// for its owner to say.
    pub(super) async fn pin(&self, url: &Url, by_proxy: bool) -> Result<Option<String>, PortError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let host = match url.host() {
            Some(Host::Domain(host)) => host,
            Some(Host::Ipv4(address)) => return self.check(url, address.into()).map(|()| None),
            Some(Host::Ipv6(address)) => return self.check(url, address.into()).map(|()| None),
            None => return Err(PortError::Permanent(format!("`{}` names no host", shown(url.as_str())))),
        };
        let found = match self.resolve(host, port).await {
            Ok(found) => found,
            Err(_) if by_proxy => return Ok(None),
            Err(error) => return Err(unknown(host, &error)),
        };
        // One of them that leads inside is enough: which one is taken is not for us to say.
        found.iter().try_for_each(|address| self.check(url, *address))?;
        let addresses: Vec<String> = found
            .iter()
            .map(|address| match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            })
            .collect();
        Ok((!by_proxy).then(|| format!("{host}:{port}:{}", addresses.join(","))))
    }

    /// The addresses of a name, of which there is one at least. A name service that has stumbled is asked once more; a
    /// mistyped name is as unknown in a minute as it is now, and nobody should wait to be told.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
        let asked = async || match self.resolver.resolve(host, port).await {
            Ok(found) if found.is_empty() => Err("it has no address".to_owned()),
            Ok(found) => Ok(found),
            Err(error) => Err(error.to_string()),
        };
        if let Ok(found) = asked().await {
            return Ok(found);
        }
        tokio::time::sleep(AGAIN).await;
        asked().await
    }

    fn check(&self, url: &Url, address: IpAddr) -> Result<(), PortError> {
        if (self.allowed)(address) {
            return Ok(());
        }
        Err(PortError::Permanent(format!(
            "`{}` leads to {address}, which is not on the public internet, so it is not fetched from; give a public \
             address, or deploy from a folder",
            shown(url.as_str())
        )))
    }
}

fn unknown(host: &str, why: &str) -> PortError {
    PortError::Permanent(format!(
        "the host `{host}` is unknown: its name can't be resolved ({why}); check the address, and if that is right, the \
         network's name service, then deploy again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static [&'static str]);

    #[async_trait]
    impl Resolver for Fixed {
        async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|text| text.parse().unwrap()).collect())
        }
    }

    async fn pinned(addresses: &'static [&'static str], url: &str) -> Result<Option<String>, PortError> {
        let reach = Reach { resolver: Arc::new(Fixed(addresses)), ..Reach::default() };
        reach.pin(&Url::parse(url).unwrap(), false).await
    }

    #[tokio::test]
    async fn names_are_pinned_to_what_was_checked() {
        let found = pinned(&["140.82.121.4", "2606:50c0::1"], "https://git.example/a/b").await.unwrap();
        assert_eq!(found.as_deref(), Some("git.example:443:140.82.121.4,[2606:50c0::1]"));
        let found = pinned(&["140.82.121.4"], "https://git.example:8443/a").await.unwrap();
        assert_eq!(found.as_deref(), Some("git.example:8443:140.82.121.4"));
    }

    /// Fails so often before it answers.
    struct Stumbling(std::sync::atomic::AtomicU32);

    #[async_trait]
    impl Resolver for Stumbling {
        async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<IpAddr>> {
            use std::sync::atomic::Ordering::SeqCst;
            match self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Err(io::Error::other("Name or service not known")),
                Err(_) => Ok(vec!["140.82.121.4".parse().unwrap()]),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_host_is_asked_for_once_more_and_then_told() {
        let reached = async |failures: u32| {
            let resolver = Arc::new(Stumbling(failures.into()));
            let reach = Reach { resolver: resolver.clone(), ..Reach::default() };
            let pinned = reach.pin(&Url::parse("https://git.exampel/a/b").unwrap(), false).await;
            (pinned, resolver.0.load(std::sync::atomic::Ordering::SeqCst))
        };
        let began = tokio::time::Instant::now();
        assert!(reached(1).await.0.unwrap().is_some());
        assert_eq!(began.elapsed(), AGAIN);
        let (told, left) = reached(60).await;
        assert_eq!(left, 58, "it is asked twice");
        let PortError::Permanent(told) = told.unwrap_err() else { panic!("a name that is unknown stays so") };
        assert!(told.contains("`git.exampel` is unknown") && told.contains("check the address"), "{told}");
        assert!(matches!(pinned(&[], "https://git.example/a").await, Err(PortError::Permanent(_))));
    }

    #[tokio::test]
    async fn whatever_leads_inside_is_refused_however_it_is_written() {
        for inside in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"] {
            let addresses: &'static [&'static str] = Vec::leak(vec!["140.82.121.4", inside]);
            let error = pinned(addresses, "https://git.example/a").await.unwrap_err();
            assert!(
                matches!(&error, PortError::Permanent(text) if text.contains("not on the public")),
                "{error}"
            );
        }
        for url in [
            "https://127.0.0.1/a",
            "https://127.1/a",
            "https://2130706433/a",
            "https://0x7f000001/a",
            "https://0177.0.0.1/a",
            "https://[::1]/a",
            "https://[::ffff:7f00:1]/a",
            "https://169.254.169.254/latest",
            "https://[fd00:ec2::254]/latest",
        ] {
            let error = pinned(&["140.82.121.4"], url).await.unwrap_err();
            assert!(
                matches!(&error, PortError::Permanent(text) if text.contains("not on the public")),
                "{url}: {error}"
            );
        }
    }
}
