//! Items as CBOR, through serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// CBOR. Its name is `cbor2`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cbor;

impl<T: Serialize + DeserializeOwned> Codec<T> for Cbor {
    fn name(&self) -> &'static str {
        "cbor2"
    }

    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(ciborium::into_writer(item, into)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        Ok(ciborium::from_reader(bytes)?)
    }
}
