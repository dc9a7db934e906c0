//! `persistq bench`.

mod dict;
mod file;
mod json;
mod level;
mod limit;
mod machine;
mod markup;
mod measure;
mod page;
mod palette;
mod plot;
mod scene;
mod sqlite;
mod stage;
mod table;
mod target;
mod time;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tempfile::TempDir;

use self::machine::Machine;
use self::measure::Row;
use self::scene::Subject;
use self::target::Target;
use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;
use crate::{seconds, signals};

/// How the names of files and folders begin that are gone afterwards.
const PREFIX: &str = "persistq-bench-";

/// Measure how fast the queues are on this machine
///
/// Each kind of queue is filled and emptied in a folder that is made for it and removed. Its rounds
/// take turns with those of the others, and with what the machine itself can do: a write call, and
/// a write with a flush of the disk. All times are of one item.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these; the machine's own limits are always there
    #[arg(long, value_name = "KIND,...", value_delimiter = ',')]
    only: Vec<Subject>,
    /// The folder to measure in, on the disk that matters
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    extent: Extent,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw the times, into a picture (.svg) or a page with everything (.html)
    #[arg(long, value_name = "FILE", value_parser = target::parse)]
    plot: Option<PathBuf>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Extent {
    /// How many items go through an operation in a round, at most
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    items: u64,
    /// How long an operation goes on in a round, at most; one call it has at least
    #[arg(long, value_name = "SECONDS", default_value = "0.05", value_parser = seconds::duration)]
    seconds: Duration,
    /// How large an item is, 8 bytes to 1 MiB; the first 8 are its number
    #[arg(long, value_name = "BYTES", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(8..=1 << 20))]
    size: u64,
    /// How many threads call at once, where there is more than one
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=1024))]
    threads: u64,
    /// How often everything is measured
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
}

/// What came of it all.
struct Report {
    extent: Extent,
    machine: Machine,
    rows: Vec<Row>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let end = Arc::new(OnceLock::new());
    let asked = Arc::clone(&end);
    signals::on_ending(move |exit| _ = asked.set(exit))?;
    let plot = args.plot.as_deref().map(Target::open).transpose()?;
    let folder = make_folder(args)?;
    let machine = Machine::of(folder.path())?;
    for words in machine.words() {
        writeln!(streams.err, "persistq: {words}")?;
    }
    let scenes = scene::chosen(&args.only, args.extent.threads);
    let measured = measure::measure(&scenes, args.extent, folder.path(), &end);
    let removed = folder.close();
    let rows = measured?;
    removed.map_err(|error| Failure::failed(format!("cannot remove the folder: {error}")))?;
    let report = Report { extent: args.extent, machine, rows };
    let text = if args.json { format!("{}\n", json::of(&report)) } else { table::of(&report) };
    let told = streams.out.write_all(text.as_bytes()).and_then(|()| streams.out.flush());
    // Also where nobody reads the text.
    if let Some(plot) = plot {
        plot.write(&report)?;
    }
    Ok(told.map(|()| Exit::Done)?)
}

fn make_folder(args: &Args) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&args.dir);
    folder.map_err(|error| {
        // What tempfile says has the path of the folder to be made in it, whose name says nothing.
        let why = std::io::Error::from(error.kind());
        let dir = args.dir.display();
        Failure::failed(format!("cannot measure in {dir}: {why}; choose another one with --dir"))
    })
}
