//! Items as Python pickles, through serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// Pickles of plain values (numbers, text, bytes, lists, dictionaries, sets), as Python reads and
/// writes them. Reading runs no code; a pickle of any other object is an error. Its name is
/// `pickle`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pickle;

impl<T: Serialize + DeserializeOwned> Codec<T> for Pickle {
    fn name(&self) -> &'static str {
        "pickle"
    }

    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(serde_pickle::to_writer(into, item, serde_pickle::SerOptions::new())?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        Ok(serde_pickle::from_slice(bytes, serde_pickle::DeOptions::new())?)
    }
}
