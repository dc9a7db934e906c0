//! Segments that a killed process began and nobody knows of.

use std::fs;
use std::path::Path;

use crate::puppet::{AUTOSAVE, Puppet, Spec};

/// Makes the segment behind the first one, as a process does that is killed before it can say so.
/// `sequence` is the number of the record that would have come first there.
fn begin_segment(dir: &Path, sequence: u64) {
    let mut header = fs::read(dir.join("q00000")).unwrap();
    header.truncate(128);
    header[16..24].copy_from_slice(&sequence.to_le_bytes());
    let checksum = crc_fast::crc32_iscsi(&header[..124]);
    header[124..].copy_from_slice(&checksum.to_le_bytes());
    fs::write(dir.join("q00001"), header).unwrap();
}

fn check_all_there(dir: &Path, count: u64) {
    let queue = AUTOSAVE.open(dir).unwrap();
    let items: Vec<u64> = queue.iter().map(|item| item.unwrap().2).collect();
    assert!(items.iter().copied().eq(0..count), "of {count} items there are {items:?}");
}

/// The one that was killed had smaller segments than the one that goes on in the old one.
#[test]
fn a_process_with_larger_segments_goes_on_behind_a_killed_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut puppet = Puppet::with(folder.path(), Spec { chunk: 1000, ..AUTOSAVE });
    for number in 0..5 {
        puppet.put(number);
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
    begin_segment(folder.path(), 5);
    for number in 5..8 {
        puppet.put(number);
    }
    puppet.kill();
    check_all_there(folder.path(), 8);
}

#[test]
fn a_process_with_the_same_segments_goes_on_behind_a_killed_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut puppet = Puppet::with(folder.path(), Spec { chunk: 5, ..AUTOSAVE });
    for number in 0..5 {
        puppet.put(number);
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
    begin_segment(folder.path(), 5);
    for number in 5..8 {
        puppet.put(number);
    }
    puppet.kill();
    check_all_there(folder.path(), 8);
}

/// It is found when the queue is opened, and may be gone on with.
#[test]
fn a_process_that_opens_the_queue_goes_on_behind_a_killed_one() {
    for chunk in [5, 1000] {
        let folder = tempfile::tempdir().unwrap();
        let mut puppet = Puppet::with(folder.path(), Spec { chunk, ..AUTOSAVE });
        for number in 0..5 {
            puppet.put(number);
        }
        puppet.kill();
        begin_segment(folder.path(), 5);
        let mut next = Puppet::with(folder.path(), Spec { chunk, ..AUTOSAVE });
        for number in 5..8 {
            next.put(number);
        }
        next.kill();
        check_all_there(folder.path(), 8);
    }
}
