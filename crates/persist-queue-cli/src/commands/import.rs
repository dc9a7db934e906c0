//! `persistq import`.

use std::path::PathBuf;

use persist_queue::any::Locator;

use super::{copy, put};
use crate::failure::{Exit, Result};
use crate::open::Source;
use crate::streams::Streams;

/// Put what `persistq export` wrote: JSON lines, or a folder of persist-queue 1.x, which stays
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    queue: Source,
    /// A file of JSON lines, or a folder [default: JSON lines from standard input]
    #[arg(value_name = "FROM")]
    from: Option<PathBuf>,
}

pub(crate) fn run(args: Args, streams: &mut Streams) -> Result<Exit> {
    match args.from {
        Some(dir) if dir.is_dir() => {
            let from = Locator::File(dir);
            copy::run(&copy::Args::new(from, args.queue.queue, args.queue.format), streams)
        }
        lines => put::run(&put::Args::of_json_lines(args.queue, lines), streams),
    }
}
