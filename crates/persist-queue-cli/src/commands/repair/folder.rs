//! A queue in a folder.

use std::fs;
use std::path::Path;

use persist_queue::any::{AnyQueue, AnyView, Locator, Opening};
use persist_queue::sqlite::PutOptions;
use persist_queue::{Error, Wait};

use super::super::doctor::damaged;
use super::{beside, exchange, failed, kept_as};
use crate::failure::{Exit, Result};
use crate::streams::Streams;

const BATCH: usize = 1000;

pub(super) fn repair(queue: &Locator, dir: &Path, streams: &mut Streams) -> Result<Exit> {
    let fresh = beside(dir, "repaired");
    // Of a repair that was ended early: all that is in it is in the old one too.
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| failed("remove", &fresh, &error))?;
    }
    // One who uses the queue now is told so; what a kill has cut off at its end goes.
    AnyQueue::open(queue, &Opening::new())?.close()?;
    let kept = whole_records(queue, &fresh, streams)?;
    let old = kept_as(dir)?;
    exchange(dir, &fresh, &old)?;
    let (dir, old) = (dir.display(), old.display());
    writeln!(streams.out, "{kept} record(s) are in {dir}, and the old queue is {old}")?;
    Ok(Exit::Done)
}

/// Puts them into a new queue; tells what is lost, and gives how many there were.
fn whole_records(queue: &Locator, fresh: &Path, streams: &mut Streams) -> Result<u64> {
    let mut view = AnyView::open(queue)?;
    let codec = view.codec().unwrap_or_default().to_owned();
    let opening = Opening::new().create(true).codec(&codec);
    let queue = AnyQueue::open(&Locator::File(fresh.to_owned()), &opening)?;
    let mut batch = Vec::new();
    let mut kept = 0;
    loop {
        match view.next_entry() {
            Ok(Some(entry)) => batch.push(entry.payload),
            Ok(None) => break,
            Err(error @ Error::Corrupted { .. }) => {
                writeln!(streams.err, "persistq: {}", damaged(&error))?;
            }
            Err(error) => return Err(error.into()),
        }
        if batch.len() >= BATCH {
            kept += queue.put(&batch, PutOptions::default(), Wait::No)?;
            batch.clear();
        }
    }
    kept += queue.put(&batch, PutOptions::default(), Wait::No)?;
    queue.flush()?;
    queue.close()?;
    Ok(kept)
}
