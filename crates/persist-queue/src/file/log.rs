//! The log that the queue objects of one process share, and its state.
//!
//! Lock order: the registry, then a log's state, then its committer. No item is serialized and no
//! host is entered under any of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::commit::{Committer, Dirty};
use super::control::{Control, ControlFile, Position};
use super::head::Head;
use super::locks::Locks;
use super::marks::Marked;
use super::options::Options;
use super::reader::{Found, LogView, Reader};
use super::record::Record;
use super::recovery;
use super::segment::Header;
use super::window::Window;
use crate::error::{Context, Slim};
use crate::process::fork;
use crate::process::keeper::{self, Keeper};
use crate::storage::Storage;
use crate::wait::{Attempt, Outcome, Signal, Signals, Thread, Wait, Waiting, now};
use crate::{Durability, Error, Result};

/// See the module.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) dir: PathBuf,
    pub(super) codec: String,
    pub(super) generation: u64,
    /// What the control file was when this was opened: a folder that was replaced has another.
    pub(super) identity: (u64, u64),
    pub(super) locks: Option<Locks>,
    pub(super) state: Mutex<State>,
    /// Another process waits for the lock that this one keeps.
    pub(super) asked: AtomicBool,
    pub(super) signals: Signals,
    pub(super) totals: Totals,
    pub(super) committer: Committer,
    keeper: OnceLock<Arc<Keeper>>,
}

/// What happened to this log since this process opened it, by whomever.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) appended: Count,
    pub(super) finished: Count,
}

/// A number that is changed only under the log's lock, and read by anybody.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    // Two plain instructions: an atomic one for each item costs what a checksum does.
    pub(super) fn add(&self, number: u64) {
        self.0.store(self.get() + number, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, number: u64) {
        self.0.store(self.get() - number, Ordering::Relaxed);
    }
}

/// What only one thread at a time may touch.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub(super) struct State {
    /// This process has the kernel's lock, and the rest of this is up to date.
    pub(super) held: bool,
    /// This process is next to have it.
    pub(super) turn_held: bool,
    /// Calls that entered so far, by which the keeper sees whether the log is in use.
    pub(super) entries: u64,
    pub(super) entries_seen: u64,
    pub(super) file: ControlFile,
    /// The control record as it was written last, or read.
    pub(super) control: Control,
    /// It was written in this tenure.
    pub(super) saved_here: bool,
    /// The head moved since then.
    pub(super) unsaved: bool,
    pub(super) head: Head,
    /// The first segment that was not removed yet.
    pub(super) oldest: u64,
    /// Segments with damage that could not be copied out; they are kept whole.
    pub(super) keep: BTreeSet<u64>,
    /// The next record to deliver that was never delivered.
    pub(super) cursor: Position,
    pub(super) reader: Reader,
    /// For records that were given back.
    pub(super) rereader: Reader,
    pub(super) window: Window,
    pub(super) marked: Option<Marked>,
    /// Records with a completion mark behind the cursor.
    pub(super) marks_ahead: u64,
    /// Records that this process could not deserialize.
    pub(super) set_aside: BTreeSet<u64>,
    /// This process is the one that consumes without autosave.
    pub(super) consumer_held: bool,
    /// How many objects of this process are open.
    pub(super) objects: u64,
    /// How many objects of this process consume so.
    pub(super) consumers: u64,
    /// Nobody else is, as of this tenure.
    pub(super) consumer_checked: bool,
    /// Takes whose items are being deserialized; the lock is kept for so long.
    pub(super) pins: u64,
    pub(super) dirty: Dirty,
}

