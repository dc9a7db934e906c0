//! What the fuzz targets (`fuzz/`) see of the bytes of records. No part of the interface.

use super::record::{self, Parsed};

/// The record at the start of `bytes`: its sequence number and its payload.
pub fn parse(bytes: &[u8], salt: u32) -> Option<(u64, Vec<u8>)> {
    match record::parse(bytes, salt) {
        Parsed::Record(record) => Some((record.sequence, record.payload.to_vec())),
        Parsed::End | Parsed::Short(_) | Parsed::Bad => None,
    }
}

/// Where the first record with a sequence number in `wanted` is.
pub fn find(bytes: &[u8], salt: u32, wanted: std::ops::Range<u64>) -> Option<usize> {
    record::find(bytes, salt, 0, wanted)
}

/// The frame of a record.
pub fn encode(salt: u32, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    record::encode(&mut frame, salt, sequence, payload);
    frame
}
