//! The three lock files of a queue.
//!
//! * `lock`: who has it may read and write the log. A process keeps it between calls until another
//!   one asks.
//! * `lock.turn`: who has it is the next to have `lock`, so that nobody is overtaken for ever. Every
//!   process watches it. Its first number is written to wake those who wait for a change of the queue,
//!   its second one to ask whoever has `lock` for it; the latter must wake nobody else, or processes
//!   that wait would ask each other for ever.
//! * `lock.consumer`: held for as long as a process consumes without autosave; its first bytes are
//!   that process's number, for the error that the next one gets.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::control;
use super::log::IDLE;
use crate::error::Context;
use crate::process::lock::KernelLock;
use crate::{Error, Result};

/// Where the numbers stand in `lock.turn`.
const CHANGED: u64 = 0;
const ASKED: u64 = 8;
/// Far longer than a process takes to notice that a lock file is not there any more.
const UNTIL_NOTICED: Duration = IDLE.saturating_mul(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Locks {
    main: KernelLock,
    turn: KernelLock,
    /// The same file again, to ask whether anybody has the turn without giving up one's own.
    turn_probe: KernelLock,
    consumer: KernelLock,
    /// The last change that this process was told of.
    told: AtomicU64,
    /// `lock` was made by this process, in a folder that is no new one.
    restored: bool,
    dir: PathBuf,
    main_path: PathBuf,
    pub(super) turn_path: PathBuf,
    consumer_path: PathBuf,
}

impl Locks {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let open = |path: &Path| KernelLock::open(path).context("open", path);
        let main_path = dir.join("lock");
        let (turn_path, consumer_path) = (dir.join("lock.turn"), dir.join("lock.consumer"));
        let restored = !main_path.exists() && dir.join(control::NAME).exists();
        Ok(Self {
            main: open(&main_path)?,
            turn: open(&turn_path)?,
            turn_probe: open(&turn_path)?,
            consumer: open(&consumer_path)?,
            told: AtomicU64::new(0),
            restored,
            dir: dir.to_owned(),
            main_path,
            turn_path,
            consumer_path,
        })
    }

    /// Whether the files that this process locks are those that another one would lock: somebody may
    /// have removed them.
    pub(super) fn are_in_place(&self) -> bool {
        self.is_exclusive()
            && self.turn.is_at(&self.turn_path)
            && self.consumer.is_at(&self.consumer_path)
    }

    /// Whether nobody else can be in the log while this process is.
    pub(super) fn is_exclusive(&self) -> bool {
        self.main.is_at(&self.main_path)
    }

    /// Waits until processes that have a lock file which was removed must have left the log.
    pub(super) fn outwait_removed(&self) {
        if self.restored {
            std::thread::sleep(UNTIL_NOTICED);
        }
    }

    /// Tries to have the log; `turn` says whether this process is the next to have it.
    pub(super) fn try_enter(&self, turn: &mut bool) -> Result<bool> {
        let first = !*turn;
        if first {
            if !self.turn.try_exclusive().context("lock", &self.turn_path)? {
                return Ok(false);
            }
            *turn = true;
        }
        if self.main.try_exclusive().context("lock", &self.dir)? {
            self.leave_turn(turn);
            return Ok(true);
        }
        if first {
            self.ask();
        }
        Ok(false)
    }

    /// Gives up being the next.
    pub(super) fn leave_turn(&self, turn: &mut bool) {
        // Unlocking fails only for a descriptor that is not open.
        if std::mem::take(turn) {
            let _ = self.turn.unlock();
        }
    }

    pub(super) fn leave(&self) {
        let _ = self.main.unlock();
    }

    /// Whether some process is next.
    pub(super) fn is_wanted(&self) -> bool {
        self.turn_probe.is_taken().unwrap_or(true)
    }

    /// Wakes all processes that wait for a change.
    pub(super) fn poke(&self) {
        self.write_turn(CHANGED);
    }

    /// Whether the queue was changed since the last time that this was asked.
    pub(super) fn is_changed(&self) -> bool {
        let Ok(last) = self.turn.read_number(CHANGED) else { return true };
        self.told.swap(last, Ordering::Relaxed) != last
    }

    /// Asks for the lock.
    fn ask(&self) {
        self.write_turn(ASKED);
    }

    fn write_turn(&self, place: u64) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // Any number will do that is not the last one. On a full disk this fails where the file
        // never had its first bytes.
        let _ = self.turn.write_number(now.map_or(1, |now| now.as_nanos() as u64), place);
    }

    /// Becomes the one process that consumes without autosave.
    pub(super) fn try_consume(&self) -> Result<()> {
        if !self.consumer.try_exclusive().context("lock", &self.dir)? {
            return Err(self.consumed_elsewhere());
        }
        let _ = self.consumer.write_number(u64::from(std::process::id()), 0);
        Ok(())
    }

    /// Fails where another process consumes without autosave.
    pub(super) fn check_consumer(&self) -> Result<()> {
        if self.consumer.is_taken().context("lock", &self.dir)? {
            return Err(self.consumed_elsewhere());
        }
        Ok(())
    }

    pub(super) fn stop_consuming(&self) {
        let _ = self.consumer.unlock();
    }

    fn consumed_elsewhere(&self) -> Error {
        let pid = self.consumer.read_number(0).ok();
        let pid = pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
        Error::ConsumedElsewhere { path: self.dir.clone(), pid }
    }
}
