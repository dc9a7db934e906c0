//! Pickles of all protocols, split where Python's own `pickletools` says they end.

use std::collections::BTreeMap;

use super::super::{Item, LegacyFormat, Pickle};
use super::bytes;

fn ends() -> BTreeMap<String, Vec<usize>> {
    serde_json::from_slice(&bytes("ends.json")).unwrap()
}

#[test]
fn a_pickle_ends_where_pickletools_says() {
    let files = ends();
    assert_eq!(files.len(), 7);
    for (name, ends) in files {
        let bytes = bytes(&format!("{name}.pickles"));
        let mut start = 0;
        for end in ends {
            let item = Pickle.item(&bytes[start..]).unwrap();
            let length = end - start;
            assert_eq!(item, Item { length, payload: 0..length }, "{name} at {start}");
            assert_eq!(Pickle.check(&bytes[start..end]), Ok(()), "{name} at {start}");
            start = end;
        }
        assert_eq!(start, bytes.len(), "{name}");
    }
}

#[test]
fn neither_less_nor_more_than_a_pickle_is_one() {
    let bytes = bytes("protocol5.pickles");
    let mut start = 0;
    for end in ends().remove("protocol5").unwrap() {
        let pickle = &bytes[start..end];
        for part in 0..pickle.len() {
            assert!(Pickle.item(&pickle[..part]).is_err());
        }
        assert!(Pickle.check(&[pickle, b"."].concat()).is_err());
        start = end;
    }
}

#[test]
fn unknown_opcodes_are_refused() {
    for opcode in [0x00, b'\n', b'A', b'z', 0x99, 0xff] {
        let error = Pickle.item(&[b'N', opcode, b'.']).unwrap_err();
        assert!(error.contains("at byte 1"), "{error}");
    }
}

#[test]
fn a_pickle_that_another_one_interrupts_ends_there() {
    let bytes = b"\x80\x04]\x80\x04K\x07.";
    assert_eq!(Pickle.item(bytes), Ok(Item { length: 3, payload: 0..3 }));
    assert!(Pickle.check(&bytes[..3]).is_err());
}
