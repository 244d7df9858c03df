//! On schedule: the cells of every tenant that agrees become one summary per class, which decisions read.
//!
//! Invariant: folding adds nothing and forgets nothing; it can be repeated, and a repeat of the same cells writes
//! the same bits.

use forecast::calibrate::{Key, Metric, Scores, fold as fold_cells};
use host::{Context, Error, Outcome};
use model::{
    document::{
        SCHEMA,
        calibration::{ClassDocument, PoolCells, pool_path},
    },
    port::{
        Delivery,
        store::{Precondition, Query, Scope, Write},
    },
};
use std::collections::BTreeMap;

const PAGE: usize = 500;

/// Folds the whole pool.
pub async fn fold(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    if !ctx.config.settings.pool || crate::is_off(&ctx) {
        return Ok(Outcome::Done);
    }
    let all = read(&ctx).await?;
    let mut scores: BTreeMap<(String, Metric), Scores> = BTreeMap::new();
    let mut cells = vec![];
    for document in &all {
        for (metric, months) in &document.cells {
            cells.extend(months.iter().map(|(month, cell)| {
                let (class, tenant) = (document.class.clone(), document.tenant.clone());
                (Key { class, metric: *metric, tenant, month: *month }, *cell)
            }));
        }
        for (metric, counted) in &document.scores {
            scores.entry((document.class.clone(), *metric)).or_default().merge(counted);
        }
    }
    let mut classes: BTreeMap<String, ClassDocument> = BTreeMap::new();
    for made in fold_cells(cells.iter().map(|(key, cell)| (key, cell)), ctx.now().month()) {
        let class = classes.entry(made.class.clone()).or_insert_with(|| ClassDocument {
            schema: SCHEMA,
            class: made.class.clone(),
            summaries: BTreeMap::new(),
        });
        let counted = scores.remove(&(made.class.clone(), made.metric)).unwrap_or_default();
        class.summaries.insert(made.metric, made.with_scores(counted));
    }
    write(&ctx, classes).await
}

async fn read(ctx: &Context) -> Result<Vec<PoolCells>, Error> {
    let mut query = Query::all(Scope::Collection("pool_cells".to_owned()), PAGE);
    let mut all = vec![];
    loop {
        let page = ctx.ports.store.query(&query).await?;
        for document in page.documents {
            all.push(document.body.parse()?);
        }
        if page.next.is_none() {
            return Ok(all);
        }
        query.after = page.next;
    }
}

/// Each class on its own: they don't hang together, and a commit has its limits.
async fn write(ctx: &Context, classes: BTreeMap<String, ClassDocument>) -> Result<Outcome, Error> {
    let folded = classes.len();
    for (class, document) in classes {
        let write = Write::put(pool_path(&class), Precondition::None, &document)?;
        ctx.ports.store.commit(vec![write]).await?;
    }
    tracing::info!(classes = folded, "the pool was folded");
    Ok(Outcome::Done)
}
