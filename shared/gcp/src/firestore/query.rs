//! A query of the Store port as a structured query, with its cursor.
//!
//! The order always ends with the document's name, in the direction of the last field, so that pages never
//! overlap; every compared field is part of the order, which the port demands and Firestore needs.

use super::{Connection, pb, value};
use model::port::store::{Comparison, Cursor, Document, Query, Scope, StoreError};
use pb::{
    structured_query::{
        CollectionSelector, CompositeFilter, Direction, FieldFilter, FieldReference, Filter, Order,
        UnaryFilter, composite_filter, field_filter, filter::FilterType, unary_filter,
    },
    value::ValueType,
};
use serde_json::Value;

/// The document's name, as a field: the one path that isn't quoted.
const NAME: &str = "__name__";

impl Connection {
    /// The parent to run a query under, and the query.
    pub(super) fn structured(&self, query: &Query) -> Result<(String, pb::StructuredQuery), StoreError> {
        check(query)?;
        let (parent, from) = self.from(&query.scope);
        let structured = pb::StructuredQuery {
            from: vec![from],
            r#where: self.filters(query)?,
            order_by: order(query),
            start_at: query.after.as_ref().map(|after| self.cursor(query, after)).transpose()?,
            limit: Some(i32::try_from(query.limit).unwrap_or(i32::MAX)),
            ..Default::default()
        };
        Ok((parent, structured))
    }

    fn from(&self, scope: &Scope) -> (String, CollectionSelector) {
        match scope {
            Scope::Collection(path) => {
                let (parent, id) =
                    path.rsplit_once('/').map_or((None, path.as_str()), |(parent, id)| (Some(parent), id));
                let parent =
                    parent.map_or_else(|| self.root.clone(), |parent| format!("{}/{parent}", self.root));
                (parent, CollectionSelector { collection_id: id.to_owned(), all_descendants: false })
            }
            Scope::Group(id) => {
                (self.root.clone(), CollectionSelector { collection_id: id.clone(), all_descendants: true })
            }
        }
    }

    fn filters(&self, query: &Query) -> Result<Option<Filter>, StoreError> {
        let mut filters = Vec::new();
        for (field, comparison, to) in &query.filters {
            filters.push(filter(field, *comparison, to)?);
        }
        if let Scope::Collection(collection) = &query.scope {
            let reference = |id: &String| self.reference(&format!("{collection}/{id}"));
            let (from, below) = &query.ids;
            let from = from
                .as_ref()
                .map(|id| compare(NAME.into(), field_filter::Operator::GreaterThanOrEqual, reference(id)));
            let below = below
                .as_ref()
                .map(|id| compare(NAME.into(), field_filter::Operator::LessThan, reference(id)));
            filters.extend(from.into_iter().chain(below));
        }
        if filters.len() < 2 {
            return Ok(filters.pop());
        }
        let op = composite_filter::Operator::And.into();
        Ok(Some(Filter { filter_type: Some(FilterType::CompositeFilter(CompositeFilter { op, filters })) }))
    }

    fn cursor(&self, query: &Query, after: &Cursor) -> Result<pb::Cursor, StoreError> {
        if after.values.len() != query.order.len() {
            return Err(StoreError::Invalid(
                "the cursor belongs to a query with another order; start at the first page".into(),
            ));
        }
        let mut values = after.values.iter().map(value::value).collect::<Result<Vec<_>, _>>()?;
        values.push(self.reference(after.path.as_str()));
        Ok(pb::Cursor { before: false, values })
    }

    fn reference(&self, path: &str) -> pb::Value {
        value::wrap(ValueType::ReferenceValue(format!("{}/{path}", self.root)))
    }
}

/// What the port demands of a query, before anything is sent: the same on every engine.
fn check(query: &Query) -> Result<(), StoreError> {
    let refuse = |why: &str| Err(StoreError::Invalid(why.to_owned()));
    let ids = query.ids.0.is_some() || query.ids.1.is_some();
    let whole = match &query.scope {
        Scope::Collection(path) => {
            path.split('/').count() % 2 == 1 && path.split('/').all(|segment| !segment.is_empty())
        }
        Scope::Group(name) => !name.is_empty() && !name.contains('/'),
    };
    if !whole {
        return refuse(
            "a query looks in a collection, which has an odd number of segments, or in a group, which has one",
        );
    }
    if query.limit == 0 {
        return refuse("a page holds at least one document; set a limit of 1 or more");
    }
    if ids && (!query.order.is_empty() || matches!(query.scope, Scope::Group(_))) {
        return refuse("a range of ids goes with one collection and no order; drop one of them");
    }
    let first = query.order.first().map(|(field, _)| field);
    let ranged = query.filters.iter().filter(|(_, comparison, _)| *comparison != Comparison::Equal);
    if let Some((field, ..)) = ranged.into_iter().find(|(field, ..)| Some(field) != first) {
        return refuse(&format!(
            "`{field}` is compared as a range, so it must be the first field of the order"
        ));
    }
    Ok(())
}

fn order(query: &Query) -> Vec<Order> {
    let direction = |descends: bool| if descends { Direction::Descending } else { Direction::Ascending };
    let by = |path: String, descends| Order { field: reference(path), direction: direction(descends).into() };
    let mut order: Vec<_> =
        query.order.iter().map(|(field, descends)| by(quoted(field), *descends)).collect();
    order.push(by(NAME.to_owned(), query.order.last().is_some_and(|(_, descends)| *descends)));
    order
}

/// Field names in queries are dotted.
fn quoted(field: &str) -> String {
    value::field_path(&field.split('.').collect::<Vec<_>>())
}

// An `Option` because that is what every field that takes it is.
#[expect(clippy::unnecessary_wraps, reason = "the generated structs take an Option")]
fn reference(field_path: String) -> Option<FieldReference> {
    Some(FieldReference { field_path })
}

fn filter(field: &str, comparison: Comparison, to: &Value) -> Result<Filter, StoreError> {
    let op = match comparison {
        Comparison::Equal if to.is_null() => return Ok(is_null(quoted(field))),
        Comparison::Equal => field_filter::Operator::Equal,
        Comparison::Less => field_filter::Operator::LessThan,
        Comparison::LessOrEqual => field_filter::Operator::LessThanOrEqual,
        Comparison::Greater => field_filter::Operator::GreaterThan,
        Comparison::GreaterOrEqual => field_filter::Operator::GreaterThanOrEqual,
    };
    Ok(compare(quoted(field), op, value::value(to)?))
}

fn compare(path: String, op: field_filter::Operator, to: pb::Value) -> Filter {
    let filter = FieldFilter { field: reference(path), op: op.into(), value: Some(to) };
    Filter { filter_type: Some(FilterType::FieldFilter(filter)) }
}

fn is_null(path: String) -> Filter {
    let operand = unary_filter::OperandType::Field(FieldReference { field_path: path });
    let op = unary_filter::Operator::IsNull.into();
    Filter { filter_type: Some(FilterType::UnaryFilter(UnaryFilter { op, operand_type: Some(operand) })) }
}

/// Where a full page ended; `None` when it wasn't full.
pub(super) fn next(query: &Query, documents: &[Document]) -> Result<Option<Cursor>, StoreError> {
    match documents.last() {
        Some(last) if documents.len() >= query.limit => {
            let body: Value = last.body.parse()?;
            let at = |field: &str| field.split('.').fold(&body, |inner, name| &inner[name]).clone();
            let values = query.order.iter().map(|(field, _)| at(field)).collect();
            Ok(Some(Cursor { values, path: last.path.clone() }))
        }
        _ => Ok(None),
    }
}
