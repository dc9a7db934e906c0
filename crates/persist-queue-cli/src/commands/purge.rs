//! `persistq purge`.

use std::io::{BufRead, BufReader};

use persist_queue::any::{AnyQueue, AnyView, Locator, Opening};

use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;

/// Remove all items that wait; asks before
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue: a path or a URL
    #[arg(value_name = "QUEUE")]
    queue: Locator,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let depth = AnyView::open(&args.queue)?.stats()?.depth;
    if !args.yes && !is_confirmed(args, depth, streams)? {
        return Err(Failure::failed("nothing was removed"));
    }
    let queue = AnyQueue::open(&args.queue, &Opening::new())?;
    let purged = queue.purge()?;
    queue.close()?;
    writeln!(streams.out, "{purged}")?;
    Ok(Exit::Done)
}

fn is_confirmed(args: &Args, depth: u64, streams: &mut Streams) -> Result<bool> {
    if !streams.can_ask {
        return Err(Failure::usage(format!(
            "nobody can be asked whether the {depth} item(s) of {} may go; say --yes",
            args.queue
        )));
    }
    write!(streams.err, "remove {depth} item(s) of {} for good? [y/N] ", args.queue)?;
    streams.err.flush()?;
    let mut answer = String::new();
    BufReader::new(&mut streams.input).read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
