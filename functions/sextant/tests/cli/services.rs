//! The services of `infra/`: each is started as Terraform would, with the command and the environment that
//! `infra/catalog.json` gives it and no other.

use crate::program::root;
use serde_json::Value;
use std::{collections::BTreeSet, fs};

fn services() -> Vec<Value> {
    let catalog = fs::read(root().join("infra/catalog.json")).unwrap();
    let catalog: Value = serde_json::from_slice(&catalog).unwrap();
    catalog["services"].as_array().unwrap().clone()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The names that `values` of `infra/services.tf` defines.
fn values_of_terraform() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("infra/services.tf")).unwrap();
    let (_, block) = text.split_once("  values = {\n").expect("infra/services.tf defines `values`");
    let (block, _) = block.split_once("\n  }").unwrap();
    block.lines().map(|line| line.split_once('=').unwrap().0.trim().to_owned()).collect()
}

#[test]
fn terraform_has_every_value_that_the_catalog_refers_to() {
    let services = services();
    let given = services.iter().flat_map(|service| service["environment"].as_object().unwrap().values());
    let from: BTreeSet<String> = given.filter_map(|given| Some(given["from"].as_str()?.to_owned())).collect();
    assert_eq!(values_of_terraform(), from);
    let text = fs::read_to_string(root().join("infra/services.tf")).unwrap();
    assert!(!text.contains("SEXTANT_"), "variables come from the catalog, not from infra/services.tf");
}

#[test]
fn one_door_and_every_function_once() {
    let services = services();
    let public: Vec<_> = services.iter().filter(|service| service["public"] == true).collect();
    assert_eq!(public.len(), 1);
    assert_eq!(texts(&public[0]["functions"]), ["console", "receive-feedback", "register"]);
    assert_eq!(texts(&public[0]["arguments"]), ["serve", "console,receive-feedback,register"]);
    let mut all: Vec<&str> = services.iter().flat_map(|service| texts(&service["functions"])).collect();
    all.sort_unstable();
    let functions = fs::read(root().join("infra/catalog.json")).unwrap();
    let functions: Value = serde_json::from_slice(&functions).unwrap();
    let functions = functions["functions"].as_array().unwrap().clone();
    assert_eq!(all, functions.iter().map(|f| f["name"].as_str().unwrap()).collect::<Vec<_>>());
}

#[cfg(feature = "gcp")]
mod in_the_cloud {
    use super::*;
    use crate::program::{get, until};
    use host::setting::TABLE;
    use std::{
        io::Read as _,
        net::TcpListener,
        process::{Child, Command, Stdio},
    };

    /// What a value of Terraform's, or a secret, may be.
    fn sample(name: &str) -> &'static str {
        match name {
            "project" => "sextant-test",
            "region" => "europe-west1",
            "database" => "(default)",
            "topic_prefix" => "sextant-",
            "public_url" => "https://sextant.example",
            "mail_from" => "Sextant <sextant@example.com>",
            "token-key" => "0123456789abcdef0123456789abcdef",
            "smtp" => "smtps://ann:hunter2@mail.example.com:465",
            other => panic!("`{other}` has no sample here"),
        }
    }

    /// Its environment as Terraform renders it, with every setting that an operator may choose.
    fn environment(service: &Value) -> Vec<(String, String)> {
        let given = service["environment"].as_object().unwrap().iter().map(|(variable, given)| {
            let text = given["value"].as_str();
            let text = text.or_else(|| given["from"].as_str().or(given["secret"].as_str()).map(sample));
            (variable.clone(), text.unwrap().to_owned())
        });
        let chosen = texts(&service["settings"]).into_iter().map(|variable| {
            let setting = TABLE.iter().find(|setting| setting.variable == variable).unwrap();
            let text = if setting.default.is_empty() { "info" } else { setting.default };
            (variable.to_owned(), text.to_owned())
        });
        given.chain(chosen).collect()
    }

    /// Started as Cloud Run does, with emulators behind a port that nobody listens on.
    fn start(service: &Value, port: u16) -> Child {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let closed = format!("127.0.0.1:{closed}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
        command.env_clear().envs(environment(service)).args(texts(&service["arguments"]));
        let name = service["name"].as_str().unwrap();
        command.env("PORT", port.to_string()).env("K_SERVICE", format!("sextant-{name}"));
        command.env("K_REVISION", format!("sextant-{name}-00001-abc"));
        command.env("FIRESTORE_EMULATOR_HOST", &closed).env("PUBSUB_EMULATOR_HOST", &closed);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The ports that a service's functions need and that have no adapter yet.
    fn missing(service: &Value) -> BTreeSet<String> {
        let catalog = fs::read(root().join("infra/catalog.json")).unwrap();
        let catalog: Value = serde_json::from_slice(&catalog).unwrap();
        let own = texts(&service["functions"]);
        let functions = catalog["functions"].as_array().unwrap().iter();
        let functions = functions.filter(|function| own.contains(&function["name"].as_str().unwrap()));
        let ports = functions.flat_map(|function| texts(&function["ports"]).into_iter().map(str::to_owned));
        ports.filter(|port| !["store", "broker", "mailer"].contains(&port.as_str())).collect()
    }

    #[test]
    fn every_service_becomes_ready_or_says_which_port_is_missing() {
        let mut ready = vec![];
        for service in services() {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = start(&service, port);
            let missing = missing(&service);
            if missing.is_empty() {
                let host = format!("127.0.0.1:{port}");
                let health = until("health, or an end", || {
                    get(port, &host, "/healthz")
                        .or_else(|| child.try_wait().unwrap().map(|ended| (0, ended.to_string())))
                });
                child.kill().unwrap();
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                child.wait().unwrap();
                assert_eq!(health.0, 200, "{}: {health:?} {said}", service["name"]);
                ready.push(service["name"].as_str().unwrap().to_owned());
                continue;
            }
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(2), "{}: {said}", service["name"]);
            for port in missing {
                assert!(said.contains(&format!("no adapter for {port} yet, which `")), "{port}: {said}");
            }
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(ready, ["advise", "learn", "notify", "send-feedback"], "what runs there today");
    }

    #[test]
    fn what_terraform_leaves_out_is_missed() {
        let services = services();
        let advise = services.iter().find(|service| service["name"] == "advise").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
        command.env_clear().envs(environment(advise)).env_remove("GOOGLE_CLOUD_PROJECT").env("PORT", "0");
        let ended = command.args(["serve", "advise"]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(2) && said.contains("GOOGLE_CLOUD_PROJECT"), "{said}");
    }
}
