//! `infra/indexes.json` says what `model::index` declares. The emulator answers queries without an index, production
//! doesn't: a declaration that doesn't reach Terraform would fail there for the first time.

use model::index::{INDEXES, Index, Reach};
use serde_json::{Value, json};
use std::path::Path;

fn declared() -> Value {
    INDEXES.iter().map(one).collect()
}

fn one(index: &Index) -> Value {
    let order = |descends: bool| if descends { "DESCENDING" } else { "ASCENDING" };
    let scope = match index.reach {
        Reach::Collection => "COLLECTION",
        Reach::Group => "COLLECTION_GROUP",
    };
    let fields: Vec<_> = index
        .fields
        .iter()
        .map(|(path, descends)| json!({ "path": path, "order": order(*descends) }))
        .collect();
    json!({ "collection": index.group, "scope": scope, "fields": fields })
}

#[test]
fn terraform_knows_every_declared_index() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/indexes.json");
    let declared = declared();
    let written =
        std::fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if written.as_ref() == Some(&declared) {
        return;
    }
    let fresh = file.with_extension("json.new");
    std::fs::write(&fresh, format!("{declared:#}\n")).unwrap();
    panic!(
        "infra/indexes.json is not what model::index::INDEXES declares; \
         take over what the test wrote with `mv infra/indexes.json.new infra/indexes.json`"
    );
}

#[test]
fn no_index_is_declared_twice() {
    for (number, index) in INDEXES.iter().enumerate() {
        assert!(!INDEXES[..number].contains(index), "{index:?} is declared twice; Terraform would refuse it");
    }
}
