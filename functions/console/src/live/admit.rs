//! Who may open one more stream: an instance has room for so many, a tenant for a share of them, a user for a share of
//! that, so that one viewer doesn't take them all.
//!
//! Invariant: a stream is counted exactly as long as its permit lives.

use host::{Caller, Error};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A tenant has room for the fifth part of an instance's streams, a user for the twentieth, but always for two.
const TENANT_SHARE: u64 = 5;
const USER_SHARE: u64 = 20;
const LEAST: u64 = 2;

/// Come back after so many seconds.
const RETRY_S: &str = "10";

/// Streams that are open: all, and by tenant and user.
#[derive(Default)]
pub struct Admission {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: u64,
    callers: HashMap<Caller, u64>,
}

impl Open {
    fn of_tenant(&self, caller: &Caller) -> u64 {
        self.callers.iter().filter(|(one, _)| one.tenant == caller.tenant).map(|(_, open)| open).sum()
    }

    fn of_user(&self, caller: &Caller) -> u64 {
        let same = |one: &Caller| one.tenant == caller.tenant && one.user == caller.user;
        self.callers.iter().filter(|(one, _)| same(one)).map(|(_, open)| open).sum()
    }
}

impl Admission {
    /// A permit for one more stream of this caller, of `most` in all.
    pub fn admit(self: &Arc<Self>, caller: &Caller, most: u64) -> Result<Permit, Error> {
        let share = |part: u64| (most / part).max(LEAST).min(most);
        let mut open = self.lock();
        for (count, most, whose) in [
            (open.of_user(caller), share(USER_SHARE), "you"),
            (open.of_tenant(caller), share(TENANT_SHARE), "your team"),
        ] {
            if count >= most {
                return Err(too_many(most, whose));
            }
        }
        if open.all >= most {
            return Err(full(most));
        }
        open.all += 1;
        *open.callers.entry(caller.clone()).or_default() += 1;
        Ok(Permit { admission: Arc::clone(self), caller: caller.clone() })
    }

    /// Streams that are open.
    pub fn open(&self) -> u64 {
        self.lock().all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream.
pub struct Permit {
    admission: Arc<Admission>,
    caller: Caller,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.lock();
        open.all -= 1;
        if let Some(count) = open.callers.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.callers.remove(&self.caller);
            }
        }
    }
}

fn too_many(most: u64, whose: &str) -> Error {
    Error::too_many(format!(
        "Streams that {whose} may have open here: {most}, and all of them are. Close one, or come back in {RETRY_S} s; `GET …/deployments/{{id}}` says how the deployment stands meanwhile."
    ))
    .slug("too-many-streams")
    .header("retry-after", RETRY_S)
}

fn full(most: u64) -> Error {
    Error::unavailable(format!(
        "{most} streams are open here already. Come back in {RETRY_S} s; `GET …/deployments/{{id}}` says how the deployment stands meanwhile."
    ))
    .slug("too-many-streams")
    .header("retry-after", RETRY_S)
}
