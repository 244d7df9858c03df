//! Commits documents from several tasks at once and prints a line for each that was acknowledged: what the
//! durability test watches through strace. Arguments: folder, tasks, commits of each.

#![expect(clippy::print_stdout, reason = "the lines are what this is for")]

use machine::store::{Options, Store};
use model::port::Store as _;
use model::port::store::{Path, Precondition, Write};
use serde_json::json;
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, tasks, commits] = arguments.as_slice() else { anyhow::bail!("folder, tasks, commits") };
    let store = Arc::new(Store::open(folder.as_ref(), Options::default())?);
    let (tasks, commits): (u32, u32) = (tasks.parse()?, commits.parse()?);
    let tasks = (0..tasks).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for commit in 0..commits {
                let name = format!("doc-{task:03}-{commit:04}");
                let path = Path::new(format!("tenants/t/docs/{name}"));
                store.commit(vec![Write::put(path, Precondition::Absent, &json!({ "n": commit }))?]).await?;
                println!("ACK {name}");
            }
            anyhow::Ok(())
        })
    });
    for done in futures::future::join_all(tasks).await {
        done??;
    }
    Ok(())
}
