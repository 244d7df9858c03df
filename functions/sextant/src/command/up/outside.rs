//! From where console and apps are reached, and what that means.

use host::Settings;
use machine::target::Exposure;
use std::net::{IpAddr, Ipv4Addr};

/// Where to listen, and by what names.
pub struct Outside {
    /// What is listened on.
    pub listen: IpAddr,
    /// Where this machine's own command line finds the server, without the port.
    pub here: String,
    /// The console's address for people.
    pub url: String,
    /// Names that are answered for beside loopback.
    pub hosts: Vec<String>,
}

impl Outside {
    /// As the settings say; `port` is the console's. With a name beside loopback every address is listened on, unless
    /// one was chosen.
    pub fn of(settings: &Settings, port: u16) -> Self {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let all = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        let listen = settings.listen.unwrap_or(if settings.hosts.is_empty() { local } else { all });
        let one = !listen.is_loopback() && !listen.is_unspecified();
        let mut hosts = settings.hosts.clone();
        if one && !hosts.contains(&listen.to_string()) {
            hosts.push(literal(listen));
        }
        let name = hosts.iter().find(|host| *host != "*").map(|host| bracketed(host));
        let port_of = |name: &str| format!("http://{name}:{port}");
        let url = settings.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let url = url.unwrap_or_else(|| port_of(name.as_deref().unwrap_or("localhost")));
        let here = literal(if listen.is_unspecified() { local } else { listen });
        Self { listen, here, url, hosts: hosts.into_iter().map(|host| bracketed(&host)).collect() }
    }

    /// The same for apps.
    pub fn exposure(&self) -> Exposure {
        let bare = |host: &String| host.trim_matches(['[', ']']).to_owned();
        Exposure { listen: self.listen, hosts: self.hosts.iter().map(bare).collect() }
    }

    /// What people should know who open this to others; `None` where nobody else can come.
    pub fn warning(&self, ingress_port: u16, port: u16) -> Option<String> {
        if self.listen.is_loopback() {
            return None;
        }
        Some(format!(
            "Whoever can reach port {port} of this machine sees the sign-in page, and whoever can reach {ingress_port} \
             the apps. It is plain HTTP, which others on the way can read: in a network that isn't yours alone, put a \
             proxy with TLS in front, `--listen 127.0.0.1` behind it, and its address into `--public-url`."
        ))
    }
}

/// An address as it stands in a URL.
fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn bracketed(host: &str) -> String {
    host.parse::<IpAddr>().map_or_else(|_| host.to_owned(), literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(hosts: &[&str], listen: Option<&str>) -> Outside {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let listen = listen.map(|listen| listen.parse().unwrap());
        Outside::of(&Settings { hosts, listen, ..Settings::default() }, 8080)
    }

    #[test]
    fn only_this_machine_unless_told_otherwise() {
        let plain = outside(&[], None);
        assert_eq!((plain.listen.to_string(), plain.here.as_str()), ("127.0.0.1".into(), "127.0.0.1"));
        assert_eq!((plain.url.as_str(), plain.warning(1, 2)), ("http://localhost:8080", None));
    }

    #[test]
    fn a_name_opens_every_address_and_is_what_links_begin_with() {
        let named = outside(&["box.lan"], None);
        assert_eq!((named.listen.to_string(), named.here.as_str()), ("0.0.0.0".into(), "127.0.0.1"));
        assert_eq!(named.url, "http://box.lan:8080");
        assert!(named.warning(8088, 8080).unwrap().contains("8088"));
        let behind = outside(&["box.lan"], Some("127.0.0.1"));
        assert!(behind.listen.is_loopback() && behind.warning(1, 2).is_none(), "a proxy of one's own");
    }

    #[test]
    fn one_address_is_answered_for_and_found_by_the_command_line() {
        let one = outside(&[], Some("192.168.1.5"));
        assert_eq!((one.here.as_str(), one.url.as_str()), ("192.168.1.5", "http://192.168.1.5:8080"));
        assert_eq!(one.hosts, ["192.168.1.5"]);
        let six = outside(&["fe80::1"], None);
        assert_eq!(
            (six.url.as_str(), six.exposure().hosts),
            ("http://[fe80::1]:8080", vec!["fe80::1".into()])
        );
    }
}
