//! The logs that are open in this process, so that two objects on one folder share one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwapOption;

use super::control;
use super::locks::Locks;
use super::log::Log;
use super::options::Options;
use crate::process::fork;
use crate::{Error, Result};

static REGISTRY: ArcSwapOption<Registry> = ArcSwapOption::const_empty();

#[derive(Debug)]
struct Registry {
    generation: u64,
    logs: Mutex<HashMap<PathBuf, Weak<Log>>>,
}

/// The log in the folder `dir`, which must exist; opened if this process has not opened it yet.
pub(super) fn open(dir: &Path, codec: &str, options: &Options) -> Result<Arc<Log>> {
    if !options.storage.is_shared() {
        return Log::open(dir, codec, options);
    }
    let registry = current();
    let mut logs = registry.logs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(log) = logs.get(dir).and_then(Weak::upgrade)
        && is_same(&log, dir)
    {
        if log.codec != codec {
            return Err(Error::CodecMismatch {
                path: dir.to_owned(),
                stored: log.codec.clone(),
                asked: codec.to_owned(),
            });
        }
        return Ok(log);
    }
    logs.retain(|_, log| log.strong_count() > 0);
    let log = Log::open(dir, codec, options)?;
    logs.insert(dir.to_owned(), Arc::downgrade(&log));
    Ok(log)
}

/// Whether the folder still holds what the log was opened on, and was not replaced.
fn is_same(log: &Log, dir: &Path) -> bool {
    log.storage.identity(&dir.join(control::NAME)).is_ok_and(|found| found == log.identity)
        && log.locks.as_ref().is_none_or(Locks::are_in_place)
}

fn current() -> Arc<Registry> {
    loop {
        let loaded = REGISTRY.load_full();
        match loaded {
            Some(registry) if registry.generation == fork::generation() => return registry,
            // The parent's registry is left alone: its mutex may never be free here.
            other => {
                let fresh = Registry { generation: fork::generation(), logs: Mutex::default() };
                let previous = REGISTRY.compare_and_swap(&other, Some(Arc::new(fresh)));
                std::mem::forget(arc_swap::Guard::into_inner(previous));
                std::mem::forget(other);
            }
        }
    }
}
