//! What is around an item that is signed or encrypted, and what can be wrong with it.
//!
//! | bytes | field |
//! | --- | --- |
//! | 4 | `C1`, `PQ`, and `S` for signed or `E` for encrypted |
//! | 8 | the name of the key |
//! | 32, or 24 and 16 | signed: HMAC-SHA256; encrypted: nonce, and tag of XChaCha20-Poly1305 |
//! | n | the item as the codec inside wrote it, encrypted or as it is |

use std::fmt;

use super::keys::KeyId;

/// No codec of this crate writes bytes that begin so.
const MAGIC: [u8; 3] = [0xc1, b'P', b'Q'];

/// The first bytes of an item, which are signed with it.
pub(super) const HEADER: usize = 12;

/// What was done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// It can be read by all, and made by who has a key.
    Signed,
    /// It can be read and made by who has a key.
    Encrypted,
}

impl Envelope {
    /// What was done to the item of these bytes, as they say themselves: nothing is verified.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.strip_prefix(&MAGIC)?.first()? {
            b'S' => Some(Self::Signed),
            b'E' => Some(Self::Encrypted),
            _ => None,
        }
    }

    pub(super) fn header(self, key: KeyId) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..3].copy_from_slice(&MAGIC);
        header[3] = match self {
            Self::Signed => b'S',
            Self::Encrypted => b'E',
        };
        header[4..].copy_from_slice(&key);
        header
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Signed => "signed",
            Self::Encrypted => "encrypted",
        })
    }
}

/// Why an item was refused before the codec inside saw a byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// Nothing was done to it, or something else.
    #[error(
        "the item is not {wanted}: it was put without a key, or by somebody who has none; if that was \
         expected, open the queue as it was opened when the item was put, or accept such items for as \
         long as there are any"
    )]
    Unprotected {
        /// What it should have been.
        wanted: Envelope,
    },
    /// It names a key that is not among the keys.
    #[error(
        "the item is {by} with the key {key}, which is not among the keys here; if it is one of yours, \
         add it behind the first"
    )]
    UnknownKey {
        /// What was done to it.
        by: Envelope,
        /// The name of the key, in hexadecimal digits.
        key: String,
    },
    /// It names one of the keys and was not made with it, or not for this context, or was changed since.
    #[error(
        "the item says that it is {by} with the key {key} and is not: it was forged or changed, or put \
         with another context; remove it, and see who can write there"
    )]
    Forged {
        /// What it claims.
        by: Envelope,
        /// The name of the key, in hexadecimal digits.
        key: String,
    },
}

/// An item that is to be opened.
pub(super) struct Sealed<'a> {
    pub(super) header: &'a [u8; HEADER],
    pub(super) key: KeyId,
    pub(super) rest: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// None where the bytes are something else. An item that was cut within its header is forged.
    pub(super) fn read(bytes: &'a [u8], envelope: Envelope) -> Result<Option<Self>, Untrusted> {
        if Envelope::of(bytes) != Some(envelope) {
            return Ok(None);
        }
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Untrusted::Forged { by: envelope, key: hexadecimal(&bytes[4..]) });
        };
        let [_, _, _, _, key @ ..] = *header;
        Ok(Some(Self { header, key, rest }))
    }

    /// What belongs to the key that the item names.
    pub(super) fn choose<'k, K>(
        &self,
        keys: &'k [(KeyId, K)],
        by: Envelope,
    ) -> Result<&'k K, Untrusted> {
        match keys.iter().find(|(id, _)| *id == self.key) {
            Some((_, key)) => Ok(key),
            None => Err(Untrusted::UnknownKey { by, key: hexadecimal(&self.key) }),
        }
    }

    pub(super) fn forged(&self, by: Envelope) -> Untrusted {
        Untrusted::Forged { by, key: hexadecimal(&self.key) }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}
