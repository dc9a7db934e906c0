//! Info files.

use std::collections::BTreeMap;

use super::super::{Info, LegacyFormat, Pickle, Place, detect};
use super::{CASES, CODECS, bytes};

fn from_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn every_dialect_of_pickle_is_read() {
    let infos: BTreeMap<String, String> = serde_json::from_slice(&bytes("infos.json")).unwrap();
    assert!(infos.len() > 15);
    let tail = Place { file: 1, count: 2, offset: 300 };
    let head = Place { file: 23_335, count: 0, offset: 70_000 };
    let expected = Info { chunk_records: 3, size: 70_001, tail, head };
    for (name, hex) in infos {
        assert_eq!(Pickle.info(&from_hex(&hex)), Ok(expected), "{name}");
    }
}

#[test]
fn the_serializer_can_be_told_from_the_info_file() {
    for codec in CODECS {
        for case in CASES {
            assert_eq!(detect(&bytes(&format!("{codec}/{case}/info"))), Some(codec));
        }
    }
    assert_eq!(detect(&bytes("malicious/info")), None);
    assert_eq!(detect(b""), None);
}

/// Each of these would take serde-pickle's memory or stack, or keep it busy for ever.
#[test]
fn bombs_are_refused() {
    let doubled = [b"]".as_slice(), &b"2a".repeat(40), b"."].concat();
    let nested = [b"]".repeat(1_000_000), b"a".repeat(999_999), b".".to_vec()].concat();
    let marks = [b"(".repeat(1_000_000), b".".to_vec()].concat();
    let huge = b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.".to_vec();
    let mut shared = b"}(U\x01x]q\x00".to_vec();
    for level in 1..60 {
        shared.extend([b']', b'(', b'h', level - 1, b'h', level - 1, b'e', b'q', level]);
    }
    shared.extend(b"u.");
    for bomb in [doubled, nested, marks, huge, shared] {
        assert!(Pickle.info(&bomb).is_err());
    }
}
