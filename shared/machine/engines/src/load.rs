//! Commits as `register` makes them: deployment, service, secret and decision, each with its entries in the declared
//! indexes. Ids are random, as ours are.

/// One key with its value.
pub struct Put {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// Of a document: there must be none yet.
    pub absent: bool,
}

const TENANTS: u64 = 64;

/// Splitmix64.
pub fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Everything one commit writes; the document whose key comes first is the deployment.
pub fn commit(n: u64) -> Vec<Put> {
    let mut puts = Vec::with_capacity(16);
    let tenant = n % TENANTS;
    let id = |kind: &str| format!("{kind}_{:016x}{:010x}", mix(n), mix(n ^ 7) >> 24);
    let body = |bytes: usize| {
        let head = format!("{{\"schema\":1,\"id\":\"{}\",\"created_at\":{n},\"text\":\"", id("x"));
        let mut body = head.into_bytes();
        while body.len() < bytes {
            body.extend(format!("{:016x} ", mix(n ^ body.len() as u64)).bytes());
        }
        body
    };
    let mut document = |group: &str, id: &str, bytes: usize, entries: usize, across: usize| {
        let key = format!("d{group}\0tenants/t{tenant}\0{id}").into_bytes();
        puts.push(Put { key, value: body(bytes), absent: true });
        for index in 0..entries {
            let field = if index == 0 { String::new() } else { format!("service-{:04}", mix(n) % 1000) };
            let key = if index < across {
                format!("i{group}\0{index}{}{n:016x}tenants\0t{tenant}\0{id}", n % 8)
            } else {
                let turned = u64::MAX - n;
                format!("i{group}\0{index}tenants/t{tenant}\0{field}{turned:016x}{id}")
            };
            puts.push(Put { key: key.into_bytes(), value: vec![0, 40], absent: false });
        }
    };
    document("deployments", &id("dep"), 900, 5, 1);
    document("services", &id("svc"), 700, 3, 3);
    document("secrets", &id("sec"), 400, 0, 0);
    document("decisions", &id("dec"), 900, 2, 1);
    puts
}

/// The prefix under which a tenant's deployments lie, newest first, by the index on their service.
pub fn page(n: u64) -> Vec<u8> {
    format!("ideployments\x001tenants/t{}\0", n % TENANTS).into_bytes()
}

/// The document that an index entry of a deployment leads to.
pub fn target(entry: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(entry).unwrap();
    let (tenant, rest) = text.split_once("1tenants/").unwrap().1.split_once('\0').unwrap();
    let id = &rest[rest.find("dep_").unwrap()..];
    format!("ddeployments\0tenants/{tenant}\0{id}").into_bytes()
}
