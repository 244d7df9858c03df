//! A document as it was read: what it says, and the version that guards whatever is decided from it.

use crate::{Context, Error};
use model::port::store::{Document, Path, Precondition, Version, Write};
use serde::{Serialize, de::DeserializeOwned};

/// A document and the state of it that was read, or that the last commit left.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// Where it is.
    pub path: Path,
    /// The version that a write is guarded by.
    pub version: Version,
    /// What it says.
    pub document: T,
}

impl<T: DeserializeOwned> Stored<T> {
    /// From what the store answered.
    pub fn parse(found: Document) -> Result<Self, Error> {
        Ok(Self { document: found.body.parse()?, path: found.path, version: found.version })
    }
}

impl<T: Serialize> Stored<T> {
    /// Replaces what was read by what it says now; refused if somebody else has changed it since.
    pub fn write(&self) -> Result<Write, Error> {
        Ok(Write::put(self.path.clone(), Precondition::At(self.version), &self.document)?)
    }
}

impl Context {
    /// One document, if there is one.
    pub async fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<Stored<T>>, Error> {
        self.ports.store.get(path).await?.map(Stored::parse).transpose()
    }

    /// Several documents, in the order asked for.
    pub async fn read_many<T: DeserializeOwned>(
        &self,
        paths: &[Path],
    ) -> Result<Vec<Option<Stored<T>>>, Error> {
        let found = self.ports.store.get_many(paths).await?;
        found.into_iter().map(|found| found.map(Stored::parse).transpose()).collect()
    }
}
