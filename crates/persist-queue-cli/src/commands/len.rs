//! `persistq len`.

use persist_queue::any::{AnyView, Locator};

use crate::failure::{Exit, Result};
use crate::streams::Streams;

/// Print how many items wait
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue: a path or a URL
    #[arg(value_name = "QUEUE")]
    queue: Locator,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let depth = AnyView::open(&args.queue)?.stats()?.depth;
    writeln!(streams.out, "{depth}")?;
    Ok(Exit::Done)
}
