//! Control files with a real queue's segments.

use persist_queue::FileView;
use std::path::Path;
use std::sync::Arc;

use super::folder::{PATH, disk, drain, goes_on, open};
use super::frames::{NOTE, NOTES, SLOT, SLOTS, records, salt, seal, seal_note};

const SEGMENTS: [(&str, &[u8]); 2] = [
    ("q00000", include_bytes!("../../crates/persist-queue/tests/data/format/1/q00000")),
    ("q00001", include_bytes!("../../crates/persist-queue/tests/data/format/1/q00001")),
];
/// More than there are records and places that can be damaged.
const MOST: usize = 64;
pub const CODEC: &str = "bytes";

/// The input: whether the checksums of the slots and of the notes are made right, the slots, and the notes.
pub fn check(input: &[u8]) {
    let Some((flags, slots)) = input.split_first() else { return };
    let (slots, notes) = slots.split_at(slots.len().min(SLOT * SLOTS.len()));
    let mut control = vec![0; 8192];
    for (number, (slot, at)) in slots.chunks(SLOT).zip(SLOTS).enumerate() {
        control[at..at + slot.len()].copy_from_slice(slot);
        if flags >> number & 1 != 0 {
            seal(&mut control[at..], SLOT);
        }
    }
    let places = SLOTS.iter().flat_map(|slot| NOTES.map(|note| (*slot, note)));
    for (note, (slot, at)) in notes.chunks(NOTE).zip(places) {
        control[slot + at..][..note.len()].copy_from_slice(note);
        if flags >> SLOTS.len() & 1 != 0 {
            seal_note(&mut control[slot..], at);
        }
    }
    let disk = disk(SEGMENTS.into_iter().chain([("control", control.as_slice())]));
    // Whatever the control file says, only the queue's own items are given.
    let stored: Vec<_> =
        SEGMENTS.iter().flat_map(|(_, bytes)| records(bytes, salt(bytes).unwrap_or(0))).collect();

    if let Ok(mut view) = FileView::open_in(Arc::new(disk.clone()), Path::new(PATH)) {
        let mut payload = Vec::new();
        for looked in 0.. {
            assert!(looked < MOST, "a view without end");
            match view.next_record(&mut payload) {
                Ok(Some(number)) => assert!(stored.contains(&(number, payload.clone()))),
                Ok(None) => break,
                Err(_) => {}
            }
        }
    }
    let Some(queue) = open(&disk, CODEC) else { return };
    for item in drain(&queue, MOST) {
        assert!(stored.iter().any(|(_, payload)| *payload == item), "foreign: {item:?}");
    }
    goes_on(queue, &disk, CODEC);
}
