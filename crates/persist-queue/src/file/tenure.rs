//! Having the log for oneself: getting the kernel's lock, catching up with what other processes
//! did, keeping the lock, and giving it up when one of them asks.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::control::{Control, Position};
use super::head::Head;
use super::locks::Locks;
use super::log::{IDLE, Log, State};
use super::reader::Reader;
use super::segment;
use super::window::Window;
use crate::error::Context;
use crate::process::keeper::Kept;
use crate::storage::Access;
use crate::{Error, Result};

/// How soon to try again what could not be done now.
const SOON: Duration = Duration::from_micros(200);
/// Not at any time, but somebody must notice when the watched file is written.
const UNTIL_POKED: Duration = Duration::MAX;

impl Log {
    /// Gets the kernel's lock if it is free.
    #[cold]
    pub(super) fn acquire(&self, state: &mut State) -> Result<bool> {
        if let Some(locks) = &self.locks {
            if !locks.try_enter(&mut state.turn_held)? {
                return Ok(false);
            }
            self.asked.store(false, Ordering::Relaxed);
            if let Err(error) = self.catch_up(state) {
                locks.leave();
                return Err(error);
            }
            self.ring_keeper();
        }
        state.held = true;
        Ok(true)
    }

    /// Stops waiting for the lock.
    pub(super) fn stop_asking(&self) {
        if let Some(locks) = &self.locks {
            locks.leave_turn(&mut self.lock().turn_held);
        }
    }

    /// Gives the lock up, unless something must be finished first.
    #[cold]
    pub(super) fn release(&self, state: &mut State) -> bool {
        let Some(locks) = &self.locks else { return false };
        if !state.held {
            return true;
        }
        if state.pins > 0 || state.dirty.withheld.is_some() {
            return false;
        }
        if !locks.is_exclusive() {
            self.let_go(state, locks);
            return true;
        }
        state.head.cut_again();
        if self.signals.are_awaited() && !state.control.waiting {
            state.control.waiting = true;
            state.unsaved = true;
        }
        if state.unsaved
            && let Err(error) = state.save_control()
        {
            // What it says can be found in the log, but for the wish to be woken.
            tracing::warn!(%error, "the control file could not be written");
        }
        self.let_go(state, locks);
        true
    }

    fn let_go(&self, state: &mut State, locks: &Locks) {
        state.held = false;
        state.consumer_checked = false;
        state.saved_here = false;
        self.asked.store(false, Ordering::Relaxed);
        locks.leave();
    }

    /// Leaves the files as they are best for others, if none of them is at work there: nothing is lost where
    /// this is left out.
    pub(super) fn wind_up(&self, state: &mut State) {
        let mapped = state.head.is_mapped();
        if state.held && !self.locks.as_ref().is_none_or(Locks::is_exclusive) {
            state.held = false;
        } else if state.held || (mapped && self.acquire(state).is_ok_and(|held| held)) {
            state.head.cut_again();
            state.head.trim();
            if state.unsaved {
                // The control file is a cache; the log says the same.
                let _ = state.save_control();
            }
        }
        if let Some(locks) = &self.locks {
            locks.leave_turn(&mut state.turn_held);
        }
    }

    /// Takes over what other processes did since this one had the lock.
    fn catch_up(&self, state: &mut State) -> Result<()> {
        self.check_folder(state)?;
        let stored = state.stored();
        let appended = state.head.at.sequence;
        let newest = state.file.read()?;
        if let Some(newest) = newest.filter(|newest| newest.is_later_than(&state.control)) {
            self.adopt(state, newest)?;
        }
        walk_on(state)?;
        while let Some(next) = self.begun_segment(state)? {
            state.dirty.folder = true;
            state.head = next;
            state.unsaved = true;
            walk_on(state)?;
        }
        // Marks are written without the control file, so there may be one more each time.
        if state.control.marks_until > state.control.tail.sequence && !state.consumer_held {
            rewind(state);
            state.marks_ahead = self.count_marks(state)?;
        }
        let appended = state.head.at.sequence.saturating_sub(appended);
        let finished = (stored + appended).saturating_sub(state.stored());
        self.totals.appended.add(appended);
        self.totals.finished.add(finished);
        Ok(())
    }

