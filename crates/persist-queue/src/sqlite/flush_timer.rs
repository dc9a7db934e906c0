//! Making commits that did not wait for the disk survive a dead machine after a while.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::path_beside;
use crate::error::Context;
use crate::{Durability, Result};

/// See the module. The helper thread asks it whenever something was written.
#[derive(Debug)]
pub(super) struct FlushTimer {
    log: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The shortest time that a queue was opened with.
    interval: Option<Duration>,
    /// The first write that the disk may not have.
    written: Option<Instant>,
    flushes: u64,
}

impl FlushTimer {
    pub(super) fn new(database: &Path) -> Self {
        Self { log: path_beside(database, "-wal"), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing is older than the level says when it is flushed.
    pub(super) fn promise(&self, level: Durability) {
        if let Durability::Interval(time) = level {
            let mut state = self.state();
            state.interval = Some(state.interval.map_or(time, |shortest| shortest.min(time)));
        }
    }

    /// Whether it matters when the log is written.
    pub(super) fn is_promised(&self) -> bool {
        self.state().interval.is_some()
    }

    /// Flushes if that is due; gives the time until it will be. `written` says whether the log may
    /// have been written.
    pub(super) fn tend(&self, written: bool) -> Option<Duration> {
        let (interval, since) = {
            let mut state = self.state();
            let interval = state.interval?;
            if written {
                state.written.get_or_insert_with(Instant::now);
            }
            (interval, state.written?)
        };
        let left = interval.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Some(left);
        }
        if let Err(error) = self.flush() {
            tracing::error!(%error, "what was put may not survive a dead machine");
        }
        None
    }

    /// Flushes what was written so far.
    pub(super) fn flush(&self) -> Result<()> {
        // Before the flush: what is written meanwhile may miss it.
        self.state().written = None;
        // Windows flushes only what may be written.
        let log = match File::options().write(true).open(&self.log) {
            Ok(log) => log,
            // All of it is in the database, flushed by SQLite.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).context("open", &self.log),
        };
        log.sync_data().context("flush", &self.log)?;
        self.state().flushes += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_flushed_when_it_is_as_old_as_promised() {
        let dir = tempfile::tempdir().unwrap();
        let timer = FlushTimer::new(&dir.path().join("data.db"));
        std::fs::write(dir.path().join("data.db-wal"), "log").unwrap();
        assert_eq!(timer.tend(true), None, "nobody asked for it");
        timer.promise(Durability::Interval(Duration::from_millis(30)));
        timer.promise(Durability::Interval(Duration::from_secs(9)));
        assert!(timer.tend(true).unwrap() <= Duration::from_millis(30));
        std::thread::sleep(Duration::from_millis(40));
        assert_eq!(timer.tend(true), None);
        assert_eq!(timer.tend(false), None);
        assert_eq!(timer.state().flushes, 1);
    }
}
