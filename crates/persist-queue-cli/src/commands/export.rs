//! `persistq export`.

use std::path::PathBuf;

use persist_queue::any::{AnyView, Entry};
use persist_queue::sql::Status;

use super::legacy;
use crate::failure::{Exit, Result};
use crate::open::Source;
use crate::serializer::Serializer;
use crate::streams::Streams;
use crate::value::json;

/// Write all items of a queue, which keeps them, as JSON lines or as a folder of persist-queue 1.x
///
/// `persistq import` makes the same items of the lines: an item that JSON cannot express is written as
/// `{"$raw": ...}`, its serialized bytes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    queue: Source,
    /// Write a folder that persist-queue 1.x opens, in place of JSON lines; it may not be there yet
    #[arg(long, value_name = "DIR")]
    legacy: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let (mut view, serializer) = args.queue.look()?;
    if let Some(dir) = &args.legacy {
        legacy::write(&mut view, serializer, dir)?;
        return Ok(Exit::Done);
    }
    while let Some(entry) = next_unfinished(&mut view)? {
        writeln!(streams.out, "{}", line(serializer, &entry.payload))?;
    }
    Ok(Exit::Done)
}

/// The next item that is not final: neither acknowledged nor given up.
pub(super) fn next_unfinished(view: &mut AnyView) -> Result<Option<Entry>> {
    loop {
        match view.next_entry()? {
            Some(entry) if entry.status >= Status::Acked as i64 => {}
            next => return Ok(next),
        }
    }
}

/// What is read again as the same value, or its bytes where that cannot be.
fn line(serializer: Serializer, payload: &[u8]) -> serde_json::Value {
    let exact = serializer.decode(payload).ok().filter(|value| value.foreign().is_none());
    exact.map_or_else(|| json::to_raw(payload), |value| json::to_json(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;
    use crate::value::Value;

    #[test]
    fn what_is_exported_is_imported_byte_by_byte() {
        let raw = Value::Map(vec![(Value::Text("$raw".into()), Value::Text("AA==".into()))]);
        for value in [Value::Text("a".into()), Value::Bytes(vec![0xff]), raw, Value::Float(0.1)] {
            let payload = Serializer::Pickle.encode(&value).unwrap();
            let line = line(Serializer::Pickle, &payload).to_string();
            let back = input::item(line.into_bytes(), true, Serializer::Pickle);
            assert_eq!(back, Ok(payload));
        }
        // A date: Python alone can make it.
        let payload = b"\x80\x04cdatetime\ndate\nC\x04\x07\xea\x0b\x18\x85R.";
        let line = line(Serializer::Pickle, payload).to_string();
        assert!(line.contains("$raw"), "{line}");
        let back = input::item(line.into_bytes(), true, Serializer::Pickle);
        assert_eq!(back, Ok(payload.to_vec()));
    }
}
