//! The serializers that write an item's length, in four bytes, the lowest first, before it.

use std::io;

use super::cursor::Cursor;
use super::{Info, Item, LegacyFormat, cbor, msgpack};

const PREFIX: usize = 4;

/// `MessagePack`, as Python's msgpack writes it.
#[derive(Debug, Clone, Copy)]
pub struct MessagePack;

impl LegacyFormat for MessagePack {
    fn info(&self, bytes: &[u8]) -> Result<Info, String> {
        rmp_serde::from_slice(payload(bytes)?).map_err(|error| error.to_string())
    }

    fn item(&self, bytes: &[u8]) -> Result<Item, String> {
        item(bytes)
    }

    fn check(&self, payload: &[u8]) -> Result<(), String> {
        msgpack::check(payload)
    }
}

/// CBOR, as Python's cbor2 writes it.
#[derive(Debug, Clone, Copy)]
pub struct Cbor;

impl LegacyFormat for Cbor {
    fn info(&self, bytes: &[u8]) -> Result<Info, String> {
        ciborium::from_reader(io::Cursor::new(payload(bytes)?)).map_err(|error| error.to_string())
    }

    fn item(&self, bytes: &[u8]) -> Result<Item, String> {
        item(bytes)
    }

    fn check(&self, payload: &[u8]) -> Result<(), String> {
        cbor::check(payload)
    }
}

fn item(bytes: &[u8]) -> Result<Item, String> {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.little_endian(PREFIX as u64)?;
    let length = PREFIX + cursor.take(length)?.len();
    Ok(Item { length, payload: PREFIX..length })
}

fn payload(bytes: &[u8]) -> Result<&[u8], String> {
    Ok(bytes.get(item(bytes)?.payload).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_as_long_as_its_prefix_says() {
        let bytes = [2, 0, 0, 0, b'a', b'b', 9];
        assert_eq!(item(&bytes), Ok(Item { length: 6, payload: 4..6 }));
        assert!(item(&bytes[..5]).is_err() && item(&bytes[..3]).is_err());
        assert!(item(&[255; 9]).is_err());
    }
}
