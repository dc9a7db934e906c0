//! Items that are bytes already.

use super::{Codec, CodecError};

/// Stores byte vectors as they are. Its name is `bytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes;

impl Codec<Vec<u8>> for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn encode(&self, item: &Vec<u8>, into: &mut Vec<u8>) -> Result<(), CodecError> {
        into.extend_from_slice(item);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }

    fn encoded<'a>(&self, item: &'a Vec<u8>) -> Option<&'a [u8]> {
        Some(item)
    }

    fn decode_owned(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
        Ok(bytes)
    }

    fn decodes_anything(&self) -> bool {
        true
    }
}
