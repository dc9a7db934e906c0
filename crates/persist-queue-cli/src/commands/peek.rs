//! `persistq peek`.

use crate::failure::{Exit, Failure, Result};
use crate::open::Source;
use crate::output::{Form, to_look_at};
use crate::streams::Streams;

/// Show the next items, which stay
///
/// Objects of Python's classes are shown by their names and parts; nothing of theirs is run. In a
/// folder, what somebody has and has not finished is shown too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    queue: Source,
    /// How many items to show
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    number: usize,
    /// Show all that wait
    #[arg(long, conflicts_with = "number")]
    all: bool,
    /// Write JSON, a line an item
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let (mut view, serializer) = args.queue.look()?;
    let most = if args.all { usize::MAX >> 1 } else { args.number };
    let entries = view.first(most)?;
    if entries.is_empty() && !args.all {
        return Err(Failure::new(Exit::Empty, format!("{} is empty", args.queue.queue)));
    }
    let form = Form::new(args.json);
    for entry in entries {
        form.write(&to_look_at(serializer, &entry.payload), &mut streams.out)?;
    }
    Ok(Exit::Done)
}
