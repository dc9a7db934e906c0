//! Numbers that no queue can have come to, under right checksums.

use std::sync::Arc;

use crc_fast::{CrcAlgorithm, Digest};
use persist_queue::codec::Bytes;
use persist_queue::storage::SimulatedDisk;
use persist_queue::{Error, FileQueue, Options};

use crate::bits::is_lost_alone;
use crate::image::{Image, PATH, SEGMENT_HEADER, images, read, waiting, write};

const SLOT: usize = 256;
const SLOTS: [usize; 2] = [0, 4096];
const GENERATION: usize = 16;
const TAIL: usize = 24;
const HEAD: usize = 48;
/// Where there may be notes, from the beginning of a slot, and where their tail is.
const NOTES: [usize; 4] = [256, 320, 384, 448];
const NOTED: usize = 8;
/// Where the sequence number is in a tail or a head.
const SEQUENCE: usize = 16;

/// No record has this sequence number or a higher one.
const MOST: u64 = 1 << 63;
const FAR: [u64; 4] = [MOST + 1, u64::MAX - (1 << 40), u64::MAX - 1, u64::MAX];

fn crc(begun: u32, bytes: &[u8]) -> [u8; 4] {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!begun));
    digest.update(bytes);
    (digest.finalize() as u32).to_le_bytes()
}

