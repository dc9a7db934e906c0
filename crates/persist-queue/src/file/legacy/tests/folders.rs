//! Whole folders.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use super::super::{Info, Place, Unread, read_info, recognise};
use super::{CODECS, copy, data, format, unread};
use crate::error::Error;
use crate::storage::Disk;

fn decode(codec: &str, payload: &[u8]) -> Value {
    match codec {
        "pickle" => serde_pickle::from_slice(payload, serde_pickle::DeOptions::new()).unwrap(),
        "json" => serde_json::from_slice(payload).unwrap(),
        "msgpack" => rmp_serde::from_slice(payload).unwrap(),
        _ => ciborium::from_reader(payload).unwrap(),
    }
}

fn item(number: u32) -> Value {
    json!({
        "number": number,
        "half": f64::from(number) / 2.0,
        "text": "é".repeat(number as usize),
        "list": [null, -i64::from(number)],
    })
}

/// The numbers of the items that are unread in a folder, and what is damaged.
fn numbers(dir: &Path, codec: &str) -> (Vec<u32>, Vec<Unread>) {
    let (mut numbers, mut damaged) = (Vec::new(), Vec::new());
    for unread in unread(dir, codec).unwrap() {
        match unread {
            Unread::Item(payload) => {
                let value = decode(codec, &payload);
                let number = value["number"].as_u64().unwrap() as u32;
                // JSON knows no difference between -0 and 0, or 1.0 and 1.
                assert_eq!(value.to_string(), item(number).to_string());
                numbers.push(number);
            }
            Unread::Damaged { .. } => damaged.push(unread),
        }
    }
    (numbers, damaged)
}

fn assert_unread(dir: &Path, codec: &str, expected: Range<u32>) {
    assert_eq!(numbers(dir, codec), (expected.collect(), vec![]), "{codec} {}", dir.display());
}

fn edit(dir: &Path, file: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(dir.join(file)).unwrap();
    edit(&mut bytes);
    fs::write(dir.join(file), bytes).unwrap();
}

fn damaged(dir: &Path, file: &str, offset: u64, bytes: &[u8], records: u64) -> Unread {
    Unread::Damaged { file: dir.join(file), offset, bytes: bytes.to_vec(), records }
}

#[test]
fn a_folder_is_known_by_its_info_file() {
    assert!(recognise(&Disk, &data("json/fresh")).unwrap());
    assert!(!recognise(&Disk, &data("json")).unwrap());
    assert!(!recognise(&Disk, &data("nowhere")).unwrap());
}

#[test]
fn the_info_file_says_where_the_queue_stands() {
    for (codec, [tail, head]) in CODECS.into_iter().zip([[76, 88], [77, 113], [47, 59], [47, 59]]) {
        let info = read_info(&Disk, &data(codec).join("partly"), format(codec)).unwrap();
        let tail = Place { file: 1, count: 1, offset: tail };
        let head = Place { file: 3, count: 1, offset: head };
        assert_eq!(info, Info { chunk_records: 3, size: 6, tail, head }, "{codec}");
    }
}

#[test]
fn gives_every_unread_item_in_order() {
    for codec in CODECS {
        assert_unread(&data(codec).join("fresh"), codec, 0..5);
        assert_unread(&data(codec).join("partly"), codec, 4..10);
        assert_unread(&data(codec).join("drained"), codec, 0..0);
        assert_unread(&data(codec).join("boundary"), codec, 0..6);
    }
}

#[test]
fn the_wrong_serializer_is_told_the_right_one() {
    for codec in CODECS {
        for other in CODECS.into_iter().filter(|other| *other != codec) {
            let error = unread(&data(codec).join("partly"), other).unwrap_err();
            assert!(matches!(error, Error::Unrecognised { .. }), "{error}");
            assert!(error.to_string().contains(&format!("'{codec}'")), "{error}");
        }
    }
}

#[test]
fn bytes_behind_the_head_are_foreign() {
    for codec in CODECS {
        let dir = copy(&format!("{codec}/partly"));
        let again = fs::read(dir.path().join("q00003")).unwrap();
        let mut file = OpenOptions::new().append(true).open(dir.path().join("q00003")).unwrap();
        // A whole item, whose put never returned, and noise.
        file.write_all(&[again, vec![0xff; 99]].concat()).unwrap();
        assert_unread(dir.path(), codec, 4..10);
    }
}

