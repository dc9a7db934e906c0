//! Entering the log: one thread of a process at a time is inside.

use std::hint::spin_loop;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::thread::yield_now;

use super::log::{Log, State};
use crate::error::Slim;
use crate::wait::{Attempt, Outcome, Thread, Wait, Waiting, now};
use crate::{Error, Result};

/// Whether a caller may wait for another thread of this process to leave the log. A binding that
/// holds its interpreter may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Wait.
    Wait,
    /// Come back as busy.
    Leave,
}

/// How often somebody who found the log occupied looks again without leaving his core, and how many turns he waits
/// before each look: several microseconds, in which whoever is inside makes some ten calls. Who looked all the
/// time would be let in after each of them, and all that a call touches would go from core to core with each.
const LOOKS: u32 = 10;
const TURNS: u32 = 100;
/// How often he leaves his core to others before he sleeps: whoever is inside may wait for just that.
const YIELDS: u32 = 10;

/// A thread inside the log, with the process's lock.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) log: &'a Log,
    pub(super) state: MutexGuard<'a, State>,
}

impl Log {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The lock of this process; nothing where somebody keeps it whom the caller may not wait for.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a guard that is handed on costs a stall")]
    fn lock_for(&self, patience: Patience) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(_) => self.lock_later(patience),
        }
    }

    #[cold]
    fn lock_later(&self, patience: Patience) -> Option<MutexGuard<'_, State>> {
        let look = || {
            (0..TURNS).for_each(|_| spin_loop());
            self.try_lock()
        };
        let look_after_others = || {
            yield_now();
            self.try_lock()
        };
        let found = (0..LOOKS).find_map(|_| look());
        let found = found.or_else(|| (0..YIELDS).find_map(|_| look_after_others()));
        found.or_else(|| (patience == Patience::Wait).then(|| self.lock()))
    }

    /// Enters though another process may be next, to settle what was taken: a take that is not settled keeps
    /// this process's lock.
    pub(super) fn enter_to_settle(&self, patience: Patience) -> Option<Inside<'_>> {
        Some(Inside { log: self, state: self.lock_for(patience)? })
    }

    /// Enters the log; nothing when somebody else is inside.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a guard that is handed on costs a stall")]
    pub(super) fn enter(&self, patience: Patience) -> Slim<Option<Inside<'_>>> {
        let Some(mut state) = self.lock_for(patience) else { return Ok(None) };
        state.entries += 1;
        if state.held && self.asked.load(Ordering::Relaxed) {
            // Another process is next. What is withheld keeps it out until it is on the disk, so that
            // must come to an end, and nothing new begin.
            let released = self.release(&mut state);
            if !released && state.dirty.withheld.is_some() {
                return Ok(None);
            }
        }
        if !state.held && !self.acquire(&mut state)? {
            return Ok(None);
        }
        Ok(Some(Inside { log: self, state }))
    }

    /// Enters the log, waiting for whoever is inside as long as it takes within reason.
    pub(super) fn enter_patiently(&self) -> Result<Inside<'_>> {
        let mut waiting = Waiting::new(&self.signals.done, Wait::No);
        let outcome = loop {
            let entered = self.enter(Patience::Wait)?.map_or(Attempt::Busy, Attempt::Done);
            if let Some(outcome) = now(waiting.pace(&mut Thread, entered))? {
                break outcome;
            }
        };
        match outcome {
            Outcome::Done(inside) => Ok(inside),
            Outcome::TimedOut | Outcome::Locked => {
                self.stop_asking();
                Err(self.locked())
            }
        }
    }

    pub(super) fn locked(&self) -> Error {
        Error::Locked { path: self.dir.clone() }
    }

    #[inline]
    fn may_keep(&self) -> bool {
        self.locks.is_none() || self.has_keeper()
    }
}

impl Inside<'_> {
    /// Wakes the processes that wait for a change. To be called before the change: who wakes gets in
    /// only behind this process, and also if it does not live to make the change or to tell of it.
    pub(super) fn tell_others(&mut self) {
        if self.state.control.waiting {
            self.state.control.waiting = false;
            self.state.unsaved = true;
            if let Some(locks) = &self.log.locks {
                locks.poke();
            }
        }
    }

    pub(super) fn finished(&mut self, records: u64) {
        self.log.totals.finished.add(records);
        let signals = &self.log.signals;
        // What one object has in flight takes room in the eyes of the others.
        for signal in [&signals.done, &signals.space] {
            if signal.is_awaited() {
                signal.notify_all();
            }
        }
        self.tell_others();
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.log.asked.load(Ordering::Relaxed) || !self.log.may_keep() {
            self.log.release(&mut self.state);
        }
    }
}
