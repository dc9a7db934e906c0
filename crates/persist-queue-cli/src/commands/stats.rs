//! `persistq stats`.

use std::time::Duration;

use persist_queue::any::{AnyView, Locator, Place, Stats};
use persist_queue::file::Folder;
use serde_json::{Map, Value, json};

use crate::failure::{Exit, Result};
use crate::streams::Streams;

/// Print what can be counted of a queue
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue: a path or a URL
    #[arg(value_name = "QUEUE")]
    queue: Locator,
    /// Write one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let view = AnyView::open(&args.queue)?;
    let counted = counted(&args.queue, &view)?;
    if args.json {
        writeln!(streams.out, "{}", Value::Object(counted))?;
        return Ok(Exit::Done);
    }
    for (name, value) in counted.iter().filter(|(_, value)| !value.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(streams.out, "{:<17} {text}", name.replace('_', " "))?;
    }
    Ok(Exit::Done)
}

/// What is known of a queue, by its names.
pub(super) fn counted(queue: &Locator, view: &AnyView) -> Result<Map<String, Value>> {
    let Stats { depth, oldest, bytes, segments, in_flight, delayed, acked, failed, dead } =
        view.stats()?;
    let object = json!({
        "queue": queue.to_string(),
        "kind": kind(view.place()),
        "serializer": view.codec(),
        "depth": depth,
        "oldest_seconds": oldest.map(rounded),
        "bytes": bytes,
        "segments": segments,
        "in_flight": in_flight,
        "delayed": delayed,
        "acked": acked,
        "failed": failed,
        "dead": dead,
    });
    match object {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// To a thousandth.
fn rounded(age: Duration) -> f64 {
    (age.as_secs_f64() * 1000.0).round() / 1000.0
}

/// The kind of a queue, as URLs have it.
pub(super) fn kind(place: &Place) -> &'static str {
    match place {
        Place::File { folder: Folder::Legacy, .. } => "file (persist-queue 1.x)",
        place => place.table().map_or("file", |table| table.flavour.name()),
    }
}
