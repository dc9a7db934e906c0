//! Single bits.

use std::collections::BTreeSet;
use std::ops::Range;

use persist_queue::Error;
use persist_queue::storage::SimulatedDisk;

use crate::image::{
    Image, MARK, RECORD_HEADER, Record, SEGMENT_HEADER, images, in_use, moved_on, path, read,
};

/// A bit of a record that its checksum covers.
pub(crate) fn is_lost_alone(image: &Image, record: &Record, disk: &SimulatedDisk, case: &str) {
    let found = image.try_out(disk, 1, case);
    assert_eq!(found.items, image.without(&BTreeSet::from([record.id])), "{case}");
    let was_stored = image.stored.contains(&record.id);
    match found.errors.as_slice() {
        [] => assert!(record.is_last || !was_stored, "{case}: lost without a word"),
        [error] => {
            assert!(!record.is_last && (was_stored || record.is_marked), "{case}: {error}");
            is_told_exactly(record, disk, error, case);
        }
        more => panic!("{case}: {more:?}"),
    }
}

fn is_told_exactly(record: &Record, disk: &SimulatedDisk, error: &Error, case: &str) {
    let Error::Corrupted { path: file, offset, bytes, records, kept } = error else {
        panic!("{case}: {error}")
    };
    assert_eq!(*file, path(record.file), "{case}");
    assert_eq!((*offset, *records), (record.offset as u64, 1), "{case}");
    let name = format!("damaged-{}-{}", record.file, record.offset);
    assert_eq!(*kept, Some(path(&name)), "{case}");
    let copy = read(disk, &name);
    assert_eq!(*bytes, copy.len() as u64, "{case}");
    // Zeros at the end of a segment may be space that was never written.
    assert!(copy.len() <= record.frame() && copy.len() >= RECORD_HEADER, "{case}: {bytes}");
}

#[test]
fn each_bit_of_each_record() {
    for image in images() {
        for record in &image.records {
            let bytes = read(&image.disk, record.file);
            for bit in 0..record.frame() * 8 {
                let at = bit / 8;
                let case = format!("bit {bit} of {record:?}");
                let disk = image.with_flipped_bit(record.file, &bytes, record.offset * 8 + bit);
                if MARK.contains(&at) && record.is_marked {
                    image.loses_nothing(&disk, &case);
                } else if MARK.contains(&at) || at >= record.length() {
                    image.does_not_notice(&disk, &case);
                } else {
                    is_lost_alone(&image, record, &disk, &case);
                }
            }
        }
    }
}

#[test]
fn each_bit_of_each_segment_header() {
    for image in images() {
        for name in image.segments() {
            let bytes = read(&image.disk, &name);
            for bit in 0..SEGMENT_HEADER * 8 {
                let disk = image.with_flipped_bit(&name, &bytes, bit);
                image.does_not_notice(&disk, &format!("bit {bit} of {name}"));
            }
        }
    }
}

/// In two halves, which two processors share.
#[test]
fn each_bit_of_the_first_half_of_the_control_file() {
    each_bit_of_the_control_file(0..4096);
}

#[test]
fn each_bit_of_the_second_half_of_the_control_file() {
    each_bit_of_the_control_file(4096..8192);
}

fn each_bit_of_the_control_file(part: Range<usize>) {
    let image = in_use();
    let bytes = read(&image.disk, "control");
    assert_eq!(bytes.len(), 8192);
    for bit in part.start * 8..part.end * 8 {
        let disk = image.with_flipped_bit("control", &bytes, bit);
        image.loses_nothing(&disk, &format!("bit {bit}"));
    }
}

/// The slots are where the bits matter; a tail that is one step old must not be taken for damage
/// though its segment is gone.
#[test]
fn each_bit_of_the_slots_when_a_segment_is_gone() {
    let image = moved_on();
    let bytes = read(&image.disk, "control");
    for bit in (0..256 * 8).chain(4096 * 8..(4096 + 256) * 8) {
        let disk = image.with_flipped_bit("control", &bytes, bit);
        image.loses_nothing(&disk, &format!("bit {bit}"));
    }
}
