//! What somebody who means harm can try, on the real binary: as another tenant, with a forged token, from another
//! site's page, with paths and bodies that nobody honest sends, with sources that lead elsewhere.
//!
//! Invariant: routes are those of the catalog, so that a new one is attacked by itself; where an attack needs to know
//! what belongs to a route, a route that isn't known fails the test and says what to add.

mod archives;
mod bodies;
mod crossing;
mod ground;
mod origins;
mod raw;
mod routes;
mod slow;
mod sources;
mod tokens;
mod traversal;
