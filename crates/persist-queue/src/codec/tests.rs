//! What a codec that signs or encrypts accepts and refuses.
#![allow(clippy::unwrap_used, reason = "a panic here is a failed test")]

use super::{Bytes, Codec, Encrypted, Envelope, Keys, Signed, Untrusted};

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

type Made = (Envelope, Box<dyn Fn(&[[u8; 32]], &str, bool) -> Box<dyn Codec<Vec<u8>>>>);

/// Both kinds, made of keys, a context, and whether others are accepted.
fn kinds() -> [Made; 2] {
    let keys = |secrets: &[[u8; 32]]| Keys::new(secrets).unwrap();
    [
        (
            Envelope::Signed,
            Box::new(move |secrets, context, accept| {
                let signed = Signed::new(Bytes, keys(secrets));
                Box::new(signed.context(context).accept_unsigned(accept))
            }),
        ),
        (
            Envelope::Encrypted,
            Box::new(move |secrets, context, accept| {
                let encrypted = Encrypted::new(Bytes, keys(secrets));
                Box::new(encrypted.context(context).accept_unencrypted(accept))
            }),
        ),
    ]
}

fn encoded(codec: &dyn Codec<Vec<u8>>, item: &[u8]) -> Vec<u8> {
    // What a buffer holds already stays as it is.
    let mut bytes = b"before".to_vec();
    codec.encode(&item.to_vec(), &mut bytes).unwrap();
    assert_eq!(&bytes[..6], b"before");
    bytes.split_off(6)
}

fn refused(codec: &dyn Codec<Vec<u8>>, bytes: &[u8]) -> Untrusted {
    *codec.decode(bytes).unwrap_err().downcast::<Untrusted>().unwrap()
}

#[test]
fn what_was_made_with_a_key_is_read_with_it() {
    for (envelope, make) in kinds() {
        for item in [&b""[..], b"an item", &vec![0xc1; 100_000]] {
            let bytes = encoded(&*make(&[OLD], "", false), item);
            assert_eq!(Envelope::of(&bytes), Some(envelope));
            assert_eq!(make(&[OLD], "", false).decode(&bytes).unwrap(), item);
        }
    }
}

#[test]
fn every_changed_bit_and_every_cut_is_refused() {
    for (_, make) in kinds() {
        let codec = make(&[OLD], "", false);
        let bytes = encoded(&*codec, b"an item");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            refused(&*codec, &changed);
        }
        for length in 0..bytes.len() {
            refused(&*codec, &bytes[..length]);
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(refused(&*codec, &longer), Untrusted::Forged { .. }));
    }
}

#[test]
fn the_first_key_makes_and_all_keys_read() {
    for (_, make) in kinds() {
        let before = encoded(&*make(&[OLD], "", false), b"before");
        let both = make(&[NEW, OLD], "", false);
        assert_eq!(both.decode(&before).unwrap(), b"before");
        let since = encoded(&*both, b"since");
        let new = make(&[NEW], "", false);
        assert_eq!(new.decode(&since).unwrap(), b"since");
        // An unknown key is told apart from a forged item.
        assert!(matches!(refused(&*new, &before), Untrusted::UnknownKey { .. }));
    }
}

#[test]
fn a_key_that_only_pretends_to_be_the_named_one_is_found_out() {
    for (envelope, make) in kinds() {
        let mut bytes = encoded(&*make(&[NEW], "", false), b"an item");
        let name = encoded(&*make(&[OLD], "", false), b"")[4..12].to_vec();
        bytes[4..12].copy_from_slice(&name);
        let refusal = refused(&*make(&[OLD], "", false), &bytes);
        assert!(matches!(refusal, Untrusted::Forged { by, .. } if by == envelope));
    }
}

#[test]
fn what_was_made_for_another_context_is_refused() {
    for (_, make) in kinds() {
        let bytes = encoded(&*make(&[OLD], "orders", false), b"an item");
        assert_eq!(make(&[OLD], "orders", false).decode(&bytes).unwrap(), b"an item");
        for other in ["", "order", "orders2"] {
            let refusal = refused(&*make(&[OLD], other, false), &bytes);
            assert!(matches!(refusal, Untrusted::Forged { .. }), "{other}: {refusal}");
        }
    }
}

#[test]
fn what_was_not_protected_is_refused_unless_it_is_accepted() {
    for (envelope, make) in kinds() {
        for other in [&b"an item"[..], b"", b"\xc1PQ", b"\xc1PQX and more than a header has"] {
            let refusal = refused(&*make(&[OLD], "", false), other);
            assert_eq!(refusal, Untrusted::Unprotected { wanted: envelope });
            assert_eq!(make(&[OLD], "", true).decode(other).unwrap(), other);
        }
        // Forged items are not accepted with them.
        let mut forged = encoded(&*make(&[OLD], "", false), b"an item");
        *forged.last_mut().unwrap() ^= 1;
        assert!(matches!(refused(&*make(&[OLD], "", true), &forged), Untrusted::Forged { .. }));
    }
}

#[test]
fn signing_and_encryption_share_no_key() {
    let [(_, signed), (_, encrypted)] = kinds();
    let signature = encoded(&*signed(&[OLD], "", false), b"");
    let text = encoded(&*encrypted(&[OLD], "", false), b"");
    assert_ne!(signature[4..12], text[4..12]);
}

#[test]
fn a_signed_queue_becomes_an_encrypted_one_with_items_in_it() {
    let keys = || Keys::new([OLD]).unwrap();
    let signed = Signed::new(Bytes, keys());
    let before = encoded(&signed, b"before");
    let codec = Encrypted::new(signed, keys()).accept_unencrypted(true);
    assert_eq!(codec.decode(&before).unwrap(), b"before");
    let refusal = refused(&codec, b"neither");
    assert_eq!(refusal, Untrusted::Unprotected { wanted: Envelope::Signed });
}

#[test]
fn nothing_of_an_encrypted_item_can_be_read_and_no_two_are_the_same() {
    let codec = Encrypted::new(Bytes, Keys::new([OLD]).unwrap());
    let item = [b'a'; 64];
    let bytes = encoded(&codec, &item);
    assert!(!bytes.windows(4).any(|window| window == b"aaaa"));
    assert_ne!(bytes, encoded(&codec, &item));
}

/// The format, by a second way: the bytes were made by Python's `hmac`, as docs/pickle-safety.md says. The
/// second key is longer than a block of SHA-256.
#[test]
fn a_signed_item_is_these_bytes() {
    let expected = include_str!("signed_items.hex").lines();
    for (key, expected) in [&[1; 32][..], &[1; 100]].into_iter().zip(expected) {
        let codec = Signed::new(Bytes, Keys::new([key]).unwrap()).context("orders");
        let bytes = encoded(&codec, b"an item");
        let text = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(text, expected);
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    let none: [&[u8]; 0] = [];
    let wrong = [Keys::new(none), Keys::new([[7; 31]]), Keys::new([OLD, NEW, OLD].iter())];
    for (error, text) in wrong.into_iter().zip(["at least one", "31 bytes", "twice"]) {
        let error = error.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn no_key_is_shown() {
    let keys = Keys::new([[b'K'; 32]]).unwrap();
    let shown = format!(
        "{:?} {:?} {keys:?}",
        Signed::new(Bytes, keys.clone()),
        Encrypted::new(Bytes, keys.clone())
    );
    assert!(!shown.contains("KKK") && !shown.contains("75, 75"), "{shown}");
}
