//! `persistq demo`: a real file goes through one queue between several processes, one of which is
//! killed; then every line is counted.

mod child;
mod conduct;
pub(crate) mod consume;
mod message;
pub(crate) mod produce;
mod report;
mod tally;
mod text;

use std::error::Error;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use persist_queue::{FileQueue, Options};

/// Fewer lines than this for one producer, and there is no half-way to kill it at.
const SMALLEST_SHARE: u64 = 8;

/// Sends a file's lines through one queue between processes, kills one, and counts what came out
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many lines to send
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    lines: u64,
    /// How many processes put; one of them is killed half-way and replaced
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u64).range(1..=64))]
    producers: u64,
    /// How many processes take
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=64))]
    consumers: u64,
    /// Where to make the folder of this run [default: the temporary folder]
    #[arg(long, value_name = "DIR", overrides_with = "folder")]
    folder: Option<PathBuf>,
}

/// What goes through the queue: the number of a line from 0, and the line.
type Item = (u64, String);

/// One run.
#[derive(Debug)]
struct Plan {
    queue: PathBuf,
    text: PathBuf,
    /// The lines of each producer, by their numbers. The first producer is the one to be killed.
    shares: Vec<Range<u64>>,
    consumers: usize,
}

/// Opens the queue of a run, as every process of it does.
fn open(queue: &Path) -> persist_queue::Result<FileQueue<Item>> {
    Options::new().autosave(true).open(queue)
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if args.lines < args.producers * SMALLEST_SHARE {
        return Err(format!("give each producer {SMALLEST_SHARE} lines or more").into());
    }
    let folder = make_folder(args.folder.as_deref())?;
    let text = folder.join("lines.txt");
    let source = text::gather(&text, args.lines)?;
    let plan = Plan {
        queue: folder.join("queue"),
        text,
        shares: shares(args.lines, args.producers),
        consumers: args.consumers as usize,
    };
    let bar = ProgressBar::new(args.lines).with_style(ProgressStyle::with_template(
        "{bar:30} {human_pos} of {human_len} lines out  {msg}",
    )?);
    let outcome = conduct::conduct(&plan, &bar)?;
    bar.finish_and_clear();

    report::print(&plan, &source, &outcome, &mut io::stdout().lock())?;
    if !outcome.tally.is_sound() {
        return Err(format!("not every line came out once; see {}", folder.display()).into());
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A folder of this run alone, so that nothing of anybody else's is in the way or in danger.
fn make_folder(parent: Option<&Path>) -> io::Result<PathBuf> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    let folder = parent.join(format!("persistq-demo-{}", std::process::id()));
    fs::create_dir_all(&parent)?;
    // The same process number comes again, and a failed run leaves its folder.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn shares(lines: u64, producers: u64) -> Vec<Range<u64>> {
    (0..producers).map(|n| lines * n / producers..lines * (n + 1) / producers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_each_line_once() {
        let shares = shares(103, 4);
        assert_eq!(shares.first().map(|share| share.start), Some(0));
        assert_eq!(shares.last().map(|share| share.end), Some(103));
        assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}
