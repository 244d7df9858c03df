//! From where apps are reached, and what their addresses look like from there.

use std::net::{IpAddr, Ipv4Addr};

/// Where the ingress listens, and by what it is reached.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// The address that is listened on.
    pub listen: IpAddr,
    /// Names and addresses of this machine beside loopback; the first is what addresses of apps are made with.
    pub hosts: Vec<String>,
}

impl Default for Exposure {
    /// From this machine only.
    fn default() -> Self {
        Self { listen: Ipv4Addr::LOCALHOST.into(), hosts: vec![] }
    }
}

impl Exposure {
    /// Names below which each service has one of its own; an address has nothing below it.
    pub fn names(&self) -> Vec<String> {
        self.hosts.iter().filter(|host| host.parse::<IpAddr>().is_err() && *host != "*").cloned().collect()
    }

    /// The address of a service: below our first name, or else by the service's own port.
    pub(crate) fn url(&self, label: &str, port: u16, own: u16) -> String {
        match self.hosts.first().map(|host| (host, host.parse::<IpAddr>())) {
            Some((_, Ok(IpAddr::V6(address)))) => format!("http://[{address}]:{own}"),
            Some((_, Ok(address))) => format!("http://{address}:{own}"),
            Some((name, Err(_))) if name != "*" => format!("http://{label}.{name}:{port}"),
            _ => format!("http://{label}.localhost:{port}"),
        }
    }
}

impl Exposure {
    /// The address of one revision: below our first name; an address has nothing below it, so there it leads here only.
    pub(crate) fn tagged(&self, tag: &str, label: &str, port: u16) -> String {
        let name = self.names().into_iter().next().unwrap_or_else(|| "localhost".to_owned());
        format!("http://{tag}---{label}.{name}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_lead_here_from_outside() {
        let url = |hosts: &[&str]| {
            let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
            Exposure { hosts, ..Exposure::default() }.url("shop", 8088, 30_001)
        };
        assert_eq!(url(&[]), "http://shop.localhost:8088");
        assert_eq!(url(&["*"]), "http://shop.localhost:8088");
        assert_eq!(url(&["box.lan", "192.168.1.5"]), "http://shop.box.lan:8088");
        assert_eq!(url(&["192.168.1.5"]), "http://192.168.1.5:30001");
        assert_eq!(url(&["::1"]), "http://[::1]:30001");
    }
}
