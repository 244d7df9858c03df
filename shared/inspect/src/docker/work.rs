//! Counts steps in tests, so that growth is measured without a clock. Outside of tests it does nothing.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Counts this many steps.
#[cfg(test)]
pub(crate) fn steps(count: usize) {
    STEPS.set(STEPS.get() + count as u64);
}

/// Counts nothing.
#[cfg(not(test))]
#[inline]
pub(crate) fn steps(_: usize) {}

/// How many steps something takes.
#[cfg(test)]
pub(crate) fn of(act: impl FnOnce()) -> u64 {
    STEPS.set(0);
    act();
    STEPS.get()
}
