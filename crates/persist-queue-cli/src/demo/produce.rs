//! A process that puts a share of the lines.

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::message::Message;
use super::{open, text};

/// How many puts are told at once: a pipe is slower than the queue.
const BATCH: u64 = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    pub(crate) queue: PathBuf,
    #[arg(long)]
    pub(crate) text: PathBuf,
    /// The first line to put
    #[arg(long)]
    pub(crate) first: u64,
    /// The line to stop before
    #[arg(long)]
    pub(crate) end: u64,
    /// Before this line, wait to be killed
    #[arg(long)]
    pub(crate) hold: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let queue = open(&args.queue)?;
    let mut out = io::stdout().lock();
    let mut first = args.first;
    for (number, line) in (args.first..).zip(text::read(&args.text, &(args.first..args.end))?) {
        if args.hold == Some(number) {
            tell(&mut out, first, number)?;
            first = number;
            // Ends when the parent does.
            io::stdin().read_to_end(&mut Vec::new())?;
        }
        queue.put((number, line?)).map_err(|rejected| rejected.error)?;
        if number + 1 - first == BATCH {
            tell(&mut out, first, number + 1)?;
            first = number + 1;
        }
    }
    tell(&mut out, first, args.end)?;
    queue.close()?;
    Ok(())
}

fn tell(out: &mut impl Write, first: u64, end: u64) -> io::Result<()> {
    if first < end {
        writeln!(out, "{}", Message::Put { first, last: end - 1 })?;
    }
    Ok(())
}
