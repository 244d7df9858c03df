//! Pages of a query, as long as there is time.

use host::{Context, Error};
use model::{
    Timestamp,
    port::store::{Cursor, Document, Query},
};

/// Goes through a query's answer until its end, or until the time is over: then the next minute begins anew.
pub struct Pages<'a> {
    ctx: &'a Context,
    query: Query,
    next: Option<Cursor>,
    begun: bool,
    until: Timestamp,
}

impl<'a> Pages<'a> {
    /// From the start of an answer, until a point of real time.
    pub fn new(ctx: &'a Context, query: Query, until: Timestamp) -> Self {
        Self { ctx, query, next: None, begun: false, until }
    }

    /// The next page; the first one comes whatever the time.
    pub async fn next(&mut self) -> Result<Option<Vec<Document>>, Error> {
        if self.begun && (self.next.is_none() || self.ctx.real() >= self.until) {
            return Ok(None);
        }
        let query = self.query.clone().after(self.next.take());
        let page = self.ctx.ports.store.query(&query).await?;
        (self.begun, self.next) = (true, page.next);
        Ok(Some(page.documents))
    }
}
