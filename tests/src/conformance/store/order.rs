//! What a query must answer, worked out in the plainest way.

use model::port::store::{Comparison, Path, Query, Scope};
use serde_json::Value;
use std::cmp::Ordering;

/// Null < boolean < number < string.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    }
}

/// Values as the port orders them. Numbers here are small enough for a float.
fn compare(a: &Value, b: &Value) -> Ordering {
    let within = match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.as_f64().unwrap().total_cmp(&b.as_f64().unwrap()),
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ => Ordering::Equal,
    };
    kind(a).cmp(&kind(b)).then(within)
}

fn holds(document: &Value, (field, comparison, value): &(String, Comparison, Value)) -> bool {
    let Some(found) = document.get(field) else { return false };
    let order = compare(found, value);
    let same = kind(found) == kind(value);
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Less => same && order.is_lt(),
        Comparison::LessOrEqual => same && order.is_le(),
        Comparison::Greater => same && order.is_gt(),
        Comparison::GreaterOrEqual => same && order.is_ge(),
    }
}

fn by_path(a: &Path, b: &Path) -> Ordering {
    a.as_str().split('/').cmp(b.as_str().split('/'))
}

/// The paths that a query without limit, cursor and ids answers, in order.
pub(super) fn expected(documents: &[(Path, Value)], query: &Query) -> Vec<Path> {
    let within = |path: &Path| match &query.scope {
        Scope::Collection(collection) => path.collection() == collection,
        Scope::Group(group) => path.group() == group,
    };
    let matches = |(path, body): &&(Path, Value)| {
        let ordered = query.order.iter().all(|(field, _)| body.get(field).is_some());
        within(path) && ordered && query.filters.iter().all(|filter| holds(body, filter))
    };
    let mut found: Vec<_> = documents.iter().filter(matches).collect();
    let turned = |order: Ordering, descending| if descending { order.reverse() } else { order };
    found.sort_by(|(path_a, a), (path_b, b)| {
        let fields =
            query.order.iter().map(|(field, descending)| turned(compare(&a[field], &b[field]), *descending));
        let last = query.order.last().is_some_and(|(_, descending)| *descending);
        fields.fold(Ordering::Equal, Ordering::then).then(turned(by_path(path_a, path_b), last))
    });
    found.into_iter().map(|(path, _)| path.clone()).collect()
}
