//! What names and paths must look like, and which fields of a document somebody wants to read.
//!
//! Invariant: what passes here is also accepted by Firestore, so that a program behaves the same on both engines.

use model::port::store::{Path, StoreError};

/// Firestore's limits: bytes of a document as Firestore counts them, levels, bytes of a name.
pub(super) const DOCUMENT_BYTES: usize = 1_048_576;
pub(super) const LEVELS: usize = 20;
const NAME_BYTES: usize = 1_500;
const PATH_BYTES: usize = 6_144;

/// Fields to read out of a document, as a tree by name.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    slot: Option<usize>,
    below: Vec<(String, Wanted)>,
}

impl Wanted {
    /// Asks for a dotted field; several may be asked for under one number.
    pub(super) fn add(&mut self, field: &str, slot: usize) {
        let mut at = self;
        for segment in field.split('.') {
            let index = at.below.iter().position(|(name, _)| name == segment).unwrap_or_else(|| {
                at.below.push((segment.to_owned(), Self::default()));
                at.below.len() - 1
            });
            at = &mut at.below[index].1;
        }
        at.slot = Some(slot);
    }

    /// The number that this field is wanted under, if it is.
    pub(super) fn slot(&self) -> Option<usize> {
        self.slot
    }

    /// What is wanted below it, by name.
    pub(super) fn below(&self) -> &[(String, Self)] {
        &self.below
    }

    /// What is wanted of one of its fields.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.below.iter().find(|(known, _)| known == name).map(|(_, wanted)| wanted)
    }
}

/// Checks that a path names a document, or a collection.
pub(super) fn path(text: &str, document: bool) -> Result<(), StoreError> {
    let refused = |why: &str| Err(StoreError::Invalid(format!("path `{text}`: {why}")));
    if text.split('/').count() % 2 != usize::from(!document) {
        return refused("a document has an even number of segments, a collection an odd one");
    }
    if text.len() > PATH_BYTES {
        return refused("it has more than 6,144 bytes");
    }
    for segment in text.split('/') {
        let reserved = segment.len() >= 4 && segment.starts_with("__") && segment.ends_with("__");
        if segment.is_empty() || segment == "." || segment == ".." || reserved || segment.contains('\0') {
            return refused("a segment must not be empty, `.`, `..`, `__…__` or hold a NUL");
        }
        if segment.len() > NAME_BYTES {
            return refused("a segment has at most 1,500 bytes");
        }
    }
    Ok(())
}

/// Checks where a commit writes.
pub(super) fn document_path(document: &Path) -> Result<(), StoreError> {
    path(document.as_str(), true)
}

/// Checks the name of a field.
pub(super) fn field_name(name: &str) -> Result<(), String> {
    let reserved = name.len() >= 4 && name.starts_with("__") && name.ends_with("__");
    if name.is_empty() || name.len() > NAME_BYTES || reserved {
        return Err(format!("`{name}` can't be a field's name: it is empty, `__…__` or over 1,500 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_segments_that_firestore_takes() {
        for bad in ["", "a", "a/b/c", "a//b/c", "a/.", "a/..", "a/__b__", "/a"] {
            assert!(path(bad, true).is_err(), "{bad}");
        }
        let long = ["a", &"x".repeat(1_500)].join("/");
        assert!(path(&[&*long; 4].join("/"), true).is_ok() && path(&[&*long; 5].join("/"), true).is_err());
        assert!(path("a/b/c", false).is_ok() && path("a/b", true).is_ok());
    }

    #[test]
    fn fields_have_names_that_firestore_takes() {
        for bad in ["", "__x__", &"x".repeat(NAME_BYTES + 1)] {
            assert!(field_name(bad).is_err(), "{bad}");
        }
        assert!(field_name("__").is_ok() && field_name("é").is_ok());
    }
}
