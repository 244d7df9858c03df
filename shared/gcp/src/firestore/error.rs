//! What a status means at the Store port. By code and call, never by text.

use super::tonic::{Code, Status};
use model::port::store::{Path, StoreError};

/// A commit's status. A violated precondition comes as one of three codes; none of them had an effect.
pub(super) fn of_commit(status: &Status, writes: &[Path], root: &str) -> StoreError {
    match status.code() {
        Code::AlreadyExists | Code::NotFound | Code::FailedPrecondition => {
            StoreError::Conflict { path: blamed(status.message(), writes, root) }
        }
        _ => general(status),
    }
}

/// Which document a message names. Firestore says so in some messages only; the first is right for commits of one.
fn blamed(message: &str, writes: &[Path], root: &str) -> Path {
    // The longest match, because one document's name may begin another's.
    let named = writes.iter().filter(|path| message.contains(&format!("{root}/{path}")));
    named
        .max_by_key(|path| path.as_str().len())
        .or(writes.first())
        .cloned()
        .unwrap_or_else(|| Path::new("unknown/unknown"))
}

/// A read's status. A failed precondition of a query is an index that isn't there, and nobody's conflict.
pub(super) fn of_read(status: &Status) -> StoreError {
    match status.code() {
        Code::FailedPrecondition => StoreError::Invalid(format!(
            "the query needs an index that the database doesn't have; declare it in `model::index` and apply `infra/` ({})",
            status.message()
        )),
        _ => general(status),
    }
}

fn general(status: &Status) -> StoreError {
    let message = status.message();
    match status.code() {
        // RESOURCE_EXHAUSTED is also how a message that is too big is refused; only the quota kind passes with time,
        // but the two look the same, and a caller's attempts are bounded.
        Code::Aborted | Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled
        // A broken connection surfaces as one of these two.
        | Code::Internal | Code::Unknown => StoreError::Unavailable(message.to_owned()),
        Code::PermissionDenied | Code::Unauthenticated => StoreError::Invalid(format!(
            "Firestore doesn't let this account in; grant it roles/datastore.user on the project ({message})"
        )),
        Code::NotFound => StoreError::Invalid(format!("the database isn't there; create it by applying `infra/` ({message})")),
        _ => StoreError::Invalid(format!("{message} ({:?})", status.code())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_the_document_that_the_message_names() {
        let paths = [Path::new("a/1"), Path::new("a/12"), Path::new("b/1")];
        let conflict = |text: &str| match of_commit(&Status::already_exists(text), &paths, "root") {
            StoreError::Conflict { path } => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(conflict("Document already exists: root/a/12"), paths[1]);
        assert_eq!(conflict("something else"), paths[0]);
    }

    #[test]
    fn a_missing_index_is_not_a_conflict() {
        assert!(matches!(
            of_read(&Status::failed_precondition("The query requires an index")),
            StoreError::Invalid(_)
        ));
        assert!(of_read(&Status::unavailable("")).is_transient());
    }
}
