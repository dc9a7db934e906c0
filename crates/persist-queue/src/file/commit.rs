//! Making what was done survive a dead machine: one flush for all threads that wait for one.

use std::io;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::control::Position;
use super::gather::Gathering;
use super::head::Head;
use super::log::{Log, State, flush_time};
use super::segment::{self, Segment};
use crate::error::Context;
use crate::storage::Access;
use crate::{Durability, Error, Result};

/// A number for something that must become durable; all up to it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What is not known to be durable.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// How many operations asked for durability so far.
    operations: u64,
    segments: Vec<Segment>,
    control: bool,
    /// Entries of the folder.
    pub(super) folder: bool,
    /// Segments that may be removed when the tail behind them is durable.
    pub(super) spent: Vec<u64>,
    /// Records from here on are shown to nobody before they are durable.
    pub(super) withheld: Option<Withheld>,
    /// Records were withheld since the last flush began.
    withholding: bool,
    /// When to flush, where nobody waits for it.
    pub(super) due: Option<Instant>,
    /// A flush failed that nobody waited for: the next put says so.
    failed: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Withheld {
    pub(super) at: Position,
    last_offset: u64,
}

/// A flush that failed, for the operations behind `from`, up to `to`.
#[derive(Debug, Clone)]
struct Failure {
    from: u64,
    to: u64,
    path: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl Failure {
    fn error(&self) -> Error {
        let source = match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::from(self.kind),
        };
        Error::Io { action: "flush", path: self.path.clone(), source }
    }
}

/// How far flushing got.
#[derive(Debug, Default)]
pub(super) struct Committer {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    /// Operations up to here are durable, or failed.
    done: u64,
    flushing: bool,
    gathering: Gathering,
    failures: Vec<Failure>,
}

/// Failures are kept for callers that have not asked yet; far more than threads that wait.
const FAILURES: usize = 1024;

impl State {
    /// Notes that a segment was written from `before` on.
    pub(super) fn note_put(
        &mut self,
        level: Durability,
        before: Position,
        last_offset: u64,
    ) -> Option<Ticket> {
        if level == Durability::Process {
            return None;
        }
        if level == Durability::Disk {
            self.dirty.withholding = true;
            self.dirty.withheld.get_or_insert(Withheld { at: before, last_offset });
        }
        let segment = self.head.segment.clone();
        self.note_segment(segment);
        self.note(level)
    }

    pub(super) fn note_segment(&mut self, segment: Segment) {
        let last = self.dirty.segments.last();
        if last.is_none_or(|last| last.number != segment.number) {
            self.dirty.segments.push(segment);
        }
    }

    /// Notes that the control file was written.
    pub(super) fn note_control(&mut self, level: Durability) -> Option<Ticket> {
        if level == Durability::Process {
            return None;
        }
        self.dirty.control = true;
        self.note(level)
    }

    fn note(&mut self, level: Durability) -> Option<Ticket> {
        self.dirty.operations += 1;
        let ticket = Ticket(self.dirty.operations);
        if self.dirty.due.is_none() {
            self.dirty.due = flush_time(level);
        }
        (level == Durability::Disk).then_some(ticket)
    }

    /// The failure of a flush that nobody waited for, once.
    pub(super) fn take_failure(&mut self) -> Result<()> {
        self.dirty.failed.take().map_or(Ok(()), |failure| Err(failure.error()))
    }
}

impl Dirty {
    /// Whether anything waits to become durable.
    pub(super) fn is_pending(&self) -> bool {
        self.control || !self.segments.is_empty()
    }
}

/// What one flush covers.
struct Work {
    upto: u64,
    segments: Vec<Segment>,
    control: bool,
    folder: bool,
    /// Segments that may be removed afterwards.
    spent: Vec<u64>,
    head: Position,
    last_offset: u64,
}

