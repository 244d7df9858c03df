//! Where links lead, one through the other.
//!
//! Invariant: no link of a tree leads out of it, alone or through others (`a -> ../..`, `b -> a/../x`); where one
//! leads to something that isn't there, or in a circle, it leads nowhere.

use crate::Error;
use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

/// As many links are followed as Linux follows; a path that needs more can't be opened.
const HOPS: u32 = 40;

/// Refuses the first link that leads out.
pub(crate) fn stay_inside(links: &BTreeMap<PathBuf, PathBuf>) -> Result<(), Error> {
    match links.iter().find(|(at, to)| leads_out(at, to, links)) {
        Some((at, to)) => Err(Error::LeadsOut { at: at.clone(), to: to.clone() }),
        None => Ok(()),
    }
}

/// One step on the way.
enum Part {
    Up,
    Into(OsString),
}

fn leads_out(at: &Path, to: &Path, links: &BTreeMap<PathBuf, PathBuf>) -> bool {
    // The folder that the link is in is no link itself: no entry lies below one.
    let mut here = at.parent().map(Path::to_owned).unwrap_or_default();
    let mut rest = VecDeque::new();
    if !prepend(&mut rest, to) {
        return true;
    }
    let mut hops = 1;
    while let Some(part) = rest.pop_front() {
        match part {
            Part::Up if !here.pop() => return true,
            Part::Up => {}
            Part::Into(name) => {
                here.push(name);
                let Some(next) = links.get(&here) else { continue };
                hops += 1;
                if hops > HOPS {
                    return false;
                }
                here.pop();
                if !prepend(&mut rest, next) {
                    return true;
                }
            }
        }
    }
    false
}

/// Puts a link's parts before what is left; not those of an absolute one.
fn prepend(rest: &mut VecDeque<Part>, link: &Path) -> bool {
    for component in link.components().rev() {
        match component {
            Component::ParentDir => rest.push_front(Part::Up),
            Component::Normal(name) => rest.push_front(Part::Into(name.to_owned())),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(links: &[(&str, &str)]) -> Option<PathBuf> {
        let links = links.iter().map(|(at, to)| (PathBuf::from(at), PathBuf::from(to))).collect();
        match stay_inside(&links) {
            Err(Error::LeadsOut { at, .. }) => Some(at),
            Err(error) => panic!("{error}"),
            Ok(()) => None,
        }
    }

    #[test]
    fn alone() {
        for (at, to) in [("a/b", "../c"), ("a/b/c", "../../d/../e"), ("a", "b"), ("a", "."), ("a", "gone/x")]
        {
            assert_eq!(refused(&[(at, to)]), None, "{at} -> {to}");
        }
        for (at, to) in
            [("a/b", "../../c"), ("a", "/etc/passwd"), ("a", "b/../../c"), ("a", ".."), ("a", "/")]
        {
            assert_eq!(refused(&[(at, to)]), Some(at.into()), "{at} -> {to}");
        }
    }

    /// Each of them stays inside by its own text.
    #[test]
    fn through_each_other() {
        // `deep` is the root, so `deep/..` is above it.
        assert_eq!(refused(&[("x/y/deep", "../.."), ("z", "x/y/deep/../secret")]), Some("z".into()));
        assert_eq!(refused(&[("x/a", ".."), ("x/b", "a/.."), ("c", "x/b")]), Some("c".into()));
        assert_eq!(refused(&[("x/a", ".."), ("b", "x/a/x/a/x")]), None);
    }

    #[test]
    fn circles_lead_nowhere() {
        assert_eq!(refused(&[("a", "b"), ("b", "a"), ("c", "c/../.."), ("d", "d")]), None);
    }
}
