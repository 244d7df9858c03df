//! The difference of two texts, as `patch` reads it.

use std::fmt::Write as _;

/// How many lines are compared one by one; what is larger is shown as replaced.
const LIMIT: usize = 2000;
/// Unchanged lines around a change.
const AROUND: usize = 3;

/// A unified diff; empty when the texts are the same.
pub fn diff(path: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old == new {
        return String::new();
    }
    let steps = steps(&old, &new);
    let mut out = format!("--- a/{path}\n+++ b/{path}\n");
    let changed: Vec<usize> = (0..steps.len()).filter(|index| steps[*index].0 != ' ').collect();
    let mut next = 0;
    while next < changed.len() {
        let mut last = next;
        while last + 1 < changed.len() && changed[last + 1] - changed[last] <= 2 * AROUND {
            last += 1;
        }
        let from = changed[next].saturating_sub(AROUND);
        let to = (changed[last] + AROUND + 1).min(steps.len());
        hunk(&mut out, &steps, from, to);
        next = last + 1;
    }
    out
}

type Step<'t> = (char, &'t str);

fn hunk(out: &mut String, steps: &[Step], from: usize, to: usize) {
    let count = |steps: &[Step], other: char| steps.iter().filter(|(kind, _)| *kind != other).count();
    let (before, here) = (&steps[..from], &steps[from..to]);
    let start = |before: usize, length: usize| if length == 0 { before } else { before + 1 };
    let (old, new) = (count(here, '+'), count(here, '-'));
    let (old_start, new_start) = (start(count(before, '+'), old), start(count(before, '-'), new));
    let _ = writeln!(out, "@@ -{old_start},{old} +{new_start},{new} @@");
    for (kind, line) in here {
        let _ = writeln!(out, "{kind}{line}");
    }
}

/// The longest common subsequence between the common beginning and the common end.
fn steps<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Step<'t>> {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[same..], &new[same..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old_rest[..old_rest.len() - end], &new_rest[..new_rest.len() - end]);
    let mut out: Vec<Step> = old[..same].iter().map(|line| (' ', *line)).collect();
    if a.len() > LIMIT || b.len() > LIMIT {
        out.extend(a.iter().map(|line| ('-', *line)));
        out.extend(b.iter().map(|line| ('+', *line)));
    } else {
        middle(a, b, &mut out);
    }
    out.extend(old[old.len() - end..].iter().map(|line| (' ', *line)));
    out
}

fn middle<'t>(a: &[&'t str], b: &[&'t str], out: &mut Vec<Step<'t>>) {
    let mut length = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            length[i][j] =
                if a[i] == b[j] { length[i + 1][j + 1] + 1 } else { length[i + 1][j].max(length[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len() || (i < a.len() && length[i + 1][j] >= length[i][j + 1]) {
            out.push(('-', a[i]));
            i += 1;
        } else {
            out.push(('+', b[j]));
            j += 1;
        }
    }
}
