//! Making it survive a dead machine that a record was delivered, before it is delivered, and taking
//! that back: a task that waits for the disk may be cancelled meanwhile, and its item must not be lost.
//!
//! The record stays in flight. It gets a completion mark, which whoever opens the queue after a crash
//! finds; a mark can be wiped out again, where a tail that moved could not be moved back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::commit::Ticket;
use super::handle::Handle;
use super::inside::Inside;
use super::log::Log;
use super::record;
use super::window::Owner;
use crate::{Durability, Result};

/// At this level a take waits for the disk.
pub(super) const LEVEL: Durability = Durability::Disk;

impl Log {
    /// Marks a record in flight, unless the promise was withdrawn: the record may be with somebody else
    /// then, even by the same owner's number.
    pub(super) fn promise(
        &self,
        owner: Owner,
        sequence: u64,
        withdrawn: &AtomicBool,
    ) -> Result<Option<Ticket>> {
        // Not through `enter`: a take that is not settled keeps the process's lock.
        let mut inside = Inside { log: self, state: self.lock() };
        if withdrawn.load(Ordering::SeqCst) || !inside.state.window.holds(owner, sequence) {
            return Ok(None);
        }
        let Some(at) = inside.state.window.find(sequence) else { return Ok(None) };
        inside.announce(&vec![at], LEVEL)?;
        inside.write_marks(&[at], LEVEL, false, record::mark)?;
        Ok(inside.state.note_control(LEVEL))
    }

    /// Wipes the mark out. That is flushed soon, though nobody waits for it.
    pub(super) fn take_promise_back(&self, owner: Owner, sequence: u64, withdrawn: &AtomicBool) {
        withdrawn.store(true, Ordering::SeqCst);
        let mut inside = Inside { log: self, state: self.lock() };
        if inside.state.window.holds(owner, sequence) {
            inside.wipe(sequence);
            inside.state.dirty.due = Some(Instant::now());
            drop(inside);
            self.ring_keeper();
        }
    }
}

impl Inside<'_> {
    /// As [`Log::take_promise_back`], where the record could not be finished after all.
    pub(super) fn wipe_promise(&mut self, handle: &Handle, sequence: u64) {
        if handle.level == LEVEL {
            self.wipe(sequence);
        }
    }

    fn wipe(&mut self, sequence: u64) {
        let Some(at) = self.state.window.find(sequence) else { return };
        if let Err(error) = self.write_marks(&[at], LEVEL, false, |_, _| 0) {
            tracing::error!(%error, "an item that was given back will not survive this process");
        }
        self.state.note_control(LEVEL);
    }
}
