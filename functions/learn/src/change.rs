//! One comparison as it is kept, and what its coming, changing or going adds to the sums.
//!
//! Invariant: what an event adds to the sums is taken back exactly when it is corrected or withdrawn, so the sums are
//! those of the events that stand.

use forecast::calibrate::{Cell, Metric, Recorded, delta};
use host::{Error, Stored};
use model::{
    document::calibration::CalibrationEvent as Event,
    port::store::{Path, Precondition, Write},
};
use std::collections::BTreeMap;

/// One event that comes, changes or goes.
pub struct Change {
    path: Path,
    before: Option<Stored<Event>>,
    after: Option<Event>,
}

impl Change {
    /// What leads from one to the other; `None` if nothing does.
    pub fn between(path: Path, before: Option<Stored<Event>>, after: Option<Event>) -> Option<Self> {
        let same = match (&before, &after) {
            (None, None) => true,
            (Some(before), Some(after)) => {
                before.document == Event { revision: before.document.revision, ..after.clone() }
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        (!same).then_some(Self { path, before, after })
    }

    /// What is compared.
    pub fn metric(&self) -> Option<Metric> {
        self.after.as_ref().or(self.before.as_ref().map(|before| &before.document)).map(|event| event.metric)
    }

    /// Stores it, as long as nobody has changed it since.
    pub fn write(&self) -> Result<Write, Error> {
        let precondition =
            self.before.as_ref().map_or(Precondition::Absent, |before| Precondition::At(before.version));
        Ok(match &self.after {
            Some(event) => Write::put(self.path.clone(), precondition, event)?,
            None => Write::delete(self.path.clone(), precondition),
        })
    }

    /// What the cell of its metric and month gains.
    fn cell(&self) -> Cell {
        let recorded = |event: &Event| Recorded { revision: event.revision, y: event.y };
        match (&self.before, &self.after) {
            (before, Some(after)) => {
                delta(before.as_ref().map(|before| recorded(&before.document)), recorded(after))
                    .unwrap_or_default()
            }
            (Some(before), None) => {
                let gone = Cell::of(before.document.y);
                Cell { n: -gone.n, sum_y: -gone.sum_y, sum_yy: -gone.sum_yy }
            }
            (None, None) => Cell::default(),
        }
    }

    /// Adds what the sums gain by it, by dotted field.
    pub fn increments(&self, sums: &mut BTreeMap<String, i64>) {
        let Some(event) = self.after.as_ref().or(self.before.as_ref().map(|before| &before.document)) else {
            return;
        };
        let (cell, at) = (self.cell(), format!("cells.{}.{}", event.metric.name(), event.month));
        let mut add = |field: String, by: i64| *sums.entry(field).or_default() += by;
        add(format!("{at}.n"), cell.n);
        add(format!("{at}.sum_y"), cell.sum_y);
        add(format!("{at}.sum_yy"), cell.sum_yy);
        let score = |event: &Event| {
            let side = if event.n > 0 { "seen" } else { "unseen" };
            format!("scores.{}.{side}.{}", event.metric.name(), event.score)
        };
        if let Some(before) = &self.before {
            add(score(&before.document), -1);
        }
        if let Some(after) = &self.after {
            add(score(after), 1);
        }
    }
}