impl Log {
    /// Opens the log in `dir`, which must exist.
    pub(super) fn open(dir: &Path, codec: &str, options: &Options) -> Result<Arc<Self>> {
        let storage = Arc::clone(&options.storage);
        let locks = storage.is_shared().then(|| Locks::open(dir)).transpose()?;
        if let Some(locks) = &locks {
            wait_for_lock(dir, locks)?;
            locks.outwait_removed();
        }
        #[cfg(feature = "legacy")]
        super::convert::convert_if_needed(
            &*storage,
            dir,
            codec,
            options.limits,
            options.legacy_format.as_deref(),
        )?;
        let opened = recovery::open(&*storage, dir, codec, options.limits.records)?;
        if options.durability != Durability::Process {
            // A tail that a killed process moved may be nowhere but in the page cache.
            opened.file.file.sync().context("flush", &opened.file.path)?;
        }
        recovery::remove_spent(&storage, dir, &opened.control);
        let identity = storage.identity(&opened.file.path).context("inspect", &opened.file.path)?;
        let log = Arc::new(Self {
            codec: codec.to_owned(),
            dir: dir.to_owned(),
            generation: fork::generation(),
            identity,
            locks,
            state: Mutex::new(State::new(opened)),
            asked: AtomicBool::new(false),
            signals: Signals::default(),
            totals: Totals::default(),
            committer: Committer::default(),
            keeper: OnceLock::new(),
            storage,
        });
        {
            let mut state = log.lock();
            state.marks_ahead = log.count_marks(&state)?;
        }
        log.start_keeper();
        Ok(log)
    }

    fn start_keeper(self: &Arc<Self>) {
        if let Some(locks) = &self.locks {
            match keeper::tend(self, &locks.turn_path) {
                Ok(keeper) => {
                    let _ = self.keeper.set(keeper);
                }
                // Without it the lock is not kept between calls, see `Inside::drop`.
                Err(error) => tracing::warn!(%error, "no helper thread; puts and takes are slower"),
            }
        }
    }

    pub(super) fn has_keeper(&self) -> bool {
        self.keeper.get().is_some()
    }

    pub(super) fn ring_keeper(&self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.ring();
        }
    }

    pub(super) fn count_marks(&self, state: &State) -> Result<u64> {
        if state.control.marks_until <= state.control.tail.sequence {
            return Ok(0);
        }
        recovery::count_marks(&state.control, &state.view(self))
    }
}

impl State {
    fn new(opened: recovery::Opened) -> Self {
        let recovery::Opened { file, control, head } = opened;
        Self {
            held: true,
            turn_held: false,
            entries: 0,
            entries_seen: 0,
            file,
            oldest: control.tail.segment,
            keep: BTreeSet::new(),
            cursor: control.tail,
            saved_here: false,
            unsaved: false,
            head,
            reader: Reader::default(),
            rereader: Reader::default(),
            window: Window::default(),
            marked: None,
            marks_ahead: 0,
            set_aside: BTreeSet::new(),
            consumer_held: false,
            objects: 0,
            consumers: 0,
            consumer_checked: false,
            pins: 0,
            dirty: Dirty::default(),
            control,
        }
    }

    /// Where reading ends: what must be on the disk first is not shown before it is.
    pub(super) fn visible_head(&self) -> Position {
        self.dirty.withheld.map_or(self.head.at, |withheld| withheld.at)
    }

