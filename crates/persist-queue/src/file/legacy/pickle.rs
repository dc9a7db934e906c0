//! Pickles, split and never run.

use serde_pickle::DeOptions;

use super::cursor::Cursor;
use super::opcodes::{PROTO, STOP, is_plain, pass};
use super::{Info, Item, LegacyFormat};

/// In bytes. One that persist-queue wrote takes 60 to 200.
const LONGEST_INFO: usize = 1024;

/// Python's pickle, protocols 0 to 5. An item is walked over, opcode by opcode, to find its end;
/// no opcode is carried out.
///
/// Only the `info` file is read as a value, by a library that runs no code either, but that a
/// made-up pickle can drive out of memory or off its stack. So it only gets to see a short one
/// made of opcodes that build plain data.
#[derive(Debug, Clone, Copy)]
pub struct Pickle;

/// How many places are tried behind damage: each costs a walk over the rest of the chunk.
const MOST_STARTS: usize = 100;

impl LegacyFormat for Pickle {
    fn info(&self, bytes: &[u8]) -> Result<Info, String> {
        if bytes.len() > LONGEST_INFO {
            return Err("it is too long".to_owned());
        }
        let pickle = bytes.get(..plain_end(bytes)?).unwrap_or_default();
        serde_pickle::from_slice(pickle, DeOptions::new()).map_err(|error| error.to_string())
    }

    fn item(&self, bytes: &[u8]) -> Result<Item, String> {
        let (End::Whole(length) | End::Abandoned(length)) = end(bytes)?;
        Ok(Item { length, payload: 0..length })
    }

    fn starts(&self, bytes: &[u8]) -> Vec<usize> {
        let starts = |pair: &[u8]| matches!(pair, [PROTO, 2..=5]);
        let pairs = bytes.windows(2).enumerate().skip(1).filter(|(_, pair)| starts(pair));
        pairs.map(|(at, _)| at).take(MOST_STARTS).collect()
    }

    fn check(&self, payload: &[u8]) -> Result<(), String> {
        match end(payload) {
            Ok(End::Whole(length)) if length == payload.len() => Ok(()),
            _ => Err("it is not one whole pickle".to_owned()),
        }
    }
}

/// Where the first pickle ends.
enum End {
    Whole(usize),
    /// Another pickle starts here, before the first is whole. When an object could not be pickled
    /// to its end, persist-queue left its beginning in the file and put the next item behind it.
    Abandoned(usize),
}

fn end(bytes: &[u8]) -> Result<End, String> {
    let mut cursor = Cursor::new(bytes);
    loop {
        let start = cursor.at();
        match pass(&mut cursor) {
            Ok(STOP) => return Ok(End::Whole(cursor.at())),
            Ok(PROTO) if start > 0 => return Ok(End::Abandoned(start)),
            Ok(_) => {}
            Err(reason) => return Err(reason),
        }
    }
}

/// Where the first pickle ends, if it holds nothing but plain data.
fn plain_end(bytes: &[u8]) -> Result<usize, String> {
    let mut cursor = Cursor::new(bytes);
    loop {
        let start = cursor.at();
        match pass(&mut cursor)? {
            STOP => return Ok(cursor.at()),
            opcode if is_plain(opcode) => {}
            opcode => {
                return Err(format!(
                    "its pickle is more than plain data (opcode {opcode:#04x} at byte {start}), \
                     which persist-queue never writes, and was not run"
                ));
            }
        }
    }
}
