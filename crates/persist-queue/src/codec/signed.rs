//! Items that are signed by whoever puts them, and read only where the signature is right.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::envelope::{Envelope, HEADER, Sealed, Untrusted};
use super::keys::{KeyId, Keys, keyed};
use super::{Codec, CodecError};

const TAG: usize = 32;

/// Another codec's items, signed by HMAC-SHA256. What was not signed with one of the keys is refused with
/// an [`Untrusted`] error before the other codec sees it.
///
/// Everybody can still read the items. Who can write to the queue can still delete items, change their
/// order, and put again what had been signed once for the same context.
///
/// Its name is that of the other codec: signing can begin and end in a queue that holds items.
#[derive(Clone)]
pub struct Signed<C> {
    codec: C,
    keys: Keys,
    derived: Vec<(KeyId, Hmac<Sha256>)>,
    accept_unsigned: bool,
}

impl<C> Signed<C> {
    /// Signs what `codec` writes with the first of the keys.
    pub fn new(codec: C, keys: Keys) -> Self {
        let derived = derive(&keys, &[]);
        Self { codec, keys, derived, accept_unsigned: false }
    }

    /// What the items are for, for instance the queue's name: what was signed for another context, with
    /// the same keys, is refused. Default: nothing.
    #[must_use]
    pub fn context(mut self, context: impl AsRef<[u8]>) -> Self {
        self.derived = derive(&self.keys, context.as_ref());
        self
    }

    /// Whether items without a signature are read too, for as long as a queue holds some of before. They
    /// are as little to be trusted as without signing. Default: no.
    #[must_use]
    pub fn accept_unsigned(mut self, accept: bool) -> Self {
        self.accept_unsigned = accept;
        self
    }

    /// The bytes that the other codec wrote.
    fn verified<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Untrusted> {
        let by = Envelope::Signed;
        let Some(sealed) = Sealed::read(bytes, by)? else {
            let refusal = Untrusted::Unprotected { wanted: by };
            return if self.accept_unsigned { Ok(bytes) } else { Err(refusal) };
        };
        let key = sealed.choose(&self.derived, by)?;
        let Some((tag, payload)) = sealed.rest.split_first_chunk::<TAG>() else {
            return Err(sealed.forged(by));
        };
        // The comparison takes as long wherever they differ.
        match authenticated(key, sealed.header, payload).verify(tag.into()) {
            Ok(()) => Ok(payload),
            Err(_) => Err(sealed.forged(by)),
        }
    }
}

fn derive(keys: &Keys, context: &[u8]) -> Vec<(KeyId, Hmac<Sha256>)> {
    let derived = keys.derive("signature", context);
    derived.into_iter().map(|(id, secret)| (id, keyed(&secret))).collect()
}

fn authenticated(key: &Hmac<Sha256>, header: &[u8; HEADER], payload: &[u8]) -> Hmac<Sha256> {
    let mut hmac = key.clone();
    hmac.update(header);
    hmac.update(payload);
    hmac
}

impl<T, C: Codec<T>> Codec<T> for Signed<C> {
    fn name(&self) -> &str {
        self.codec.name()
    }

    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        let [(id, key), ..] = &self.derived[..] else { return Err("there is no key".into()) };
        let header = Envelope::Signed.header(*id);
        into.extend_from_slice(&header);
        let tag = into.len();
        into.extend_from_slice(&[0; TAG]);
        self.codec.encode(item, into)?;
        let signature = authenticated(key, &header, &into[tag + TAG..]).finalize().into_bytes();
        into[tag..tag + TAG].copy_from_slice(&signature);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        self.codec.decode(self.verified(bytes)?)
    }
}

impl<C: fmt::Debug> fmt::Debug for Signed<C> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Signed").field(&self.codec).field(&self.keys).finish()
    }
}
