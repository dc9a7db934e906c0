//! Taking records at the tail, and finishing them.

use std::sync::atomic::Ordering;

use super::commit::Ticket;
use super::control::Position;
use super::handle::Handle;
use super::log::{Inside, Log, Patience};
use super::quarantine;
use super::reader::{Damage, Found};
use super::record;
use super::segment;
use super::window::{Held, Marks, Owner};
use crate::error::Context;
use crate::storage::Access;
use crate::wait::Attempt;
use crate::{Durability, Error, Result};

/// A record that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub(super) sequence: u64,
    pub(super) owner: Owner,
}

impl Taken {
    /// The record's sequence number.
    pub fn sequence(self) -> u64 {
        self.sequence
    }
}

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
    /// Takes the next record. Its payload is appended to `into`.
    pub(super) fn take(
        &self,
        handle: &Handle,
        thread: u64,
        into: &mut Vec<u8>,
    ) -> Result<Attempt<Taken>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        inside.may_consume(handle)?;
        let owner = Owner { handle: handle.id, thread };
        let found = inside.take(handle, owner, into)?;
        let Some(at) = found else { return Ok(Attempt::NotYet) };
        if handle.autosave {
            inside.state.pins += 1;
        }
        drop(inside);
        if self.signals.space.is_awaited() {
            self.signals.space.notify_one();
        }
        Ok(Attempt::Done(Taken { sequence: at.sequence, owner }))
    }

    /// Copies the payload of the next record to the end of `into` without taking it.
    pub(super) fn peek(&self, handle: &Handle, into: &mut Vec<u8>) -> Result<Attempt<u64>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        Ok(inside.find(into)?.map_or(Attempt::NotYet, |(at, _)| Attempt::Done(at.sequence)))
    }

    /// Says what became of records that were taken.
    pub(super) fn settle(
        &self,
        handle: &Handle,
        taken: &[Taken],
        fate: Fate,
        patience: Patience,
    ) -> Result<Attempt<Option<Ticket>>> {
        // Not through `enter`: a take that is not settled keeps the process's lock.
        let mut inside = match patience {
            Patience::Wait => Inside { log: self, state: self.lock() },
            Patience::Leave => match self.try_lock() {
                Some(state) => Inside { log: self, state },
                None => return Ok(Attempt::Busy),
            },
        };
        if handle.autosave {
            inside.state.pins -= taken.len() as u64;
        }
        let window = &mut inside.state.window;
        match fate {
            Fate::Delivered => return inside.finish_delivered(handle, taken).map(Attempt::Done),
            Fate::Undecodable => {
                taken.iter().for_each(|taken| window.set_aside(taken.owner, taken.sequence));
                inside.state.set_aside.extend(taken.iter().map(|taken| taken.sequence));
            }
            Fate::GivenBack => {
                taken.iter().for_each(|taken| window.give_back(taken.owner, taken.sequence));
                drop(inside);
                self.signals.items.notify_all();
            }
        }
        Ok(Attempt::Done(None))
    }

    /// Makes final what `thread` has taken; see [`super::window::Window::release_all`].
    pub(super) fn task_done(
        &self,
        handle: &Handle,
        thread: u64,
    ) -> Result<Attempt<Option<Ticket>>> {
        if handle.unfinished(self) == 0 {
            return Err(Error::NothingUnfinished { path: self.dir.clone() });
        }
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        let owner = Owner { handle: handle.id, thread };
        let mut ticket = None;
        if let Some((owner, ranges)) = inside.state.window.release_all(owner) {
            match inside.finish(handle, &ranges) {
                Ok(finished) => ticket = finished,
                Err(error) => {
                    inside.state.window.hold_again(owner, &ranges);
                    return Err(error);
                }
            }
        }
        handle.done_calls.fetch_add(1, Ordering::Relaxed);
        inside.finished(0);
        Ok(Attempt::Done(ticket))
    }

    /// Finishes all that waits, unread. Gives how many records that were.
    pub(super) fn purge(&self, handle: &Handle) -> Result<Attempt<(u64, Option<Ticket>)>> {
        let Some(mut inside) = self.enter(handle.patience)? else { return Ok(Attempt::Busy) };
        inside.may_consume(handle)?;
        let purged = if inside.state.window.is_empty() {
            inside.jump_to_head(handle)?
        } else {
            inside.take_and_finish_all(handle)?
        };
        handle.done_calls.fetch_add(purged.0, Ordering::Relaxed);
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

    /// Fails where another process consumes in a way that does not go together.
    fn may_consume(&mut self, handle: &Handle) -> Result<()> {
        let state = &mut *self.state;
        if !handle.took_over.swap(true, Ordering::Relaxed) {
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
        if !handle.autosave && !handle.consumes.swap(true, Ordering::Relaxed) {
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
        let mut payload = Vec::new();
        while let Some(at) = self.take(handle, owner, &mut payload)? {
            taken.push_back(at.sequence..at.sequence + 1);
            self.state.window.release_one(owner, at.sequence);
            payload.clear();
        }
        let ticket = self.finish(handle, &taken).inspect_err(|_| {
            for sequence in taken.iter().cloned().flatten() {
                self.state.window.give_back(owner, sequence);
            }
        })?;
        Ok((taken.len() as u64, ticket))
    }

    fn take(
        &mut self,
        handle: &Handle,
        owner: Owner,
        into: &mut Vec<u8>,
    ) -> Result<Option<Position>> {
        let Some((at, origin)) = self.find(into)? else { return Ok(None) };
        let state = &mut *self.state;
        match origin {
            Origin::Window => state.window.take_waiting(at.sequence, owner, handle.autosave),
            Origin::Log(after) => {
                state.cursor = after;
                state.window.push_taken(at, owner, handle.autosave);
            }
        }
        Ok(Some(at))
    }

    /// Finds the next record to deliver.
    fn find(&mut self, into: &mut Vec<u8>) -> Result<Option<(Position, Origin)>> {
        if let Some(at) = self.state.window.first_waiting() {
            return self.find_again(at, into);
        }
        let start = into.len();
        loop {
            let state = &mut *self.state;
            let mut reader = std::mem::take(&mut state.reader);
            let found = reader.next(state.cursor, self.log.view(state), into);
            state.reader = reader;
            match found? {
                Found::Head => return Ok(None),
                Found::Damaged { damage, resume } => {
                    state.cursor = resume;
                    return Err(self.lost(damage));
                }
                Found::Record { at, after, marked } => {
                    let aside =
                        !state.set_aside.is_empty() && state.set_aside.contains(&at.sequence);
                    if !marked && !aside {
                        return Ok(Some((at, Origin::Log(after))));
                    }
                    into.truncate(start);
                    state.cursor = after;
                    if aside {
                        state.window.push_aside(at);
                    } else {
                        state.marks_ahead = state.marks_ahead.saturating_sub(1);
                    }
                }
            }
        }
    }

    /// Reads a record again that was given back.
    fn find_again(
        &mut self,
        at: Position,
        into: &mut Vec<u8>,
    ) -> Result<Option<(Position, Origin)>> {
        let state = &mut *self.state;
        let mut reader = std::mem::take(&mut state.rereader);
        let found = reader.next(at, self.log.view(state), into);
        state.rereader = reader;
        match found? {
            Found::Record { at, .. } => Ok(Some((at, Origin::Window))),
            Found::Head => Ok(None),
            Found::Damaged { damage, .. } => {
                state.window.lose_waiting(at.sequence);
                state.window.trim();
                Err(self.lost(Damage { records: 1, ..damage }))
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

    fn finish_delivered(&mut self, handle: &Handle, taken: &[Taken]) -> Result<Option<Ticket>> {
        let mut ranges = Held::with_capacity(taken.len());
        for taken in taken {
            self.state.window.release_one(taken.owner, taken.sequence);
            ranges.push_back(taken.sequence..taken.sequence + 1);
        }
        self.finish(handle, &ranges).inspect_err(|_| {
            for taken in taken {
                self.state.window.give_back(taken.owner, taken.sequence);
            }
        })
    }

    /// Makes released records final.
    fn finish(&mut self, handle: &Handle, ranges: &Held) -> Result<Option<Ticket>> {
        let level = handle.level;
        let marks = self.state.window.finish(ranges);
        self.write_marks(&marks, level)?;
        let state = &mut *self.state;
        if state.tail() != state.control.tail {
            state.save_control()?;
        }
        let ticket = state.note_control(level);
        state.window.trim();
        self.log.retire(state);
        self.count_finished(handle, ranges.iter().map(|range| range.end - range.start).sum());
        Ok(ticket)
    }

    fn count_finished(&mut self, handle: &Handle, records: u64) {
        handle.finished.fetch_add(records, Ordering::Relaxed);
        self.finished(records);
    }

    /// Writes completion marks of records that are finished before an older one.
    fn write_marks(&mut self, marks: &Marks, level: Durability) -> Result<()> {
        let Some(last) = marks.iter().map(|at| at.sequence).max() else { return Ok(()) };
        let log = self.log;
        let state = &mut *self.state;
        if last >= state.control.marks_until {
            state.control.marks_until = state.cursor.sequence.max(last) + MARKS_AHEAD;
            // Known before there is one: who opens the queue counts marks up to there.
            state.save_control()?;
        }
        let mut open: Option<segment::Segment> = None;
        for at in marks {
            if open.as_ref().is_none_or(|open| open.number != at.segment) {
                open = segment::open(&*log.storage, &log.dir, at.segment, Access::Write)?;
            }
            let Some(segment) = &open else { continue };
            let mark = record::mark(state.control.salt, at.sequence).to_le_bytes();
            segment
                .file
                .write_all_at(&mark, at.offset + record::MARK)
                .context("write", &segment.path)?;
            if level != Durability::Process {
                state.note_segment(segment.clone());
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
    Log(Position),
}