#[test]
fn a_chunk_that_breaks_off_is_damaged_from_there() {
    for codec in CODECS {
        let dir = copy(&format!("{codec}/partly"));
        let whole = fs::read(dir.path().join("q00002")).unwrap();
        edit(dir.path(), "q00002", |bytes| bytes.truncate(whole.len() - 1));
        let (numbers, damage) = numbers(dir.path(), codec);
        assert_eq!(numbers, [4, 5, 6, 7, 9], "{codec}");
        let [Unread::Damaged { offset, bytes, records, .. }] = damage.as_slice() else {
            panic!("{damage:?}")
        };
        assert_eq!((*offset as usize + bytes.len(), *records), (whole.len() - 1, 1), "{codec}");
        assert_eq!(*bytes, whole[*offset as usize..whole.len() - 1], "{codec}");
    }
}

#[test]
fn a_chunk_that_lost_all_but_its_name_is_damaged() {
    let dir = copy("json/partly");
    edit(dir.path(), "q00003", Vec::clear);
    let expected = vec![damaged(dir.path(), "q00003", 0, b"", 1)];
    assert_eq!(numbers(dir.path(), "json"), (vec![4, 5, 6, 7, 8], expected));
    edit(dir.path(), "q00001", Vec::clear);
    let expected =
        [damaged(dir.path(), "q00001", 77, b"", 2), damaged(dir.path(), "q00003", 0, b"", 1)];
    assert_eq!(numbers(dir.path(), "json"), (vec![6, 7, 8], expected.to_vec()));
}

#[test]
fn missing_chunks_are_told_together() {
    for codec in CODECS {
        let dir = copy(&format!("{codec}/partly"));
        let tail = read_info(&Disk, dir.path(), format(codec)).unwrap().tail.offset;
        fs::remove_file(dir.path().join("q00002")).unwrap();
        let expected = vec![damaged(dir.path(), "q00002", 0, b"", 3)];
        assert_eq!(numbers(dir.path(), codec), (vec![4, 5, 9], expected));
        fs::remove_file(dir.path().join("q00001")).unwrap();
        let expected = vec![damaged(dir.path(), "q00001", tail, b"", 5)];
        assert_eq!(numbers(dir.path(), codec), (vec![9], expected));
        fs::remove_file(dir.path().join("q00003")).unwrap();
        let expected = vec![damaged(dir.path(), "q00001", tail, b"", 6)];
        assert_eq!(numbers(dir.path(), codec), (vec![], expected));
    }
}

#[test]
fn an_empty_last_chunk_may_be_missing() {
    let dir = copy("json/boundary");
    fs::remove_file(dir.path().join("q00002")).unwrap();
    assert_unread(dir.path(), "json", 0..6);
}

#[test]
fn an_info_file_that_claims_chunks_without_end_is_soon_read() {
    let dir = copy("json/partly");
    let vast = br#"{"chunksize": 3, "size": 6, "tail": [1, 1, 77],
                    "head": [576460752303423487, 1, 1]}"#;
    edit(dir.path(), "info", |bytes| *bytes = vast.to_vec());
    let (numbers, damage) = numbers(dir.path(), "json");
    assert_eq!(numbers, [4, 5, 6, 7, 8, 9]);
    assert_eq!(damage.len(), 2, "{damage:?}");
}

#[test]
fn a_chunk_that_cannot_be_read_is_an_error_that_ends_the_reading() {
    let dir = copy("json/partly");
    fs::remove_file(dir.path().join("q00002")).unwrap();
    fs::create_dir(dir.path().join("q00002")).unwrap();
    let error = unread(dir.path(), "json").unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("q00002")), "{error}");
}

#[test]
fn nothing_is_run_from_the_disk() {
    let dir = data("malicious");
    let error = unread(&dir, "pickle").unwrap_err();
    assert!(error.to_string().contains("not run"), "{error}");
    let attack = fs::read(dir.join("q00000")).unwrap();
    let copy = copy("pickle/fresh");
    edit(copy.path(), "q00000", |bytes| bytes.splice(..0, attack.iter().copied()).for_each(drop));
    let first = unread(copy.path(), "pickle").unwrap().swap_remove(0);
    assert_eq!(first, Unread::Item(attack));
    assert!(!Path::new("persist-queue-ran-a-pickle").exists());
}
