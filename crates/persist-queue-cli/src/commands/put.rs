//! `persistq put`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use persist_queue::any::{AnyQueue, Opening, Resumable};
use persist_queue::sqlite::PutOptions;
use persist_queue::{Durability, Wait};

use crate::failure::{Exit, Failure, Result};
use crate::input::{self, Lines};
use crate::open::Source;
use crate::seconds;
use crate::serializer::Serializer;
use crate::streams::Streams;

/// Lines that are put in one piece.
const BATCH: usize = 10_000;

/// Put items: the arguments, or else the lines of standard input
///
/// Lines that are there at once are put together, and none waits for the next one to come. A queue
/// that is not there is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    queue: Source,
    /// The items, as text
    #[arg(value_name = "ITEM", conflicts_with_all = ["lines", "files"])]
    items: Vec<String>,
    /// Put the lines of this file
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    lines: Option<PathBuf>,
    /// Put each of these files as one item
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The items or lines are JSON
    #[arg(long)]
    json: bool,
    /// Say on standard output how many items were stored
    #[arg(long)]
    count: bool,
    /// Leave out as many lines as an earlier run under this name has stored; all if it came to its end
    ///
    /// Exact in a database. In a folder it is exact where nobody else puts from the start of the
    /// first run to the end of the last one.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["items", "files"])]
    resume: Option<String>,
    /// The lowest priority comes out first (queues of the kind `priority`)
    #[arg(long, value_name = "NUMBER", default_value_t = 0, allow_negative_numbers = true)]
    priority: i64,
    /// How long the items are kept back (queues with acknowledgements)
    #[arg(long, value_name = "SECONDS", value_parser = seconds::duration)]
    delay: Option<Duration>,
    /// How long the items may wait before they are dead letters (queues with acknowledgements)
    #[arg(long, value_name = "SECONDS", value_parser = seconds::duration)]
    ttl: Option<Duration>,
    /// The most items that may wait in the queue
    #[arg(long, value_name = "N", default_value_t = 0)]
    maxsize: u64,
    /// How long to wait for room in a full queue; `inf` for as long as it takes
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds::wait)]
    timeout: Wait,
    /// What a stored item survives: `process` (a killed process), `disk` (a power cut), or a number of
    /// seconds that a power cut may take [default: process in a folder, disk in an SQLite
    /// database; on a server its settings say it]
    #[arg(long, value_name = "LEVEL", value_parser = seconds::durability)]
    durability: Option<Durability>,
}

impl Args {
    /// Those of a put that reads lines of JSON from a file, or from standard input.
    pub(super) fn of_json_lines(queue: Source, lines: Option<PathBuf>) -> Self {
        Self {
            queue,
            lines,
            json: true,
            items: Vec::new(),
            files: Vec::new(),
            count: false,
            resume: None,
            priority: 0,
            delay: None,
            ttl: None,
            maxsize: 0,
            timeout: Wait::No,
            durability: None,
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let new = args.queue.format.serializer.unwrap_or(Serializer::Pickle);
    let mut opening = Opening::new().create(true).codec(new.name()).maxsize(args.maxsize);
    if let Some(durability) = args.durability {
        opening = opening.durability(durability);
    }
    let queue = AnyQueue::open(&args.queue.queue, &opening)?;
    let serializer = args.queue.format.of(&args.queue.queue, queue.codec())?;
    let mut put = Put { args, queue: &queue, serializer, stored: 0 };
    let done = put.all(streams);
    let stored = put.stored;
    // Closed also behind an error: what it has to say comes first.
    let done = done.map_err(|failure| match stored {
        0 => failure,
        _ => failure.and(format!("{stored} item(s) before it were stored")),
    });
    done.and(queue.close().map_err(Failure::from))?;
    if args.count {
        writeln!(streams.out, "{stored}")?;
    }
    Ok(Exit::Done)
}

struct Put<'a> {
    args: &'a Args,
    queue: &'a AnyQueue,
    serializer: Serializer,
    stored: u64,
}

impl Put<'_> {
    fn all(&mut self, streams: &mut Streams) -> Result<()> {
        if !self.args.files.is_empty() {
            for path in &self.args.files {
                let name = path.display().to_string();
                let bytes = fs::read(path)
                    .map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
                self.put(vec![bytes], |_| name.clone())?;
            }
            return Ok(());
        }
        if !self.args.items.is_empty() {
            let items = self.args.items.iter().map(|item| item.clone().into_bytes()).collect();
            return self.put(items, |at| format!("item {}", at + 1));
        }
        if let Some(path) = &self.args.lines {
            let name = path.display().to_string();
            let mut file = fs::File::open(path)
                .map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
            return self.lines(Lines::new(&mut file, &name), &mut streams.err);
        }
        let lines = Lines::new(&mut *streams.input, "standard input");
        self.lines(lines, &mut streams.err)
    }

    fn lines(&mut self, mut lines: Lines<'_>, err: &mut dyn Write) -> Result<()> {
        let most = if self.args.maxsize > 0 { 1 } else { BATCH };
        let mut resumable = match &self.args.resume {
            Some(name) => Some(self.queue.resumable(name)?),
            None => None,
        };
        if let Some(resumable) = &resumable {
            if resumable.is_finished() {
                let name = self.args.resume.as_deref().unwrap_or_default();
                let queue = &self.args.queue.queue;
                writeln!(
                    err,
                    "persistq: the run '{name}' of {queue} was done before; nothing to put"
                )?;
                return Ok(());
            }
            for _ in 0..resumable.done() {
                if lines.next()?.is_none() {
                    break;
                }
            }
        }
        loop {
            let batch = lines.batch(most)?;
            if batch.is_empty() {
                break;
            }
            let first = lines.read - batch.len() as u64;
            let name = |at| format!("line {}", first + at as u64 + 1);
            if let Some(resumable) = &mut resumable {
                let payloads = self.payloads(batch, name)?;
                self.stored += resumable.put(&payloads, self.options(), self.args.timeout)?;
            } else {
                self.put(batch, name)?;
            }
        }
        Ok(resumable.map_or(Ok(()), Resumable::finish)?)
    }

    fn put(&mut self, items: Vec<Vec<u8>>, name: impl Fn(usize) -> String) -> Result<()> {
        let payloads = self.payloads(items, name)?;
        // One by one where there may be no room for all.
        let most = if self.args.maxsize > 0 { 1 } else { BATCH };
        for batch in payloads.chunks(most) {
            self.stored += self.queue.put(batch, self.options(), self.args.timeout)?;
        }
        Ok(())
    }

    fn payloads(
        &self,
        items: Vec<Vec<u8>>,
        name: impl Fn(usize) -> String,
    ) -> Result<Vec<Vec<u8>>> {
        let payload = |(at, item)| {
            input::item(item, self.args.json, self.serializer)
                .map_err(|why| Failure::failed(format!("{} cannot be put: {why}", name(at))))
        };
        items.into_iter().enumerate().map(payload).collect()
    }

    fn options(&self) -> PutOptions {
        let Args { priority, delay, ttl, .. } = *self.args;
        PutOptions { priority, delay, ttl }
    }
}