impl Log {
    /// Waits until what the ticket stands for is durable. The calling thread may have to flush, for
    /// all who wait.
    ///
    /// # Errors
    /// [`Error::Io`] where the flush that covered it failed. It is not tried again: the kernel may
    /// have dropped what it could not write. A put that fails so is taken back.
    pub(super) fn commit(&self, ticket: Ticket) -> Result<()> {
        let mut progress = self.progress();
        loop {
            let failed = progress.failures.iter().find(|failure| failure.covers(ticket));
            if let Some(failure) = failed {
                return Err(failure.error());
            }
            if progress.done >= ticket.0 {
                return Ok(());
            }
            if progress.flushing {
                progress =
                    self.committer.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            progress.flushing = true;
            let (done, mut gathering) = (progress.done, progress.gathering);
            drop(progress);
            let come = || self.lock().dirty.operations.saturating_sub(done);
            gathering.wait(come);
            let began = Instant::now();
            let outcome = self.flush();
            gathering.note(began.elapsed(), come());
            progress = self.progress();
            progress.gathering = gathering;
            progress.settle(outcome);
            drop(progress);
            self.committer.changed.notify_all();
            progress = self.progress();
        }
    }

    /// Makes all that asked for it durable, and waits for it.
    pub(super) fn flush_all(&self) -> Result<()> {
        let ticket = {
            let mut state = self.lock();
            // One of its own: the failure of an earlier one was told to those whom it concerned.
            state.dirty.operations += 1;
            Ticket(state.dirty.operations)
        };
        self.commit(ticket)
    }

    /// Makes everything durable, whether anybody asked for it when it was done or not.
    pub(super) fn flush_everything(&self) -> Result<()> {
        let numbers = {
            let state = self.lock();
            state.tail().segment..=state.head.at.segment
        };
        for number in numbers {
            let opened = segment::open(&*self.storage, &self.dir, number, Access::Read)?;
            if let Some(segment) = opened {
                segment.file.sync().context("flush", &segment.path)?;
            }
        }
        self.sync_folder()?;
        self.flush_all()
    }

    /// As [`Log::flush_all`], for the sake of those who did not wait.
    pub(super) fn flush_in_background(&self) {
        let (from, to) = (self.progress().done, self.lock().dirty.operations);
        if let Err(error) = self.flush_all() {
            self.tell_later(error, from, to);
        }
    }

    /// As [`Log::commit`], for a completion whose item is delivered whatever becomes of it: to keep
    /// it back would lose it.
    pub(super) fn commit_delivered(&self, ticket: Ticket) {
        if let Err(error) = self.commit(ticket) {
            self.tell_later(error, ticket.0 - 1, ticket.0);
        }
    }

    fn tell_later(&self, error: Error, from: u64, to: u64) {
        tracing::error!(%error, "a flush failed");
        if let Error::Io { path, source, .. } = error {
            self.lock().dirty.failed =
                Some(Failure { from, to, path, kind: source.kind(), code: source.raw_os_error() });
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.committer.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self) -> Result<u64, (u64, Error)> {
        let work = self.begin_flush();
        let result = self.sync(&work);
        let mut state = self.lock();
        let outcome = match result {
            Ok(()) => {
                finish_flush(&mut state, &work);
                self.remove_spent(&mut state, work.spent);
                Ok(work.upto)
            }
            Err(error) => {
                self.take_back(&mut state);
                Err((state.dirty.operations, error))
            }
        };
        drop(state);
        match outcome {
            Ok(_) => self.signals.items.notify_all(),
            // What was taken back made room, and may have been the last that was unfinished.
            Err(_) => self.signals.notify_all(),
        }
        outcome
    }

    fn begin_flush(&self) -> Work {
        let mut state = self.lock();
        let dirty = &mut state.dirty;
        dirty.due = None;
        dirty.withholding = false;
        let upto = dirty.operations;
        let segments = std::mem::take(&mut dirty.segments);
        let control = std::mem::take(&mut dirty.control);
        let folder = std::mem::take(&mut dirty.folder);
        let spent = std::mem::take(&mut dirty.spent);
        let (head, last_offset) = (state.head.at, state.head.last_offset);
        Work { upto, segments, control, folder, spent, head, last_offset }
    }

    fn sync(&self, work: &Work) -> Result<()> {
        for segment in &work.segments {
            segment.file.sync().context("flush", &segment.path)?;
        }
        if work.folder {
            self.storage.sync_dir(&self.dir).context("flush", &self.dir)?;
        }
        if work.control {
            let (file, path) = self.lock().file.to_flush();
            file.sync().context("flush", &path)?;
        }
        Ok(())
    }

    /// Withdraws the records whose callers are told that they failed.
    fn take_back(&self, state: &mut State) {
        state.dirty.segments.clear();
        state.dirty.spent.clear();
        state.dirty.folder = true;
        let Some(withheld) = state.dirty.withheld.take() else {
            // They were promised to survive this process, which they do; nothing more is written
            // behind them.
            state.head.seal();
            return;
        };
        let gone = state.head.at.sequence - withheld.at.sequence;
        self.totals.appended.subtract(gone);
        while state.head.at.segment > withheld.at.segment {
            let path = self.dir.join(segment::name(state.head.at.segment));
            let previous = state.head.at.segment - 1;
            let opened = segment::open(&*self.storage, &self.dir, previous, Access::Write);
            let Ok(Some(segment)) = opened else { break };
            let _ = self.storage.remove(&path);
            // Else it would say after a power loss that what is withdrawn was lost.
            let _ = self.storage.sync_dir(&self.dir);
            let at = Position { segment: previous, ..withheld.at };
            state.head = Head::new(segment, at, withheld.last_offset);
        }
        state.head.withdraw(withheld.at, withheld.last_offset);
        state.unsaved = true;
        let _ = state.save_control();
    }
}

impl Failure {
    fn covers(&self, ticket: Ticket) -> bool {
        (self.from + 1..=self.to).contains(&ticket.0)
    }
}

impl Progress {
    fn settle(&mut self, outcome: Result<u64, (u64, Error)>) {
        self.flushing = false;
        let upto = match outcome {
            Ok(upto) => upto,
            Err((to, error)) => {
                if self.failures.len() == FAILURES {
                    self.failures.remove(0);
                }
                let (path, source) = match error {
                    Error::Io { path, source, .. } => (path, source),
                    other => (PathBuf::new(), io::Error::other(other.to_string())),
                };
                let (kind, code) = (source.kind(), source.raw_os_error());
                self.failures.push(Failure { from: self.done, to, path, kind, code });
                to
            }
        };
        self.done = self.done.max(upto);
    }
}

fn finish_flush(state: &mut State, work: &Work) {
    let flushed = Withheld { at: work.head, last_offset: work.last_offset };
    let behind = state.dirty.withholding && state.head.at > work.head;
    // What was put since may begin a segment, and the cursor be there already.
    let withheld = state.dirty.withheld.filter(|withheld| withheld.at > work.head);
    state.dirty.withheld = behind.then(|| withheld.unwrap_or(flushed));
}
