//! `persistq repair`.

mod database;
mod folder;

use std::fs;
use std::path::{Path, PathBuf};

use persist_queue::any::{self, Locator, Place};

use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;

/// Write a queue anew from all that is whole of it, and keep the old one beside it
///
/// For queues in folders, and for SQLite databases as a whole. No program may use them meanwhile. What was
/// there is kept as `QUEUE.before-repair-N`; nothing is removed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue: a path or a URL
    #[arg(value_name = "QUEUE")]
    queue: Locator,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    if let Some(path) = args.queue.path() {
        finish_earlier(path)?;
    }
    if let Some(database) = any::database_of(&args.queue)? {
        return database::repair(&database, streams);
    }
    match Place::find(&args.queue, false)? {
        Place::File { dir, .. } => folder::repair(&args.queue, &dir, streams),
        _ => Err(Failure::usage(format!(
            "{} is on a server, which is repaired with means of its own",
            args.queue
        ))),
    }
}

/// Brings a repair that was killed between its last two steps to its end.
fn finish_earlier(path: &Path) -> Result<()> {
    let fresh = beside(path, "repaired");
    if path.exists() || !fresh.exists() || !beside(path, "before-repair-1").exists() {
        return Ok(());
    }
    rename(&fresh, path)
}

/// Where what was there is kept.
fn kept_as(path: &Path) -> Result<PathBuf> {
    let mut names = (1..).map(|number| beside(path, &format!("before-repair-{number}")));
    names.find(|name| !name.exists()).ok_or_else(|| Failure::failed("there are too many repairs"))
}

/// Puts what was repaired in the place of what was there.
fn exchange(path: &Path, fresh: &Path, old: &Path) -> Result<()> {
    rename(path, old)?;
    rename(fresh, path)
}

fn beside(path: &Path, what: &str) -> PathBuf {
    // `queue/` is `queue`.
    with(&path.components().collect::<PathBuf>(), &format!(".{what}"))
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| failed("rename", from, &error))
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot {action} {}: {error}", path.display()))
}
