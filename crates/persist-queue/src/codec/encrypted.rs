//! Items that only who has a key can read and make.

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305};

use super::envelope::{Envelope, Sealed, Untrusted};
use super::keys::{KeyId, Keys};
use super::{Codec, CodecError};

const NONCE: usize = 24;
const TAG: usize = 16;

/// Another codec's items, encrypted and authenticated by XChaCha20-Poly1305 with a random nonce each. What
/// was not encrypted with one of the keys is refused with an [`Untrusted`] error before the other codec
/// sees it.
///
/// How many items there are, how large, and when they were put can still be seen. Who can write to the
/// queue can still delete items, change their order, and put again what had been encrypted once for the
/// same context.
///
/// Its name is that of the other codec: encryption can begin and end in a queue that holds items.
#[derive(Clone)]
pub struct Encrypted<C> {
    codec: C,
    keys: Keys,
    derived: Vec<(KeyId, XChaCha20Poly1305)>,
    accept_unencrypted: bool,
}

impl<C> Encrypted<C> {
    /// Encrypts what `codec` writes with the first of the keys.
    pub fn new(codec: C, keys: Keys) -> Self {
        let derived = derive(&keys, &[]);
        Self { codec, keys, derived, accept_unencrypted: false }
    }

    /// As [`super::Signed::context`].
    #[must_use]
    pub fn context(mut self, context: impl AsRef<[u8]>) -> Self {
        self.derived = derive(&self.keys, context.as_ref());
        self
    }

    /// Whether items that are not encrypted are read too, for as long as a queue holds some of before: they
    /// are handed to the other codec, which may be a [`super::Signed`] one. Default: no.
    #[must_use]
    pub fn accept_unencrypted(mut self, accept: bool) -> Self {
        self.accept_unencrypted = accept;
        self
    }

    /// The bytes that the other codec wrote; None where they are not encrypted and that is accepted.
    fn decrypted(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Untrusted> {
        let by = Envelope::Encrypted;
        let Some(sealed) = Sealed::read(bytes, by)? else {
            let refusal = Untrusted::Unprotected { wanted: by };
            return if self.accept_unencrypted { Ok(None) } else { Err(refusal) };
        };
        let cipher = sealed.choose(&self.derived, by)?;
        let (Some((nonce, rest)), forged) =
            (sealed.rest.split_first_chunk::<NONCE>(), || sealed.forged(by))
        else {
            return Err(sealed.forged(by));
        };
        let (tag, text) = rest.split_first_chunk::<TAG>().ok_or_else(forged)?;
        let mut text = text.to_vec();
        cipher
            .decrypt_inout_detached(
                nonce.into(),
                sealed.header,
                text.as_mut_slice().into(),
                tag.into(),
            )
            .map_err(|_| forged())?;
        Ok(Some(text))
    }
}

fn derive(keys: &Keys, context: &[u8]) -> Vec<(KeyId, XChaCha20Poly1305)> {
    let derived = keys.derive("encryption", context);
    derived
        .into_iter()
        .map(|(id, secret)| (id, XChaCha20Poly1305::new(&Key::from(secret))))
        .collect()
}

impl<T, C: Codec<T>> Codec<T> for Encrypted<C> {
    fn name(&self) -> &str {
        self.codec.name()
    }

    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        let [(id, cipher), ..] = &self.derived[..] else { return Err("there is no key".into()) };
        let header = Envelope::Encrypted.header(*id);
        let mut nonce = [0; NONCE];
        // So many bits that random ones are never the same twice.
        getrandom::fill(&mut nonce)?;
        into.extend_from_slice(&header);
        into.extend_from_slice(&nonce);
        let tag = into.len();
        into.extend_from_slice(&[0; TAG]);
        let text = into.len();
        self.codec.encode(item, into)?;
        let authentic = cipher
            .encrypt_inout_detached((&nonce).into(), &header, (&mut into[text..]).into())
            .map_err(|_| "the item is too large to be encrypted")?;
        into[tag..text].copy_from_slice(&authentic);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        match self.decrypted(bytes)? {
            Some(text) => self.codec.decode(&text),
            None => self.codec.decode(bytes),
        }
    }
}

impl<C: fmt::Debug> fmt::Debug for Encrypted<C> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Encrypted").field(&self.codec).field(&self.keys).finish()
    }
}
