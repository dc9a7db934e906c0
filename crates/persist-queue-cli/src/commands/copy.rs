//! `persistq copy`.

use std::hash::{DefaultHasher, Hash, Hasher};

use indicatif::{ProgressBar, ProgressStyle};
use persist_queue::Wait;
use persist_queue::any::{AnyQueue, Locator, Opening, Resumable};
use persist_queue::sqlite::PutOptions;

use super::export::next_unfinished;
use crate::failure::{Exit, Failure, Result};
use crate::open::{Format, Source};
use crate::serializer::Serializer;
use crate::streams::Streams;

const BATCH: usize = 1000;

/// Copy all items of a queue into another one, which may be of another kind
///
/// A copy that was ended early, also by a kill, goes on where it was when the same command is run
/// again: each item is copied once, if meanwhile nobody takes from the first queue and, where the
/// second one is a folder, nobody else puts into it. A copy that is done is not done again but with
/// --again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    from: Source,
    /// The queue to copy to, which is made where it is missing
    #[arg(value_name = "TO")]
    to: Locator,
    /// The serializer of the second queue [default: as it remembers; else that of the first one]
    #[arg(long, value_enum, value_name = "NAME")]
    to_serializer: Option<Serializer>,
    /// Copy once more what was copied before
    #[arg(long)]
    again: bool,
}

impl Args {
    pub(super) fn new(from: Locator, to: Locator, format: Format) -> Self {
        let from = Source { queue: from, format: Format { serializer: None } };
        Self { from, to, to_serializer: format.serializer, again: false }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let (mut view, serializer) = args.from.look()?;
    let new = args.to_serializer.unwrap_or(serializer);
    let queue = AnyQueue::open(&args.to, &Opening::new().create(true).codec(new.name()))?;
    let format = Format { serializer: args.to_serializer };
    let target = match queue.codec() {
        Some(stored) => format.of(&args.to, Some(stored))?,
        None => new,
    };
    let stats = view.stats()?;
    let total = stats.depth + stats.in_flight.unwrap_or(0) + stats.delayed.unwrap_or(0);
    let bar = ProgressBar::new(total).with_style(
        ProgressStyle::with_template("{bar:30} {human_pos} of {human_len}  {eta}")
            .map_err(Failure::failed)?,
    );
    let mut copy = Copy {
        puts: queue.resumable(&name_of(&args.from.queue))?,
        bar,
        batch: Vec::new(),
        priority: 0,
    };
    if args.again {
        copy.puts.again()?;
    }
    if copy.puts.is_finished() {
        let (from, to) = (&args.from.queue, &args.to);
        writeln!(
            streams.err,
            "persistq: {from} was copied to {to} before; --again copies it anew"
        )?;
        return Ok(Exit::Done);
    }
    for _ in 0..copy.puts.done() {
        if next_unfinished(&mut view)?.is_none() {
            break;
        }
    }
    while let Some(entry) = next_unfinished(&mut view)? {
        let payload = if serializer == target {
            entry.payload
        } else {
            let id = entry.id;
            serializer
                .decode(&entry.payload)
                .and_then(|value| target.encode(&value))
                .map_err(|why| Failure::failed(format!("item {id} cannot be copied: {why}")))?
        };
        copy.add(payload, entry.priority)?;
    }
    copy.put()?;
    copy.bar.finish_and_clear();
    copy.puts.finish()?;
    queue.close()?;
    Ok(Exit::Done)
}

/// Under which name the copy goes on: another source is another copy.
fn name_of(from: &Locator) -> String {
    let absolute = from.path().and_then(|path| path.canonicalize().ok());
    let mut hasher = DefaultHasher::new();
    (absolute, from.to_string()).hash(&mut hasher);
    format!("copy-{:016x}", hasher.finish())
}

struct Copy<'a> {
    puts: Resumable<'a>,
    bar: ProgressBar,
    batch: Vec<Vec<u8>>,
    /// That of all in the batch.
    priority: i64,
}

impl Copy<'_> {
    fn add(&mut self, payload: Vec<u8>, priority: i64) -> Result<()> {
        if self.batch.len() >= BATCH || priority != self.priority {
            self.put()?;
        }
        self.priority = priority;
        self.batch.push(payload);
        Ok(())
    }

    fn put(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            let options = PutOptions { priority: self.priority, ..PutOptions::default() };
            self.puts.put(&self.batch, options, Wait::No)?;
            self.batch.clear();
        }
        self.bar.set_position(self.puts.done());
        Ok(())
    }
}
