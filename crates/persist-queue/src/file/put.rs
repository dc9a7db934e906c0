//! Putting records at the head.

use super::commit::Ticket;
use super::handle::Handle;
use super::inside::Inside;
use super::log::Log;
use super::record;
use super::segment;
use crate::error::Slim;
use crate::wait::Attempt;
use crate::{Durability, Error, Result};

impl Log {
    /// Puts all of `payloads`, or nothing where there is no room for all of them.
    pub(super) fn put<P: AsRef<[u8]>>(
        &self,
        handle: &Handle,
        payloads: &[P],
    ) -> Slim<Attempt<Option<Ticket>>> {
        check_sizes(payloads)?;
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        if handle.maxsize > 0 && inside.room_taken(handle) + payloads.len() as u64 > handle.maxsize
        {
            return if payloads.len() as u64 > handle.maxsize {
                Err(Error::Full { path: self.dir.clone(), limit: handle.maxsize }.into())
            } else {
                Ok(Attempt::NotYet)
            };
        }
        let was_due = inside.state.dirty.due.is_some();
        let ticket = inside.append(handle, payloads)?;
        let first_dirty = !was_due && inside.state.dirty.due.is_some();
        // Before anybody can take it and say that it is done.
        self.totals.appended.add(payloads.len() as u64);
        drop(inside);
        if ticket.is_none() {
            match payloads.len() {
                1 => self.signals.items.notify_one(),
                _ => self.signals.items.notify_all(),
            }
            if first_dirty {
                self.ring_keeper();
            }
        }
        Ok(Attempt::Done(ticket))
    }
}

impl Inside<'_> {
    fn append<P: AsRef<[u8]>>(
        &mut self,
        handle: &Handle,
        payloads: &[P],
    ) -> Result<Option<Ticket>> {
        self.state.take_failure()?;
        if self.state.head.is_full(handle.limits) {
            self.turn_over(handle.level)?;
        }
        self.tell_others();
        let state = &mut *self.state;
        let (before, last_offset) = (state.head.at, state.head.last_offset);
        let mapped = if handle.mapped { handle.limits.bytes } else { 0 };
        state.head.append(state.control.salt, payloads, mapped)?;
        state.unsaved = true;
        Ok(state.note_put(handle.level, before, last_offset))
    }

    /// Begins the next segment.
    fn turn_over(&mut self, level: Durability) -> Result<()> {
        let log = self.log;
        let state = &mut *self.state;
        let next = state.head.next(&*log.storage, &log.dir, state.header())?;
        let cursor = state.cursor;
        if state.window.is_empty() && state.cursor == state.head.at {
            state.cursor = next.at;
        }
        // Saved before anything is written there: who comes after a crash must look there.
        if let Err(error) = state.save_control_with(next.at, next.last_offset) {
            state.cursor = cursor;
            let _ = log.storage.remove(&log.dir.join(segment::name(next.at.segment)));
            return Err(error);
        }
        std::mem::replace(&mut state.head, next).trim();
        state.dirty.folder = true;
        state.note_control(level);
        log.retire(state);
        Ok(())
    }
}

fn check_sizes<P: AsRef<[u8]>>(payloads: &[P]) -> Result<()> {
    let limit = record::MAX_PAYLOAD;
    match payloads.iter().map(|payload| payload.as_ref().len()).find(|size| *size > limit) {
        Some(size) => Err(Error::TooLarge { size, limit }),
        None => Ok(()),
    }
}