fn put_number(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

/// Changes both slots of the control file, or the header of a segment, and makes the checksum right.
fn forge(disk: &SimulatedDisk, name: &str, size: usize, at: &[usize], fields: &[(usize, u64)]) {
    let bytes = read(disk, name);
    for at in at {
        let mut forged = bytes[*at..*at + size].to_vec();
        for (field, number) in fields {
            put_number(&mut forged, *field, *number);
        }
        let checksum = crc(0, &forged[..size - 4]);
        forged[size - 4..].copy_from_slice(&checksum);
        write(disk, name, *at, &forged);
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

/// The tail of a slot, or the latest of its notes, as fields of the slot.
fn latest_tail(bytes: &[u8], slot: usize) -> Vec<(usize, u64)> {
    let generation = number(bytes, slot + GENERATION);
    let notes = NOTES.iter().map(|note| slot + note);
    let notes = notes.filter(|note| number(bytes, *note) == generation).map(|note| note + NOTED);
    let tails = std::iter::once(slot + TAIL).chain(notes);
    let latest = tails.max_by_key(|tail| number(bytes, tail + SEQUENCE)).unwrap();
    (0..24).step_by(8).map(|field| (TAIL + field, number(bytes, latest + field))).collect()
}

fn with_control(image: &Image, fields: &[(usize, u64)]) -> SimulatedDisk {
    image.with(|disk| forge(disk, "control", SLOT, &SLOTS, fields))
}

#[test]
fn a_control_file_with_a_number_that_was_never_given_loses_nothing() {
    for image in images() {
        for far in FAR {
            for place in [TAIL, HEAD] {
                // Where its segment is, and where there is none that could tell.
                for segment in [None, Some(1000)] {
                    let mut fields = vec![(place + SEQUENCE, far)];
                    if let Some(segment) = segment {
                        fields.extend([(TAIL, segment), (HEAD, segment)]);
                    }
                    let disk = with_control(&image, &fields);
                    image.loses_nothing(&disk, &format!("control file: {fields:?}"));
                }
            }
        }
    }
}

#[test]
fn a_note_of_a_number_that_was_never_given_does_not_count() {
    for image in images() {
        let bytes = read(&image.disk, "control");
        let salt = u32::from_le_bytes(*bytes[12..].first_chunk().unwrap());
        for far in FAR {
            let disk = image.with(|disk| {
                for slot in SLOTS {
                    forge(disk, "control", SLOT, &[slot], &latest_tail(&bytes, slot));
                    let mut note = bytes[slot + GENERATION..][..40].to_vec();
                    put_number(&mut note, NOTED + SEQUENCE, far);
                    let checksum = crc(salt, &note[..32]);
                    note[32..].copy_from_slice(&[checksum, [0; 4]].concat());
                    for at in NOTES {
                        write(disk, "control", slot + at, &note);
                    }
                }
            });
            image.does_not_notice(&disk, &format!("a note of the number {far}"));
        }
    }
}

#[test]
fn generations_go_on_behind_the_last() {
    for image in images() {
        let bytes = read(&image.disk, "control");
        let generation = |at| number(&bytes, at + GENERATION);
        let newest = SLOTS.map(generation).into_iter().max().unwrap();
        // Each slot keeps its place, and the newest one is some generations in front of the last.
        for left in 0..4_u64 {
            let moved = u64::MAX - left - newest;
            if moved % 2 != 0 {
                continue;
            }
            let disk = image.with(|disk| {
                for at in SLOTS {
                    // Notes of the old generation do not count.
                    let mut fields = latest_tail(&bytes, at);
                    fields.push((GENERATION, generation(at) + moved));
                    forge(disk, "control", SLOT, &[at], &fields);
                }
            });
            image.does_not_notice(&disk, &format!("{left} generations in front of the last"));
        }
    }
}

#[test]
fn a_record_with_a_number_that_was_never_given_is_damage() {
    for image in images() {
        for record in &image.records {
            for far in [&[MOST][..], &FAR].concat() {
                let disk = image.with(|disk| {
                    let bytes = read(disk, record.file);
                    let salt = u32::from_le_bytes(*bytes[12..].first_chunk().unwrap());
                    let mut frame = bytes[record.offset..][..record.length()].to_vec();
                    put_number(&mut frame, 16, far);
                    let checksum = crc(salt ^ record.length() as u32, &frame[16..]);
                    frame[4..8].copy_from_slice(&checksum);
                    write(disk, record.file, record.offset, &frame);
                });
                is_lost_alone(&image, record, &disk, &format!("number {far} in {record:?}"));
            }
        }
    }
}

#[test]
fn a_segment_that_begins_with_a_number_that_was_never_given_has_a_damaged_header() {
    for image in images() {
        for name in image.segments() {
            for far in FAR {
                let fields = [(16, far)];
                let disk = image.with(|disk| forge(disk, &name, SEGMENT_HEADER, &[0], &fields));
                image.does_not_notice(&disk, &format!("{name} begins with {far}"));
            }
        }
    }
}

fn open(disk: &SimulatedDisk) -> FileQueue<Vec<u8>, Bytes> {
    let options = Options::new().storage(Arc::new(disk.clone())).autosave(true);
    options.open_with(PATH, Bytes).unwrap()
}

/// Nobody comes there but by a forged file; then it must end in an error, not in a lost item.
#[test]
fn behind_the_last_number_nothing_is_put_and_nothing_is_lost() {
    let image = waiting();
    // No segment tells where its head was, so its number is taken.
    let places =
        [(TAIL, 1000), (HEAD, 1000), (TAIL + SEQUENCE, MOST - 2), (HEAD + SEQUENCE, MOST - 2)];
    let disk = with_control(&image, &places);
    let queue = open(&disk);
    let put = |item: &[u8]| queue.put(item.to_vec()).map_err(|rejected| rejected.error);
    put(b"the last but one").unwrap();
    assert!(queue.put_many(vec![b"one".to_vec(), b"two".to_vec()]).is_err(), "half of it is left");
    put(b"the last").unwrap();
    for item in [b"small".to_vec(), vec![7; 100_000]] {
        let refused = put(&item).unwrap_err();
        assert!(matches!(refused, Error::Io { .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains("/queue") && told.contains("last number"), "{told}");
    }
    queue.close().unwrap();
    drop(queue);

    let disk = disk.after_kill();
    let again = open(&disk);
    assert_eq!(again.len().unwrap(), 2);
    assert_eq!(again.try_get().unwrap(), Some(b"the last but one".to_vec()));
    let disk = disk.after_kill();
    let again = open(&disk);
    assert_eq!(again.try_get().unwrap(), Some(b"the last".to_vec()));
    let disk = disk.after_kill();
    assert_eq!(open(&disk).try_get().unwrap(), None, "what was final comes back");
}
