//! Items as MessagePack, through serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// MessagePack with named fields, the default. Its name is `msgpack`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessagePack;

impl<T: Serialize + DeserializeOwned> Codec<T> for MessagePack {
    fn name(&self) -> &'static str {
        "msgpack"
    }

    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(rmp_serde::encode::write_named(into, item)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }
}
