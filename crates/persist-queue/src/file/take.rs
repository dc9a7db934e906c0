//! Taking records at the tail, and finishing them.

use std::sync::atomic::Ordering;

use super::commit::Ticket;
use super::control::Position;
use super::handle::Handle;
use super::inside::{Inside, Patience};
use super::log::Log;
use super::marks::Marked;
use super::quarantine;
use super::reader::{Damage, Found, step};
use super::record;
use super::segment;
use super::window::{Held, Marks, Owner};
use crate::error::{Context, Slim};
use crate::wait::Attempt;
use crate::{Durability, Error, Result};

/// What became of a record that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its item is with the caller.
    Delivered,
    /// Its bytes could not be deserialized: it is set aside until the queue is opened again.
    Undecodable,
    /// Nobody wants it: it is delivered again, in its place.
    GivenBack,
}

/// How far ahead of the cursor completion marks are announced, in records.
const MARKS_AHEAD: u64 = 1024;

impl Log {
    /// Takes the next record, and makes it final where `finish` says so, at level `process` only. Its
    /// payload is appended to `into`.
    #[inline]
    pub(super) fn take(
        &self,
        handle: &Handle,
        thread: u64,
        into: &mut Vec<u8>,
        finish: bool,
    ) -> Slim<Attempt<u64>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        inside.may_consume(handle)?;
        let owner = Owner { handle: handle.id, thread };
        let Some(sequence) = inside.take(handle, owner, into)? else { return Ok(Attempt::NotYet) };
        if finish {
            inside.finish_delivered(handle, owner, &[sequence])?;
        } else if handle.autosave {
            inside.state.pins += 1;
        }
        drop(inside);
        // Of those who wait one may want more room than there is, another just this.
        if self.signals.space.is_awaited() {
            self.signals.space.notify_all();
        }
        Ok(Attempt::Done(sequence))
    }

    /// Copies the payload of the next record to the end of `into` without taking it.
    pub(super) fn peek(&self, handle: &Handle, into: &mut Vec<u8>) -> Slim<Attempt<u64>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        if !handle.took_over.load(Ordering::Relaxed)
            && let Some(mut at) = inside.state.window.first_to_take_over(handle.id)
            && let Found::Record { .. } = inside.state.read(self, true, &mut at, into)?
        {
            return Ok(Attempt::Done(at.sequence));
        }
        let mut at = inside.state.cursor;
        Ok(inside.find(&mut at, into)?.map_or(Attempt::NotYet, |_| Attempt::Done(at.sequence)))
    }

    /// Says what became of records that were taken.
    pub(super) fn settle(
        &self,
        handle: &Handle,
        thread: u64,
        taken: &[u64],
        fate: Fate,
        patience: Patience,
    ) -> Slim<Attempt<Option<Ticket>>> {
        let Some(mut inside) = self.enter_to_settle(patience) else { return Ok(Attempt::Busy) };
        if handle.autosave {
            inside.state.pins -= taken.len() as u64;
        }
        let owner = Owner { handle: handle.id, thread };
        let window = &mut inside.state.window;
        // Somebody else may have finished it since, or taken it over.
        let held = |sequence: &&u64| window.holds(owner, **sequence);
        match fate {
            Fate::Delivered => {
                return Ok(Attempt::Done(inside.finish_delivered(handle, owner, taken)?));
            }
            Fate::Undecodable => {
                let held: Vec<u64> = taken.iter().filter(held).copied().collect();
                for sequence in &held {
                    window.set_aside(owner, *sequence);
                }
                inside.state.set_aside.extend(held);
            }
            Fate::GivenBack => {
                let held: Vec<u64> = taken.iter().filter(held).copied().collect();
                for sequence in held {
                    window.give_back(owner, sequence);
                }
                drop(inside);
                self.signals.items.notify_all();
            }
        }
        Ok(Attempt::Done(None))
    }

    /// Makes final what `thread` has taken; see [`super::window::Window::release_all`].
    pub(super) fn task_done(&self, handle: &Handle, thread: u64) -> Slim<Attempt<Option<Ticket>>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        if handle.unfinished(self) == 0 {
            return Err(Error::NothingUnfinished { path: self.dir.clone() }.into());
        }
        let owner = Owner { handle: handle.id, thread };
        let mut ticket = None;
        if let Some((owner, ranges)) = inside.state.window.release_all(owner) {
            match inside.finish(handle, &ranges) {
                Ok(finished) => ticket = finished,
                Err(error) => {
                    inside.state.window.hold_again(owner, &ranges);
                    return Err(error.into());
                }
            }
        }
        handle.done_calls.add(1);
        inside.finished(0);
        Ok(Attempt::Done(ticket))
    }

    /// Finishes all that waits, unread. Gives how many records that were.
    pub(super) fn purge(&self, handle: &Handle) -> Slim<Attempt<(u64, Option<Ticket>)>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        inside.may_consume(handle)?;
        let purged = if inside.state.window.is_empty() {
            inside.jump_to_head(handle)?
        } else {
            inside.take_and_finish_all(handle)?
        };
        handle.done_calls.add(purged.0);
        inside.finished(0);
        drop(inside);
        self.signals.space.notify_all();
        Ok(Attempt::Done(purged))
    }
}

