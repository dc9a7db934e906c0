//! Folders as persist-queue 1.x reads them.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use persist_queue::any::AnyView;

use super::export::next_unfinished;
use crate::failure::{Failure, Result};
use crate::serializer::Serializer;
use crate::value::Value;

/// Items in a file.
const CHUNK: u64 = 100;

/// Writes what is not final into a new folder, at once: until it is whole it has another name.
pub(super) fn write(view: &mut AnyView, serializer: Serializer, dir: &Path) -> Result<()> {
    if serializer == Serializer::Raw {
        return Err(Failure::failed(
            "persist-queue 1.x has no serializer for plain bytes: export JSON lines",
        ));
    }
    if dir.exists() {
        return Err(Failure::failed(format!("{} is there already", dir.display())));
    }
    let mut fresh = dir.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot write {}: {error}", fresh.display()))
    };
    fs::create_dir_all(&fresh).map_err(failed)?;
    let (mut items, mut offset) = (0, 0);
    let mut chunk = None;
    while let Some(entry) = next_unfinished(view)? {
        if items % CHUNK == 0 {
            offset = 0;
            let path = fresh.join(name(items / CHUNK));
            chunk = Some(BufWriter::new(fs::File::create(path).map_err(failed)?));
        }
        let framed = framed(serializer, &entry.payload);
        if let Some(chunk) = &mut chunk {
            chunk.write_all(&framed).map_err(failed)?;
            if items % CHUNK == CHUNK - 1 {
                chunk.flush().map_err(failed)?;
            }
        }
        offset += framed.len() as u64;
        items += 1;
    }
    if let Some(mut chunk) = chunk {
        chunk.flush().map_err(failed)?;
    }
    // A file that is full is followed by one that is empty.
    let (file, count) = (items / CHUNK, items % CHUNK);
    if count == 0 {
        offset = 0;
        fs::File::create(fresh.join(name(file))).map_err(failed)?;
    }
    let info = info(items, [0, 0, 0], [file, count, offset]);
    let info = serializer.encode(&info).map_err(Failure::failed)?;
    fs::write(fresh.join("info"), framed(serializer, &info)).map_err(failed)?;
    fs::rename(&fresh, dir).map_err(failed)
}

fn name(file: u64) -> String {
    format!("q{file:05}")
}

/// Where reading starts and where writing does: file, items before, bytes before.
fn info(size: u64, tail: [u64; 3], head: [u64; 3]) -> Value {
    let number = |number: u64| Value::Int(number.into());
    let place = |place: [u64; 3]| Value::List(place.into_iter().map(number).collect());
    let pair = |name: &str, value| (Value::Text(name.to_owned()), value);
    Value::Map(vec![
        pair("chunksize", number(CHUNK)),
        pair("size", number(size)),
        pair("tail", place(tail)),
        pair("head", place(head)),
    ])
}

fn framed(serializer: Serializer, payload: &[u8]) -> Vec<u8> {
    match serializer {
        Serializer::Json => [payload, b"\n"].concat(),
        Serializer::Msgpack | Serializer::Cbor => {
            [&(payload.len() as u32).to_le_bytes(), payload].concat()
        }
        Serializer::Pickle | Serializer::Raw => payload.to_vec(),
    }
}
