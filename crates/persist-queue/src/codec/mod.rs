//! How items become bytes and bytes become items.

mod bytes;
#[cfg(feature = "cbor")]
mod cbor;
#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(feature = "signed")]
mod envelope;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "signed")]
mod keys;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "pickle")]
mod pickle;
#[cfg(feature = "signed")]
mod signed;
#[cfg(all(test, feature = "encrypted"))]
mod tests;

use std::error::Error as StdError;

pub use bytes::Bytes;
#[cfg(feature = "cbor")]
pub use cbor::Cbor;
#[cfg(feature = "encrypted")]
pub use encrypted::Encrypted;
#[cfg(feature = "signed")]
pub use envelope::{Envelope, Untrusted};
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "signed")]
pub use keys::Keys;
#[cfg(feature = "msgpack")]
pub use msgpack::MessagePack;
#[cfg(feature = "pickle")]
pub use pickle::Pickle;
#[cfg(feature = "signed")]
pub use signed::Signed;

/// What a codec says when it cannot.
pub type CodecError = Box<dyn StdError + Send + Sync>;

#[cfg(feature = "msgpack")]
pub(crate) type Default = MessagePack;
#[cfg(not(feature = "msgpack"))]
pub(crate) type Default = Bytes;

/// Turns items into bytes and back. No lock of the queue is held while a codec runs.
pub trait Codec<T> {
    /// The name that the queue remembers, at most 95 bytes. Opening with a codec of another name
    /// is refused.
    fn name(&self) -> &str;
    /// Appends the item's bytes to `into`. After an error nothing of them is used.
    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Makes the item of its bytes, exactly as [`Codec::encode`] wrote them.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;
    /// The bytes that [`Codec::encode`] would write, where the item has them already: they are not copied
    /// then.
    fn encoded<'a>(&self, item: &'a T) -> Option<&'a [u8]> {
        let _ = item;
        None
    }
    /// As [`Codec::decode`], for bytes that the item may keep.
    fn decode_owned(&self, bytes: Vec<u8>) -> Result<T, CodecError> {
        self.decode(&bytes)
    }
    /// Whether [`Codec::decode`] makes an item of whatever bytes there are. A queue need not keep
    /// them for the case that it cannot then, and makes them final in one step with taking them.
    fn decodes_anything(&self) -> bool {
        false
    }
}
