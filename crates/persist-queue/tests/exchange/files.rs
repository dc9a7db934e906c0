//! The bytes themselves: from the same folder the same calls make the same files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options};

use crate::other;

/// A control file's slots, and what in them depends on when a process had the log: the generation.
const SLOTS: [usize; 2] = [0, 4096];
const GENERATION: std::ops::Range<usize> = 16..24;
const CHECKSUM: usize = 252;

fn open(folder: &Path, mapped: bool) -> FileQueue<Vec<u8>, Bytes> {
    Options::new().chunk_records(10).mapped(mapped).open_with(folder, Bytes).unwrap()
}

/// Puts items of many lengths and finishes some of them, also behind one that is not finished.
pub(crate) fn write(folder: &Path) {
    for mapped in [true, false] {
        let queue = open(folder, mapped);
        for length in (0..40).chain([4095, 4096, 70_000]) {
            queue.put((0..length).map(|byte: u32| byte as u8).collect()).unwrap();
        }
        for _ in 0..15 {
            queue.get().unwrap();
        }
        queue.task_done().unwrap();
        queue.get().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                queue.get().unwrap();
                queue.task_done().unwrap();
            });
        });
        queue.close().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The files by their names, and the newest slot in the place of the control file.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<_, _> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        // These hold clocks and process numbers.
        .filter(|(name, _)| !name.starts_with("lock"))
        .collect();
    let control = files.get_mut("control").unwrap();
    let slots = SLOTS.map(|at| control[at..at + CHECKSUM].to_vec());
    let generation = |slot: &Vec<u8>| u64::from_le_bytes(slot[GENERATION].try_into().unwrap());
    let mut newest = slots.into_iter().max_by_key(generation).unwrap();
    newest[GENERATION].fill(0);
    *control = newest;
    files
}

#[test]
fn both_builds_write_the_same_bytes() {
    let [begun, mine, others] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    // A queue's salt is drawn once.
    let queue = open(begun.path(), true);
    queue.put(b"begun".to_vec()).unwrap();
    queue.close().unwrap();
    copy(begun.path(), mine.path());
    copy(begun.path(), others.path());
    write(mine.path());
    other(&["write", &others.path().display().to_string()]).finish();
    let (mine, others) = (files(mine.path()), files(others.path()));
    assert!(mine.len() > 5, "{:?}", mine.keys());
    assert_eq!(mine.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>());
    for (name, bytes) in &mine {
        assert!(bytes == &others[name], "{name} differs");
    }
}