    /// Refuses to go on where the folder was replaced: what is there now belongs to another queue, and
    /// what would be written to the old files is for nobody.
    fn check_folder(&self, state: &State) -> Result<()> {
        let path = &state.file.path;
        match self.storage.identity(path) {
            Ok(found) if found == self.identity && self.are_locks_in_place() => Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("inspect", path)
            }
            Ok(_) | Err(_) => Err(Error::Unrecognised {
                path: self.dir.clone(),
                reason:
                    "the folder, its control file or a lock file was removed or replaced while \
                         the queue was open; open the queue again"
                        .to_owned(),
            }),
        }
    }

    fn are_locks_in_place(&self) -> bool {
        self.locks.as_ref().is_none_or(Locks::are_in_place)
    }

    fn adopt(&self, state: &mut State, newest: Control) -> Result<()> {
        if newest.head != state.head.at {
            self.move_head(state, newest.head, newest.last_offset)?;
        }
        let moved = newest.tail != state.control.tail;
        state.control = newest;
        state.oldest = state.control.tail.segment;
        if moved && !state.consumer_held {
            rewind(state);
        }
        Ok(())
    }

    /// The segment behind the head's that a process began and did not live to announce. To go on in
    /// the old one would make the records there look like remains.
    fn begun_segment(&self, state: &State) -> Result<Option<Head>> {
        let number = state.head.at.segment + 1;
        let next = segment::open(&*self.storage, &self.dir, number, Access::Write)?;
        let (sequence, salt) = (state.head.at.sequence, state.control.salt);
        let begun = next.filter(|next| {
            let header = next.header.as_ref();
            header.is_some_and(|found| found.first_sequence == sequence && found.salt == salt)
        });
        let at = Position { segment: number, offset: segment::HEADER, sequence };
        Ok(begun.map(|segment| Head::new(segment, at, 0)))
    }

    fn move_head(&self, state: &mut State, at: Position, last_offset: u64) -> Result<()> {
        if at.segment == state.head.at.segment {
            state.head.move_to(at, last_offset);
        } else {
            let segment = segment::open(&*self.storage, &self.dir, at.segment, Access::Write)?
                .ok_or_else(|| Error::Unrecognised {
                    path: self.dir.join(segment::name(at.segment)),
                    reason: "it is the segment at the head and is missing; open the queue again"
                        .to_owned(),
                })?;
            state.head = Head::new(segment, at, last_offset);
        }
        // Somebody else's entry in the folder is not flushed until it is known to be.
        state.dirty.folder = true;
        Ok(())
    }
}

/// Walks over records whose writer died before it could say that they are there.
fn walk_on(state: &mut State) -> Result<()> {
    let segment = state.head.segment.clone();
    let size = segment.file.size().context("inspect", &segment.path)?;
    state.head.check_map(size);
    if size <= state.head.at.offset || is_zero(&segment, state.head.at.offset)? {
        return Ok(());
    }
    let mut reader = Reader::default();
    let (mut at, mut last_offset) = (state.head.at, state.head.last_offset);
    while let Some((start, after)) = reader.next_in(&segment, at, size, state.control.salt)? {
        last_offset = start.offset;
        at = after;
    }
    if size > at.offset && !is_zero(&segment, at.offset)? {
        segment.file.set_size(at.offset).context("truncate", &segment.path)?;
        state.head.check_map(at.offset);
    }
    if at != state.head.at {
        state.head.move_to(at, last_offset);
        state.unsaved = true;
    }
    Ok(())
}

/// Whether no record was begun at `offset`: room that was allocated for those to come.
fn is_zero(segment: &segment::Segment, offset: u64) -> Result<bool> {
    let mut start = [0; 8];
    segment.file.read_at(&mut start, offset).context("read", &segment.path)?;
    Ok(start == [0; 8])
}

/// Starts again at the tail, with nothing in memory of what others may have finished since.
fn rewind(state: &mut State) {
    state.window = Window::default();
    state.reader.forget();
    state.head.forget_recent();
    state.cursor = state.control.tail;
    state.marks_ahead = 0;
}

impl Kept for Log {
    fn tend(&self, poked: bool) -> Option<Duration> {
        let locks = self.locks.as_ref()?;
        if poked && (locks.is_changed() || !locks.are_in_place()) {
            self.signals.notify_all();
        }
        let mut state = match self.try_lock() {
            Some(state) => state,
            None if locks.is_wanted() => {
                // Whoever is inside gives the lock up when he leaves.
                self.asked.store(true, Ordering::Relaxed);
                return Some(SOON);
            }
            None => self.lock(),
        };
        let (lock, due) = (self.tend_lock(&mut state), state.dirty.due);
        drop(state);
        // Last, since a disk may take its time.
        let flush = due.and_then(|due| self.flush_when_due(due));
        let wait = self.signals.are_awaited().then_some(UNTIL_POKED);
        [flush, lock, wait].into_iter().flatten().min()
    }
}

impl Log {
    fn tend_lock(&self, state: &mut State) -> Option<Duration> {
        if !state.held {
            return None;
        }
        let idle = state.entries == std::mem::replace(&mut state.entries_seen, state.entries);
        let wanted = self.locks.as_ref().is_some_and(Locks::is_wanted);
        if !idle && !wanted && self.are_locks_in_place() {
            return Some(IDLE);
        }
        if self.release(state) {
            return None;
        }
        self.asked.store(true, Ordering::Relaxed);
        Some(SOON)
    }

    /// Flushes if that is due; gives the time until it is.
    fn flush_when_due(&self, due: Instant) -> Option<Duration> {
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        self.flush_in_background();
        None
    }
}
