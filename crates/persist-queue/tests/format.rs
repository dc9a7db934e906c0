//! Holds docs/format.md: reads what the library writes with code of its own, and keeps reading a
//! folder that an earlier build wrote.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options};

const MASK: u32 = 0xFFFF_FFFF;

/// CRC-32C, bit by bit, continued from `crc`.
fn crc_from(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc ^ MASK, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 }
        })
    }) ^ MASK
}

fn crc(bytes: &[u8]) -> u32 {
    crc_from(0, bytes)
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn name(field: &[u8]) -> &str {
    std::str::from_utf8(&field[1..=usize::from(field[0])]).unwrap()
}

fn open(folder: &Path) -> FileQueue<Vec<u8>, Bytes> {
    Options::new().chunk_records(2).open_with(folder, Bytes).unwrap()
}

/// Three items in two segments; the second one is finished though the first is not.
fn write(folder: &Path) {
    let queue = open(folder);
    queue.put(b"first".to_vec()).unwrap();
    queue.put(Vec::new()).unwrap();
    queue.put(vec![9; 24]).unwrap();
    queue.get().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            queue.get().unwrap();
            queue.task_done().unwrap();
        });
    });
}

/// Checks a frame; gives its payload, its mark and the offset behind it.
fn frame(bytes: &[u8], at: usize, salt: u32, sequence: u64) -> (&[u8], u32, usize) {
    assert_eq!(at % 8, 0);
    let length = number32(bytes, at);
    let end = at + length as usize;
    let kind = number32(bytes, at + 12);
    assert_eq!((kind, number64(bytes, at + 16)), (0, sequence));
    let begun = salt ^ length ^ kind.wrapping_mul(0x9E37_79B1);
    assert_eq!(number32(bytes, at + 4), crc_from(begun, &bytes[at + 16..end]));
    let behind = end.next_multiple_of(8);
    assert!(bytes[end..behind].iter().all(|byte| *byte == 0));
    (&bytes[at + 24..end], number32(bytes, at + 8), behind)
}

fn segment(folder: &Path, number: usize, first: u64) -> (Vec<u8>, u32) {
    let bytes = fs::read(folder.join(format!("q{number:05}"))).unwrap();
    assert_eq!(&bytes[..8], b"PQRSSEG1");
    assert_eq!((number32(&bytes, 8), number64(&bytes, 16)), (1, first));
    assert_eq!(name(&bytes[24..120]), "bytes");
    assert_eq!(number32(&bytes, 124), crc(&bytes[..124]));
    let salt = number32(&bytes, 12);
    (bytes, salt)
}

#[test]
fn the_check_value_of_the_crc_is_the_published_one() {
    assert_eq!(crc(b"123456789"), 0xE306_9283);
}

#[test]
fn segments_and_records_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let (bytes, salt) = segment(folder.path(), 0, 0);
    let (payload, mark, next) = frame(&bytes, 128, salt, 0);
    assert_eq!((payload, mark), (b"first".as_slice(), 0));
    let (payload, mark, end) = frame(&bytes, next, salt, 1);
    let signed = [&salt.to_le_bytes()[..], &1_u64.to_le_bytes(), b"done"].concat();
    assert_eq!((payload, mark), (b"".as_slice(), crc(&signed).max(1)));
    assert_eq!(end, bytes.len());

    let (bytes, other_salt) = segment(folder.path(), 1, 2);
    assert_eq!(salt, other_salt);
    let (payload, mark, end) = frame(&bytes, 128, salt, 2);
    assert_eq!((payload, mark, end), (vec![9; 24].as_slice(), 0, bytes.len()));
}

#[test]
fn the_control_file_is_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let (segment, salt) = segment(folder.path(), 1, 2);
    let bytes = fs::read(folder.path().join("control")).unwrap();
    assert_eq!(bytes.len(), 8192);
    let slots = [&bytes[..256], &bytes[4096..4352]];
    let newest = slots.into_iter().max_by_key(|slot| number64(slot, 16)).unwrap();
    for (number, slot) in slots.iter().enumerate() {
        assert_eq!(&slot[..8], b"PQRSCTL1");
        assert_eq!((number32(slot, 8), number32(slot, 12)), (1, salt));
        assert_eq!(number64(slot, 16) % 2, number as u64);
        assert_eq!(number32(slot, 252), crc(&slot[..252]));
        assert_eq!(name(&slot[100..196]), "bytes");
    }
    let position = |at| [number64(newest, at), number64(newest, at + 8), number64(newest, at + 16)];
    assert_eq!(position(24), [0, 128, 0]);
    assert_eq!(position(48), [1, segment.len() as u64, 3]);
    assert_eq!(number64(newest, 72), 128);
    assert!(number64(newest, 80) > 1);
    assert_eq!(number64(newest, 88), 2);
    assert_eq!(number32(newest, 96), 0);
}

/// In turn, in the sector of the newest slot.
#[test]
fn the_notes_behind_a_slot_are_as_documented() {
    let (folder, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let queue: FileQueue<Vec<u8>, Bytes> =
        Options::new().autosave(true).open_with(folder.path(), Bytes).unwrap();
    queue.put_many(vec![b"item".to_vec(); 5]).unwrap();
    let takes = 4;
    (0..takes).for_each(|_| drop(queue.get().unwrap()));

    let bytes = fs::read(folder.path().join("control")).unwrap();
    let newest = [&bytes[..512], &bytes[4096..4608]];
    let newest = newest.into_iter().max_by_key(|slot| number64(slot, 16)).unwrap();
    let generation = number64(newest, 16);
    let pair = [256, 384][(generation / 2 % 2) as usize];
    let notes = [&newest[pair..pair + 40], &newest[pair + 64..pair + 104]];
    let slot_tail = number64(newest, 40);
    assert!(slot_tail < takes, "the slot was written for each of them");
    let frame = 32;
    let mut tails: Vec<u64> = notes
        .iter()
        .map(|note| {
            assert_eq!(number64(note, 0), generation);
            assert_eq!(number32(note, 32), crc_from(number32(newest, 12), &note[..32]));
            assert_eq!(number32(note, 36), 0);
            assert_eq!(
                (number64(note, 8), number64(note, 16)),
                (0, 128 + number64(note, 24) * frame)
            );
            number64(note, 24)
        })
        .collect();
    tails.sort_unstable();
    assert_eq!(tails, [takes - 1, takes]);

    // As a process leaves it that is killed here.
    copy(folder.path(), copied.path());
    assert_eq!(open(copied.path()).len().unwrap(), 1);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The folder tests/data/format/1 was written by `write` above and is never written again.
#[test]
fn a_folder_of_version_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format/1");
    copy(&golden, folder.path());
    let queue = open(folder.path());
    let items: Vec<_> = queue.iter().map(Result::unwrap).collect();
    assert_eq!(items, [b"first".to_vec(), vec![9; 24]]);
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let (written, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(written.path());
    // Another one: what wrote may be open still, by a helper thread, and then it is not read anew.
    copy(written.path(), folder.path());
    let path = folder.path().join("q00001");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let sum = crc(&bytes[..124]);
    bytes[124..128].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let options = Options::new();
    let error = options.open_with::<Vec<u8>, _>(folder.path(), Bytes).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
