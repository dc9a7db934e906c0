//! One queue object: its options, and its share in what happened to the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::head::Limits;
use super::inside::Patience;
use super::log::{Count, Log};
use super::options::Options;
use crate::error::Context;
use crate::{Durability, Result};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) id: u64,
    pub(super) autosave: bool,
    pub(super) maxsize: u64,
    pub(super) limits: Limits,
    pub(super) level: Durability,
    pub(super) mapped: bool,
    pub(super) patience: Patience,
    /// It has taken a record, and with the first one what other objects had in flight.
    pub(super) took_over: AtomicBool,
    /// It counts among the objects that consume without autosave.
    pub(super) consumes: AtomicBool,
    /// How many records were stored when it was opened.
    stored: u64,
    appended_before: u64,
    finished_before: u64,
    /// How often its `task_done` was called.
    pub(super) done_calls: Count,
    /// How many records it finished.
    pub(super) finished: Count,
}

impl Handle {
    pub(super) fn new(log: &Log, options: &Options, patience: Patience) -> Result<Self> {
        let mut inside = log.enter_patiently()?;
        if options.mapped {
            inside.state.file.map();
        }
        let again = inside.state.retry_set_aside();
        let handle = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            autosave: options.autosave,
            maxsize: options.maxsize,
            limits: options.limits,
            level: options.durability,
            mapped: options.mapped,
            patience,
            took_over: AtomicBool::new(false),
            consumes: AtomicBool::new(false),
            stored: inside.state.stored(),
            appended_before: log.totals.appended.get(),
            finished_before: log.totals.finished.get(),
            done_calls: Count::default(),
            finished: Count::default(),
        };
        inside.state.objects += 1;
        drop(inside);
        if again {
            log.signals.items.notify_all();
        }
        if handle.level != Durability::Process {
            log.sync_folder()?;
        }
        Ok(handle)
    }

    /// How many items were put and are not done: here, or taken by others.
    pub(super) fn unfinished(&self, log: &Log) -> u64 {
        let appended = log.totals.appended.get() - self.appended_before;
        let finished = log.totals.finished.get() - self.finished_before;
        let elsewhere = finished.saturating_sub(self.finished.get());
        let done = self.done_calls.get();
        (self.stored + appended).saturating_sub(done + elsewhere)
    }

    /// Gives back what this object has in flight.
    pub(super) fn leave(&self, log: &Log) {
        let mut state = log.lock();
        if state.window.held_by_others(self.id) == 0 && state.pins == 0 {
            // Nothing else is in flight: reading starts again at the tail.
            state.start_again();
        } else {
            state.window.give_back_all(|handle| handle == self.id);
        }
        if self.consumes.swap(false, Ordering::Relaxed) {
            state.consumers -= 1;
            if state.consumers == 0 && state.consumer_held {
                state.consumer_held = false;
                if let Some(locks) = &log.locks {
                    locks.stop_consuming();
                }
            }
        }
        state.objects -= 1;
        if state.objects == 0 {
            // Not left to the end of the log, which may come with that of a helper thread, or never.
            log.wind_up(&mut state);
        }
        drop(state);
        log.signals.notify_all();
    }
}

impl Log {
    /// Makes the folder itself, and what is in it, survive a dead machine.
    pub(super) fn sync_folder(&self) -> Result<()> {
        for (above, folder) in self.dir.ancestors().enumerate() {
            let synced = self.storage.sync_dir(folder).context("flush", folder);
            // Further up there are folders that cannot be opened or flushed, and are not new.
            if above < 2 {
                synced?;
            }
        }
        let ((file, path), segment) = {
            let state = self.lock();
            (state.file.to_flush(), state.head.segment.clone())
        };
        file.sync().context("flush", &path)?;
        segment.file.sync().context("flush", &segment.path)
    }
}

/// What a queue object works with; a forked child makes itself another one.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) log: Arc<Log>,
    pub(super) handle: Handle,
}
