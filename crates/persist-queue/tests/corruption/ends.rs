//! Files that end too early, or too late.

use std::collections::BTreeSet;

use persist_queue::storage::SimulatedDisk;

use crate::image::{Image, Record, cut, images, in_use, read, write};

#[test]
fn the_control_file_cut_at_each_byte() {
    let image = in_use();
    for size in 0..read(&image.disk, "control").len() {
        let disk = image.with(|disk| cut(disk, "control", size));
        image.loses_nothing(&disk, &format!("cut at {size}"));
    }
}

#[test]
fn each_segment_cut_at_each_byte() {
    for image in images() {
        for name in image.segments() {
            for size in 0..read(&image.disk, &name).len() {
                let disk = image.with(|disk| cut(disk, &name, size));
                what_is_cut_off_is_lost(&image, &disk, &name, size);
            }
        }
    }
}

pub(crate) fn what_is_cut_off_is_lost(
    image: &Image,
    disk: &SimulatedDisk,
    name: &str,
    size: usize,
) {
    let case = format!("{name} cut at {size}");
    let found = image.try_out(disk, 1, &case);
    let is_cut = |record: &&Record| record.file == name && record.offset + record.length() > size;
    let lost: BTreeSet<u64> = image.records.iter().filter(is_cut).map(|record| record.id).collect();
    assert_eq!(found.items, image.without(&lost), "{case}");
    let is_last = image.segments().last().is_some_and(|last| last == name);
    let missed = image.stored.iter().any(|id| lost.contains(id));
    assert!(!is_last || found.errors.is_empty(), "{case}: a torn end is no damage");
    assert!(is_last || !missed || found.errors.len() == 1, "{case}: lost without a word");
}

#[test]
fn garbage_behind_each_file() {
    for image in images() {
        let mut garbage: Vec<Vec<u8>> = vec![vec![0], vec![0xFF], vec![0; 700], vec![0xFF; 700]];
        garbage.push((0..700_u32).map(|at| (at * 7 + 3) as u8).collect());
        garbage.push(b"{\"somebody\": \"else\"}\n".to_vec());
        // Whole records of this very queue that have been there already.
        for record in &image.records {
            let bytes = read(&image.disk, record.file);
            garbage.push(bytes[record.offset..record.offset + record.frame()].to_vec());
            garbage.push(bytes);
        }
        for name in image.files() {
            for garbage in &garbage {
                let end = read(&image.disk, &name).len();
                let disk = image.with(|disk| write(disk, &name, end, garbage));
                let case = format!("{} bytes behind {name}: {garbage:?}", garbage.len());
                image.does_not_notice(&disk, &case);
            }
        }
    }
}
