//! The keys that items are signed or encrypted with, and what is made of them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The block of SHA-256.
const BLOCK: usize = 64;

/// A shorter secret could be guessed.
const SHORTEST: usize = 32;

/// Tells keys apart and gives nothing of them away.
pub(super) type KeyId = [u8; 8];

/// Secrets, each of at least 32 random bytes. What is put is signed or encrypted with the first; what
/// was made with any of them can be read. To change keys, put the new one in front of the old one; take
/// the old one out when nothing that was made with it is left.
#[derive(Clone)]
pub struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// [`Error::Invalid`] where there is none, where one is too short, or where one is there twice.
    pub fn new<K: AsRef<[u8]>>(secrets: impl IntoIterator<Item = K>) -> Result<Self> {
        let secrets: Vec<Vec<u8>> =
            secrets.into_iter().map(|secret| secret.as_ref().to_vec()).collect();
        if secrets.is_empty() {
            return Err(invalid("there must be at least one key".to_owned()));
        }
        for (at, secret) in secrets.iter().enumerate() {
            if secret.len() < SHORTEST {
                return Err(invalid(format!(
                    "key {at} has {} bytes and must have at least {SHORTEST} random ones",
                    secret.len()
                )));
            }
            if secrets[..at].contains(secret) {
                return Err(invalid(format!("key {at} is there twice")));
            }
        }
        Ok(Self(secrets))
    }

    /// The keys for one purpose and context, which open nothing that was made for another, each with the
    /// name by which an item tells which it was made with. The name is the same for all contexts.
    pub(super) fn derive(&self, purpose: &str, context: &[u8]) -> Vec<(KeyId, [u8; 32])> {
        let derive = |secret: &Vec<u8>| {
            let (mut id, name) = (KeyId::default(), hash(secret, purpose, " name", &[]));
            id.copy_from_slice(&name[..8]);
            (id, hash(secret, purpose, " key", context))
        };
        self.0.iter().map(derive).collect()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Keys({} secrets)", self.0.len())
    }
}

/// An HMAC that knows its key.
pub(super) fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    // As RFC 2104 has it: zeros are put behind a short secret, and a long one is hashed.
    let mut block = [0; BLOCK];
    match block.get_mut(..secret.len()) {
        Some(short) => short.copy_from_slice(secret),
        None => block[..32].copy_from_slice(&Sha256::digest(secret)),
    }
    Hmac::new(&block.into())
}

fn hash(secret: &[u8], purpose: &str, what: &str, context: &[u8]) -> [u8; 32] {
    let mut hash = keyed(secret);
    hash.update(b"persist-queue 1 ");
    hash.update(purpose.as_bytes());
    hash.update(what.as_bytes());
    // The end of the words: no context can look like more of them.
    hash.update(&[0]);
    hash.update(context);
    hash.finalize().into_bytes().into()
}

fn invalid(text: String) -> Error {
    Error::Invalid(text)
}
