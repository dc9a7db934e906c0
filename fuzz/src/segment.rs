//! Folders of fuzzed segments, with or without a control file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use persist_queue::FileView;

use super::folder::{PATH, disk, drain, goes_on, open, unpack};
use super::frames::{SLOT, SLOTS, records, salt, seal, seal_segment};

pub const CODEC: &str = "bytes";

/// The input: a folder, as `folder` has it.
pub fn check(input: &[u8]) {
    let mut files = unpack(input, "control");
    for file in files.iter_mut().filter(|file| file.seal) {
        if file.name == "control" {
            for at in SLOTS {
                if let Some(slot) = file.bytes.get_mut(at..) {
                    seal(slot, SLOT);
                }
            }
        } else {
            seal_segment(&mut file.bytes);
        }
    }
    let salts: BTreeSet<u32> = files
        .iter()
        .flat_map(|file| SLOTS.map(|at| file.bytes.get(at..).and_then(salt)))
        .flatten()
        .collect();
    let stored: BTreeSet<(u64, Vec<u8>)> = files
        .iter()
        .flat_map(|file| salts.iter().flat_map(|salt| records(&file.bytes, *salt)))
        .collect();
    let most = stored.len() + input.len() + 64;
    let disk = disk(files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())));

    if let Ok(mut view) = FileView::open_in(Arc::new(disk.clone()), Path::new(PATH)) {
        let (mut payload, mut last) = (Vec::new(), None);
        for looked in 0.. {
            assert!(looked < most, "a view without end");
            match view.next_record(&mut payload) {
                Ok(Some(number)) => {
                    assert!(stored.contains(&(number, payload.clone())), "wrong: {payload:?}");
                    assert!(last < Some(number), "{number} behind {last:?}");
                    last = Some(number);
                }
                Ok(None) => break,
                Err(_) => {}
            }
        }
    }
    let Some(queue) = open(&disk, CODEC) else { return };
    for item in drain(&queue, most) {
        assert!(stored.iter().any(|(_, payload)| *payload == item), "wrong: {item:?}");
    }
    goes_on(queue, &disk, CODEC);
}
