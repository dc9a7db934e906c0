//! An SQLite database, with all queues and whatever else is in it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use persist_queue::Error;
use persist_queue::sqlite::{Salvaged, salvage};

use super::{beside, exchange, failed, kept_as, rename, with};
use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;

/// What SQLite has beside a database.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn repair(path: &Path, streams: &mut Streams) -> Result<Exit> {
    let (fresh, old) = (beside(path, "repaired"), kept_as(path)?);
    // Of a repair that was ended early: all that is in it is in the old one too, with its log.
    for suffix in [""].iter().chain(&LOGS) {
        remove(&with(&fresh, suffix))?;
    }
    move_logs(&old, path)?;
    let tables = salvage(path, &fresh).map_err(|error| match error {
        Error::Locked { path } => Failure::failed(format!(
            "{} is open in a program, which must be stopped before",
            path.display()
        )),
        error => error.into(),
    })?;
    // Before the new one is there: it would take them for its own.
    move_logs(path, &old)?;
    exchange(path, &fresh, &old)?;
    for Salvaged { table, rows, damage } in &tables {
        writeln!(streams.out, "{rows} row(s) of {table}")?;
        if let Some(damage) = damage {
            writeln!(streams.err, "persistq: some rows of {table} are lost: {damage}")?;
        }
    }
    let (path, old) = (path.display(), old.display());
    writeln!(streams.out, "they are in {path}, and the old database is {old}")?;
    Ok(Exit::Done)
}

/// Those that are still there, since they are damaged too.
fn move_logs(from: &Path, to: &Path) -> Result<()> {
    for suffix in LOGS {
        let log = with(from, suffix);
        if log.exists() {
            rename(&log, &with(to, suffix))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}
