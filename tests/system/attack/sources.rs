//! Repositories at addresses that are not the public internet: nobody connects to them. Redirects and names that
//! change their address are with the source's own tests, which have a TLS server that git trusts.

use super::ground::Ground;
use serde_json::json;
use std::{
    io::ErrorKind,
    net::{Ipv6Addr, TcpListener},
};
use tests::system::Killed;

const ADDRESSES: [&str; 24] = [
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "0.0.0.0",
    "localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fc00::1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "224.0.0.1",
];

#[tokio::test]
async fn repositories_at_private_addresses_are_never_connected_to() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let system = &ground.system;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let sixth = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok();
    if let Some(listener) = &sixth {
        listener.set_nonblocking(true).unwrap();
    }
    for address in ADDRESSES {
        let url = format!("https://{address}:{port}/ann/shop.git");
        let refused = system.post("/api/v1/decisions", &json!({ "url": url })).await?;
        assert!(matches!(refused.status, 400..500 | 503), "{url}: {} {}", refused.status, refused.text);
        let mut order = ground.app.order("v2");
        order.as_object_mut().unwrap().remove("path");
        order["url"] = url.clone().into();
        order["service"] = "elsewhere".into();
        let reply = system.post("/api/v1/deployments", &order).await?;
        if reply.status == 201 {
            let id = reply.json()["deployment_id"].as_str().unwrap().to_owned();
            let ended = system.rest(&id).await?;
            assert_eq!(ended["pipeline_status"], "FAILED", "{url}: {ended:#}");
            assert_eq!(ended["failure"]["code"], "source_unavailable", "{url}: {ended:#}");
        } else {
            assert!(matches!(reply.status, 400..500 | 503), "{url}: {} {}", reply.status, reply.text);
        }
    }
    for listener in [Some(listener), sixth].into_iter().flatten() {
        let asked = listener.accept();
        assert!(asked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "somebody connected");
    }
    Ok(())
}
