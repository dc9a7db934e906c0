//! `persistq repair`.

use std::fs;
use std::path::{Path, PathBuf};

use persist_queue::Error;
use persist_queue::Wait;
use persist_queue::any::{AnyQueue, AnyView, Locator, Opening, Place};
use persist_queue::sqlite::PutOptions;

use super::doctor::damaged;
use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;

const BATCH: usize = 1000;

/// Write a queue anew from all of its whole records, and keep the old one beside it
///
/// For queues in folders. No program may use the queue meanwhile. The old folder is kept as
/// `QUEUE.before-repair-N`; nothing is removed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue: a path or a URL
    #[arg(value_name = "QUEUE")]
    queue: Locator,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let Place::File { dir, .. } = find(&args.queue)? else {
        return Err(Failure::usage(format!(
            "{} is in a database, which is repaired with sqlite3's .recover on a copy of it",
            args.queue
        )));
    };
    let fresh = beside(&dir, "repaired");
    // Of a repair that was ended early: all that is in it is in the old one too.
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| failed("remove", &fresh, &error))?;
    }
    // One who uses the queue now is told so; what a kill has cut off at its end goes.
    AnyQueue::open(&args.queue, &Opening::new())?.close()?;
    let kept = whole_records(args, &fresh, streams)?;
    let old = (1..).map(|number| beside(&dir, &format!("before-repair-{number}")));
    let Some(old) = old.into_iter().find(|path| !path.exists()) else {
        return Err(Failure::failed("there are too many repairs"));
    };
    fs::rename(&dir, &old).map_err(|error| failed("rename", &dir, &error))?;
    fs::rename(&fresh, &dir).map_err(|error| failed("rename", &fresh, &error))?;
    let (dir, old) = (dir.display(), old.display());
    writeln!(streams.out, "{kept} record(s) are in {dir}, and the old queue is {old}")?;
    Ok(Exit::Done)
}

/// Where the queue is; a repair that was killed between its last two steps is brought to its end.
fn find(queue: &Locator) -> Result<Place> {
    if let Some(path) = queue.path()
        && !path.exists()
        && beside(path, "repaired").exists()
        && beside(path, "before-repair-1").exists()
    {
        let fresh = beside(path, "repaired");
        fs::rename(&fresh, path).map_err(|error| failed("rename", &fresh, &error))?;
    }
    Ok(Place::find(queue, false)?)
}

fn beside(path: &Path, what: &str) -> PathBuf {
    // `queue/` is `queue`.
    let mut name: std::ffi::OsString = path.components().collect::<PathBuf>().into();
    name.push(format!(".{what}"));
    PathBuf::from(name)
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot {action} {}: {error}", path.display()))
}

/// Puts them into a new queue; tells what is lost, and gives how many there were.
fn whole_records(args: &Args, fresh: &Path, streams: &mut Streams) -> Result<u64> {
    let mut view = AnyView::open(&args.queue)?;
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