impl Inside<'_> {
    /// How many items the queue holds, as the owner of `handle` sees it: what others have in flight
    /// may come back.
    pub(super) fn size(&self, handle: &Handle) -> u64 {
        self.state.waiting() + self.state.window.held_by_others(handle.id)
    }

    /// As [`Inside::size`], with what is not shown yet because it waits for its flush.
    pub(super) fn room_taken(&self, handle: &Handle) -> u64 {
        let withheld = self.state.head.at.sequence - self.state.visible_head().sequence;
        self.size(handle) + withheld
    }

    /// Fails where another process consumes in a way that does not go together.
    #[inline]
    fn may_consume(&mut self, handle: &Handle) -> Slim<()> {
        let state = &*self.state;
        let consumes = if handle.autosave {
            state.consumer_held || state.consumer_checked
        } else {
            state.consumer_held && handle.consumes.load(Ordering::Relaxed)
        };
        // Almost every call finds that an earlier one saw to it.
        if consumes && handle.took_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        Ok(self.begin_to_consume(handle)?)
    }

    #[cold]
    fn begin_to_consume(&mut self, handle: &Handle) -> Result<()> {
        let state = &mut *self.state;
        if !handle.took_over.load(Ordering::Relaxed) {
            handle.took_over.store(true, Ordering::Relaxed);
            state.window.give_back_all(|other| other != handle.id);
        }
        let Some(locks) = &self.log.locks else { return Ok(()) };
        if handle.autosave {
            if !state.consumer_held && !state.consumer_checked {
                locks.check_consumer()?;
                state.consumer_checked = true;
            }
        } else if !state.consumer_held {
            locks.try_consume()?;
            state.consumer_held = true;
        }
        if !handle.autosave && !handle.consumes.load(Ordering::Relaxed) {
            handle.consumes.store(true, Ordering::Relaxed);
            state.consumers += 1;
        }
        Ok(())
    }

    fn jump_to_head(&mut self, handle: &Handle) -> Result<(u64, Option<Ticket>)> {
        let state = &mut *self.state;
        let (waiting, cursor) = (state.waiting(), state.cursor);
        state.cursor = state.visible_head();
        match self.finish(handle, &Held::new()) {
            Ok(ticket) => {
                self.state.marks_ahead = 0;
                self.count_finished(handle, waiting);
                Ok((waiting, ticket))
            }
            Err(error) => {
                self.state.cursor = cursor;
                Err(error)
            }
        }
    }

    /// Takes one by one: an older record is in flight, so each of these needs a mark.
    fn take_and_finish_all(&mut self, handle: &Handle) -> Result<(u64, Option<Ticket>)> {
        let owner = Owner { handle: handle.id, thread: u64::MAX };
        let mut taken = Held::new();
        let finished = self
            .take_all(handle, owner, &mut taken)
            .and_then(|()| Ok(self.finish(handle, &taken)?));
        let ticket = finished.inspect_err(|_| {
            for sequence in taken.iter().cloned().flatten() {
                self.state.window.give_back(owner, sequence);
            }
        })?;
        Ok((taken.len() as u64, ticket))
    }

    fn take_all(&mut self, handle: &Handle, owner: Owner, taken: &mut Held) -> Slim<()> {
        let mut payload = Vec::new();
        while let Some(sequence) = self.find_and_take(handle, owner, &mut payload)? {
            taken.push_back(sequence..sequence + 1);
            self.state.window.release_one(owner, sequence);
            payload.clear();
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, handle: &Handle, owner: Owner, into: &mut Vec<u8>) -> Slim<Option<u64>> {
        let state = &mut *self.state;
        // So it is with almost every record. All else is kept out of the way: a call that every
        // record makes, and what it hands on, costs as much as a copy of the record.
        if state.window.waiting() == 0
            && state.set_aside.is_empty()
            && let Some(found) = state.at_hand()
            && !found.marked
        {
            into.extend_from_slice(found.payload);
            let (at, size) = (state.cursor, found.size());
            state.cursor = step(at, size);
            state.window.push_taken(at, owner, handle.autosave);
            return Ok(Some(at.sequence));
        }
        self.find_and_take(handle, owner, into)
    }

    #[cold]
    fn find_and_take(
        &mut self,
        handle: &Handle,
        owner: Owner,
        into: &mut Vec<u8>,
    ) -> Slim<Option<u64>> {
        let mut at = self.state.cursor;
        let Some(origin) = self.find(&mut at, into)? else { return Ok(None) };
        let state = &mut *self.state;
        match origin {
            Origin::Window => state.window.take_waiting(at.sequence, owner, handle.autosave),
            Origin::Log { size } => {
                state.cursor = step(at, size);
                state.window.push_taken(at, owner, handle.autosave);
            }
        }
        Ok(Some(at.sequence))
    }

    /// Finds the next record to deliver, and where it is.
    fn find(&mut self, at: &mut Position, into: &mut Vec<u8>) -> Slim<Option<Origin>> {
        if let Some(waiting) = self.state.window.first_waiting() {
            *at = waiting;
            return self.find_again(at, into);
        }
        let start = into.len();
        loop {
            let state = &mut *self.state;
            *at = state.cursor;
            match state.read(self.log, false, at, into)? {
                Found::Head => return Ok(None),
                Found::Damaged(damaged) => {
                    let (damage, resume) = *damaged;
                    state.cursor = resume;
                    return Err(Box::new(self.lost(damage)));
                }
                Found::Record { size, marked } => {
                    let aside =
                        !state.set_aside.is_empty() && state.set_aside.contains(&at.sequence);
                    if !marked && !aside {
                        return Ok(Some(Origin::Log { size }));
                    }
                    into.truncate(start);
                    state.cursor = step(*at, size);
                    if aside {
                        state.window.push_aside(*at);
                        continue;
                    }
                    state.window.push_finished(*at);
                    match state.marks_ahead.checked_sub(1) {
                        Some(left) => state.marks_ahead = left,
                        // A mark that nobody announced: the power went in between.
                        None => self.finished(1),
                    }
                }
            }
        }
    }

    /// Reads a record again that was given back.
    #[cold]
    fn find_again(&mut self, at: &mut Position, into: &mut Vec<u8>) -> Slim<Option<Origin>> {
        let state = &mut *self.state;
        let sequence = at.sequence;
        match state.read(self.log, true, at, into)? {
            Found::Record { .. } => Ok(Some(Origin::Window)),
            Found::Head => Ok(None),
            Found::Damaged(damaged) => {
                state.window.lose_waiting(sequence);
                state.window.trim();
                Err(Box::new(self.lost(Damage { records: 1, ..damaged.0 })))
            }
        }
    }

    /// Keeps damaged bytes aside and says what was lost.
    fn lost(&mut self, damage: Damage) -> Error {
        let log = self.log;
        let kept = quarantine::keep(&*log.storage, &log.dir, &damage);
        if let Err(error) = &kept {
            tracing::warn!(%error, "damaged bytes could not be copied; their segment is kept");
            self.state.keep.extend(segment::number_of(&damage.path));
        }
        let state = &mut *self.state;
        if state.window.is_empty() && state.save_control().is_ok() {
            state.note_control(Durability::Process);
            log.retire(state);
        }
        self.finished(damage.records);
        Error::Corrupted {
            path: damage.path,
            offset: damage.offset,
            bytes: damage.bytes.len() as u64,
            records: damage.records,
            kept: kept.ok().flatten(),
        }
    }

    fn finish_delivered(
        &mut self,
        handle: &Handle,
        owner: Owner,
        taken: &[u64],
    ) -> Result<Option<Ticket>> {
        if let [only] = taken
            && let Some(at) = self.state.window.finish_only(owner, *only)
        {
            return self.finish_only(handle, at);
        }
        let mut ranges = Held::with_capacity(taken.len());
        for taken in taken {
            self.state.window.release_one(owner, *taken);
            ranges.push_back(*taken..*taken + 1);
        }
        self.finish(handle, &ranges).inspect_err(|_| {
            for taken in taken {
                self.state.window.give_back(owner, *taken);
                self.wipe_promise(handle, *taken);
            }
        })
    }

    /// As [`Inside::finish`], where nothing else is between the tail and the cursor.
    #[inline]
    fn finish_only(&mut self, handle: &Handle, at: Position) -> Result<Option<Ticket>> {
        self.tell_others();
        let state = &mut *self.state;
        if let Err(error) = state.save_tail() {
            state.window.unfinish_only(at);
            let _ = state.save_control();
            self.wipe_promise(handle, at.sequence);
            return Err(error);
        }
        let ticket = state.note_control(handle.level);
        self.log.retire(state);
        self.count_finished(handle, 1);
        Ok(ticket)
    }

    /// Makes released records final. After an error none of them is.
    fn finish(&mut self, handle: &Handle, ranges: &Held) -> Result<Option<Ticket>> {
        self.tell_others();
        let level = handle.level;
        let marks = self.state.window.finish(ranges);
        if let Err(error) = self.store_finished(&marks, handle) {
            self.take_back_finished(ranges, &marks, handle);
            return Err(error);
        }
        let state = &mut *self.state;
        let ticket = state.note_control(level);
        state.window.trim();
        self.log.retire(state);
        self.count_finished(handle, ranges.iter().map(|range| range.end - range.start).sum());
        Ok(ticket)
    }

    fn count_finished(&mut self, handle: &Handle, records: u64) {
        handle.finished.add(records);
        self.finished(records);
    }

    fn store_finished(&mut self, marks: &Marks, handle: &Handle) -> Result<()> {
        self.announce(marks, handle.level)?;
        self.write_marks(marks, handle.level, handle.mapped, record::mark)?;
        if self.state.tail() != self.state.control.tail {
            self.state.save_tail()?;
        }
        Ok(())
    }

    /// What could not be stored whole must not be found in part by whoever opens the queue next.
    fn take_back_finished(&mut self, ranges: &Held, marks: &Marks, handle: &Handle) {
        self.state.window.unfinish(ranges);
        for at in marks {
            let _ = self.write_marks(&[*at], handle.level, handle.mapped, |_, _| 0);
        }
        if !ranges.is_empty() && self.state.tail() != self.state.control.tail {
            let _ = self.state.save_control();
        }
    }

    /// Says how far there are marks, before there is one: who opens the queue counts them so far.
    pub(super) fn announce(&mut self, marks: &Marks, level: Durability) -> Result<()> {
        let state = &mut *self.state;
        let before = state.control.marks_until;
        if let Some(last) = marks.iter().map(|at| at.sequence).max()
            && last >= before
        {
            state.control.marks_until = state.cursor.sequence.max(last) + MARKS_AHEAD;
            let announced = state.save_control().and_then(|()| match level {
                Durability::Process => Ok(()),
                // A mark may reach the disk at any time.
                Durability::Disk | Durability::Interval(_) => {
                    state.file.file.sync().context("flush", &state.file.path)
                }
            });
            return announced.inspect_err(|_| state.control.marks_until = before);
        }
        Ok(())
    }

    /// Writes completion marks of records that are finished before an older one.
    pub(super) fn write_marks(
        &mut self,
        marks: &[Position],
        level: Durability,
        mapped: bool,
        mark: fn(u32, u64) -> u32,
    ) -> Result<()> {
        let log = self.log;
        let state = &mut *self.state;
        for at in marks {
            let (marked, head) = (&mut state.marked, &state.head.segment);
            let entered = Marked::enter(marked, &*log.storage, &log.dir, head, at.segment)?;
            let Some(marked) = entered else { continue };
            marked.write(*at, mark(state.control.salt, at.sequence), mapped)?;
            if level != Durability::Process {
                let segment = marked.segment().clone();
                state.note_segment(segment);
            }
        }
        Ok(())
    }
}

/// Where a record was found.
enum Origin {
    /// Among those that were given back.
    Window,
    /// At the cursor; the next one is there.
    Log { size: u64 },
}
