//! `persistq ls`.

use persist_queue::any::{self, AnyView, Listed, Locator};
use serde_json::{Value, json};

use super::stats;
use crate::failure::{Exit, Result};
use crate::streams::Streams;

/// List the queues under a folder, in a database or on a server
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder or a database: a path or a URL
    #[arg(value_name = "PATH", default_value = ".")]
    root: Locator,
    /// How many folders to go down
    #[arg(long, value_name = "N", default_value_t = 8)]
    depth: usize,
    /// Write JSON, a line a queue
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    for Listed { locator, place } in any::list(&args.root, args.depth)? {
        let looked = AnyView::at(place.clone()).map_err(Into::into);
        let counted = looked.and_then(|view| stats::counted(&locator, &view));
        match (counted, args.json) {
            (Ok(counted), true) => writeln!(streams.out, "{}", Value::Object(counted))?,
            (Ok(counted), false) => {
                let depth = counted.get("depth").map(Value::to_string).unwrap_or_default();
                writeln!(streams.out, "{depth:>10}  {:<13} {locator}", stats::kind(&place))?;
            }
            // One that cannot be read is there all the same.
            (Err(failure), true) => {
                let line = json!({ "queue": locator.to_string(), "error": failure.words() });
                writeln!(streams.out, "{line}")?;
            }
            (Err(failure), false) => {
                writeln!(streams.out, "{:>10}  {:<13} {locator}", "?", stats::kind(&place))?;
                writeln!(streams.err, "persistq: {}", failure.words())?;
            }
        }
    }
    Ok(Exit::Done)
}
