//! Whole files, and whole sectors of them.

use std::path::Path;
use std::sync::Arc;

use persist_queue::storage::Storage;

use crate::ends::what_is_cut_off_is_lost;
use crate::image::{PATH, image, images, path, read, replace, waiting, write};
use crate::support::oracle::{Op, Setup};
use crate::support::subject::Subject;

#[test]
fn each_file_deleted() {
    for image in images() {
        for name in image.files() {
            let disk = image.with(|disk| disk.remove(&path(&name)).unwrap());
            let case = format!("{name} deleted");
            if name == "control" {
                image.loses_nothing(&disk, &case);
            } else {
                what_is_cut_off_is_lost(&image, &disk, &name, 0);
            }
        }
    }
}

#[test]
fn the_control_file_replaced_by_something_else() {
    let foreign = [
        Vec::new(),
        vec![0],
        vec![0; 8192],
        vec![0xFF; 8192],
        vec![0xFF; 100_000],
        b"PQRSCTL1".repeat(1024),
        b"{}\n".to_vec(),
    ];
    for image in images() {
        for bytes in &foreign {
            let disk = image.with(|disk| replace(disk, "control", bytes));
            image.loses_nothing(&disk, &format!("{} bytes as control file", bytes.len()));
        }
    }
}

#[test]
fn the_control_file_of_another_queue() {
    let other = image(&[Op::Put(1)]);
    for image in images() {
        let foreign = read(&other.disk, "control");
        let disk = image.with(|disk| replace(disk, "control", &foreign));
        image.loses_nothing(&disk, "the control file of another queue");
    }
}

#[test]
fn two_segments_swapped() {
    for image in images() {
        let [.., first, second] = &image.segments()[..] else { panic!("two segments") };
        let bytes = [read(&image.disk, first), read(&image.disk, second)];
        let disk = image.with(|disk| {
            replace(disk, first, &bytes[1]);
            replace(disk, second, &bytes[0]);
        });
        image.tells_what_it_loses(&disk, 4, "swapped");
    }
}

#[test]
fn a_segment_in_the_place_of_another() {
    for image in images() {
        for from in image.segments() {
            for to in image.segments() {
                let bytes = read(&image.disk, &from);
                let disk = image.with(|disk| replace(disk, &to, &bytes));
                image.tells_what_it_loses(&disk, 4, &format!("{from} in the place of {to}"));
            }
        }
    }
}

#[test]
fn each_sector_of_each_file_overwritten() {
    for image in images() {
        for name in image.files() {
            let size = read(&image.disk, &name).len();
            for offset in (0..size).step_by(512) {
                for value in [0, 0xFF, 0xA5] {
                    let sector = vec![value; 512.min(size - offset)];
                    let disk = image.with(|disk| write(disk, &name, offset, &sector));
                    let case = format!("{value:#x} at {offset} of {name}");
                    if name == "control" {
                        image.loses_nothing(&disk, &case);
                    } else {
                        image.tells_what_it_loses(&disk, 2, &case);
                    }
                }
            }
        }
    }
}

#[test]
fn a_folder_in_the_place_of_a_segment_is_a_clear_error() {
    let image = waiting();
    let disk = image.with(|disk| {
        disk.remove(&path("q00001")).unwrap();
        disk.create_dir_all(&path("q00001")).unwrap();
    });
    let opened = Subject::open(Arc::new(disk), Path::new(PATH), Setup::AUTOSAVE);
    let error = opened.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("q00001"), "{error}");
}
