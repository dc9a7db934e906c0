//! `persistq doctor`.

use persist_queue::Error;
use persist_queue::any::AnyView;
use serde_json::json;

use crate::failure::{Exit, Failure, Result};
use crate::open::Source;
use crate::serializer::Serializer;
use crate::streams::Streams;

/// Check every record of a queue, and change nothing
///
/// Each record is read, its checksum compared, and its item decoded; of a database its own check
/// runs too. What is wrong is written a line each, and the exit code is 6.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    queue: Source,
    /// Write one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let (mut view, serializer) = args.queue.look()?;
    let found = Found::look(&mut view, serializer)?;
    let sound = found.wrong.is_empty();
    if args.json {
        let report = json!({
            "queue": args.queue.queue.to_string(),
            "sound": sound,
            "records": found.records,
            "bytes": found.bytes,
            "wrong": found.wrong,
        });
        writeln!(streams.out, "{report}")?;
    } else {
        for wrong in &found.wrong {
            writeln!(streams.out, "{wrong}")?;
        }
        let (records, bytes) = (found.records, found.bytes);
        writeln!(streams.out, "{records} whole record(s) with {bytes} byte(s) of items")?;
    }
    if sound {
        return Ok(Exit::Done);
    }
    streams.out.flush()?;
    let words = format!("{} has {} thing(s) wrong", args.queue.queue, found.wrong.len());
    Err(Failure::new(Exit::Damaged, words))
}

#[derive(Default)]
struct Found {
    records: u64,
    bytes: u64,
    wrong: Vec<String>,
}

impl Found {
    fn look(view: &mut AnyView, serializer: Serializer) -> Result<Self> {
        let mut found = Self { wrong: view.check()?, ..Self::default() };
        loop {
            match view.next_entry() {
                Ok(None) => return Ok(found),
                Ok(Some(entry)) => {
                    found.records += 1;
                    found.bytes += entry.payload.len() as u64;
                    if let Err(why) = serializer.decode(&entry.payload) {
                        let id = entry.id;
                        found.wrong.push(format!("item {id} is no {serializer}: {why}"));
                    }
                }
                Err(error @ Error::Corrupted { .. }) => found.wrong.push(damaged(&error)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What is damaged, of a look that goes on by itself.
pub(super) fn damaged(error: &Error) -> String {
    match error {
        Error::Corrupted { path, offset, bytes, records, .. } => format!(
            "{} is damaged at byte {offset}: {records} record(s) lost in {bytes} byte(s)",
            path.display()
        ),
        error => error.to_string(),
    }
}