    /// What a reader may see.
    pub(super) fn view<'a>(&self, log: &'a Log) -> LogView<'a> {
        LogView {
            storage: &*log.storage,
            dir: &log.dir,
            salt: self.control.salt,
            head: self.visible_head(),
        }
    }

    /// Finds what stands at `at`, through the reader for new records or the one for old ones.
    pub(super) fn read(
        &mut self,
        log: &Log,
        again: bool,
        at: &mut Position,
        into: &mut Vec<u8>,
    ) -> Slim<Found> {
        if let Some(found) = self.recent(*at) {
            into.extend_from_slice(found.payload);
            return Ok(Found::Record { size: found.size(), marked: false });
        }
        let view = self.view(log);
        let reader = if again { &mut self.rereader } else { &mut self.reader };
        reader.next(at, &view, into)
    }

    /// The record at the cursor, where nothing needs to be read for it.
    #[inline]
    pub(super) fn at_hand(&self) -> Option<Record<'_>> {
        match self.recent(self.cursor) {
            Some(found) => Some(found),
            None => self.reader.ahead(self.cursor, self.control.salt),
        }
    }

    /// See [`Head::recent`]. What is withheld is not shown.
    #[inline]
    fn recent(&self, at: Position) -> Option<Record<'_>> {
        let withheld = self.dirty.withheld.as_ref();
        if withheld.is_some_and(|withheld| at.sequence >= withheld.at.sequence) {
            return None;
        }
        self.head.recent(at)
    }

    /// Has those delivered again that could not be deserialized: who opens the queue anew may know
    /// how, and another object of this process may have kept the log open. Says whether there were
    /// any.
    pub(super) fn retry_set_aside(&mut self) -> bool {
        let aside = std::mem::take(&mut self.set_aside);
        for sequence in &aside {
            self.window.retry_set_aside(*sequence);
        }
        !aside.is_empty()
    }

    /// Has everything delivered again that is not final.
    pub(super) fn start_again(&mut self) {
        self.cursor = self.tail();
        // Those have their marks on the disk, and what was read ahead may not show them.
        self.marks_ahead += self.window.forget();
        self.reader.forget();
        self.head.forget_recent();
    }

    /// The first record that is not final.
    pub(super) fn tail(&self) -> Position {
        self.window.tail().unwrap_or(self.cursor)
    }

    /// How many records wait to be taken.
    pub(super) fn waiting(&self) -> u64 {
        let ahead = self.visible_head().sequence.saturating_sub(self.cursor.sequence);
        ahead.saturating_sub(self.marks_ahead) + self.window.waiting()
    }

    /// How many records are not final.
    pub(super) fn stored(&self) -> u64 {
        let ahead = self.head.at.sequence.saturating_sub(self.cursor.sequence);
        ahead.saturating_sub(self.marks_ahead) + self.window.unfinished()
    }

    pub(super) fn header(&self) -> Header {
        Header {
            salt: self.control.salt,
            first_sequence: self.head.at.sequence,
            codec: self.control.codec.clone(),
        }
    }

    /// Writes the control record as it should be now.
    pub(super) fn save_control(&mut self) -> Result<()> {
        self.save_control_with(self.head.at, self.head.last_offset)
    }

    pub(super) fn save_control_with(&mut self, head: Position, last_offset: u64) -> Result<()> {
        let control = Control {
            generation: self.control.next_generation(),
            tail: self.tail(),
            head,
            last_offset,
            codec: std::mem::take(&mut self.control.codec),
            ..self.control
        };
        let written = self.file.write(&control);
        if written.is_ok() {
            self.control = control;
            self.saved_here = true;
        } else {
            self.control.codec = control.codec;
            self.restore_control();
        }
        self.unsaved &= written.is_err();
        written
    }

    /// Writes that the tail moved on, where that is all that changed since the control record was written.
    #[inline]
    pub(super) fn save_tail(&mut self) -> Result<()> {
        // Whoever has read the record looks for nothing more of its generation.
        if !self.saved_here {
            return self.save_control();
        }
        let tail = self.tail();
        let written = self.file.write_tail(&self.control, tail);
        match written {
            Ok(()) => self.control.tail = tail,
            Err(_) => self.restore_control(),
        }
        written
    }

    /// Writes the control record once more, after a write that may have left anything there, even all of what was
    /// refused: in the next slot, which may be that one. Going on in the other one would leave it.
    #[cold]
    fn restore_control(&mut self) {
        let generation = self.control.next_generation();
        let same = Control { generation, ..self.control.clone() };
        self.saved_here = self.file.write(&same).is_ok();
        if self.saved_here {
            self.control = same;
        }
    }
}

fn wait_for_lock(dir: &Path, locks: &Locks) -> Result<()> {
    let mut turn = false;
    let signal = Signal::default();
    let mut waiting = Waiting::new(&signal, Wait::No);
    let outcome = loop {
        let entered = if locks.try_enter(&mut turn)? { Attempt::Done(()) } else { Attempt::Busy };
        if let Some(outcome) = now(waiting.pace(&mut Thread, entered))? {
            break outcome;
        }
    };
    match outcome {
        Outcome::Done(()) => Ok(()),
        Outcome::TimedOut | Outcome::Locked => Err(Error::Locked { path: dir.to_owned() }),
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.generation != fork::generation() {
            return;
        }
        self.wind_up(&mut self.lock());
    }
}

/// The level and the time of a flush that is not asked for by a caller.
pub(super) fn flush_time(level: Durability) -> Option<Instant> {
    match level {
        Durability::Interval(time) => Instant::now().checked_add(time),
        Durability::Process | Durability::Disk => None,
    }
}

/// The longest time that a lock is kept without being used: a process that is stopped in the
/// meantime keeps everybody else out.
pub(super) const IDLE: Duration = Duration::from_millis(5);
