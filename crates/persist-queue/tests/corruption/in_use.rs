//! Damage that is met by everything that reads, and how often it is told.

use std::path::Path;
use std::sync::Arc;

use persist_queue::storage::{Fault, SimulatedDisk};
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, Wait};

use crate::image::{Image, PATH, RECORD_HEADER, Record, SEGMENT_HEADER, names, write};
use crate::support::oracle::{Op, Setup};
use crate::support::run::Run;
use crate::support::subject::Subject;
use crate::support::survivors::{drain_damaged, goes_on, open};

/// A queue of five items whose second record is damaged.
fn damaged_second() -> (Image, SimulatedDisk) {
    let larger = Setup { chunk_records: 100, ..Setup::PLAIN };
    let mut run = Run::new();
    run.all(&[Op::Open(larger), Op::Put(5)]);
    let offset = SEGMENT_HEADER + Record::at(0, 0).frame();
    let second = Record::at(1, offset);
    let disk = run.disk.after_kill();
    let image = Image { disk, stored: vec![0, 1, 2, 3, 4], put: 5, records: vec![second.clone()] };
    let damaged = image.with(|disk| write(disk, "q00000", second.offset + RECORD_HEADER, b"!"));
    (image, damaged)
}

fn plain(disk: &SimulatedDisk) -> Subject {
    Subject::open(Arc::new(disk.clone()), Path::new(PATH), Setup::PLAIN).unwrap()
}

fn is_damage(result: &Result<impl std::fmt::Debug, Error>) {
    assert!(matches!(result, Err(Error::Corrupted { records: 1, .. })), "{result:?}");
}

#[test]
fn a_peek_tells_damage_once() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    assert_eq!(queue.take(0).unwrap(), Some(0));
    is_damage(&queue.peek());
    assert_eq!(queue.peek().unwrap(), Some(2));
    assert_eq!(queue.size().unwrap(), 3);
    assert_eq!(queue.store.unfinished().unwrap(), 4);
}

#[test]
fn damage_that_was_told_counts_as_done() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    let (items, errors) = drain_damaged(&mut queue, 1, "");
    assert_eq!((items, errors.len()), (vec![0, 2, 3, 4], 1));
    for left in (0..4).rev() {
        queue.done(left).unwrap();
        assert_eq!(queue.store.unfinished().unwrap(), left);
    }
    assert!(now(queue.store.join(&mut Thread, Wait::No)).unwrap());
}

#[test]
fn a_purge_that_meets_damage_strands_nothing() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    assert_eq!(queue.take(0).unwrap(), Some(0));
    is_damage(&queue.purge());
    assert_eq!(queue.size().unwrap(), 3);
    assert_eq!(queue.purge().unwrap(), 3);
    queue.done(0).unwrap();
    assert_eq!(queue.store.unfinished().unwrap(), 0);
    drop(queue);
    goes_on(open(&disk, Path::new(PATH), "purged"), &disk, Path::new(PATH), "purged");
}

#[test]
fn damage_to_an_item_that_was_given_back_is_told_once() {
    let (image, _) = damaged_second();
    let disk = image.disk.after_kill();
    let mut queue = plain(&disk);
    for (thread, id) in [(0, 0), (1, 1), (2, 2)] {
        assert_eq!(queue.take(thread).unwrap(), Some(id));
    }
    write(&disk, "q00000", image.records[0].offset + RECORD_HEADER, b"!");
    for (thread, id) in [(2, 2), (1, 1)] {
        queue.perform(Op::GiveBack(thread), &[], Some(id)).unwrap();
    }
    assert_eq!(queue.size().unwrap(), 4);
    let (items, errors) = drain_damaged(&mut queue, 1, "");
    assert_eq!((items, errors.len()), (vec![2, 3, 4], 1));
    assert_eq!((queue.size().unwrap(), queue.store.unfinished().unwrap()), (0, 4));
}

/// Until the items in front of it are final the damage is found again by whoever opens the queue,
/// and is kept in the same file.
#[test]
fn damage_behind_an_unfinished_item_is_told_again_by_the_next_opening_only() {
    let (_, disk) = damaged_second();
    for _ in 0..2 {
        let mut queue = plain(&disk.after_kill());
        let (items, errors) = drain_damaged(&mut queue, 1, "");
        assert_eq!((items, errors.len()), (vec![0, 2, 3, 4], 1));
    }
    let mut queue = plain(&disk);
    let _ = drain_damaged(&mut queue, 1, "");
    queue.done(0).unwrap();
    drop(queue);
    let mut queue = plain(&disk);
    assert_eq!(drain_damaged(&mut queue, 0, "").0, [] as [u64; 0]);
}

#[test]
fn damage_that_cannot_be_copied_keeps_its_segment() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    disk.arm(Fault::Error { at: 1, errno: libc::ENOSPC, part: 0, lasting: true });
    let (items, errors) = drain_damaged(&mut queue, 1, "");
    assert_eq!(items, [0, 2, 3, 4]);
    assert!(matches!(errors[..], [Error::Corrupted { kept: None, .. }]), "{errors:?}");
    disk.disarm();
    queue.done(0).unwrap();
    let mut autosave = goes_on_in_the_next_segment(queue, &disk);
    assert!(names(&disk).contains("damaged-q00000"), "{:?}", names(&disk));
    assert_eq!(autosave.take(0).unwrap(), None);
}

/// Puts so much that the first segment is left, and takes it.
fn goes_on_in_the_next_segment(mut queue: Subject, disk: &SimulatedDisk) -> Subject {
    for id in 5..9 {
        queue.put(&[id]).unwrap();
        assert_eq!(queue.take(0).unwrap(), Some(id));
        queue.done(0).unwrap();
    }
    drop(queue);
    open(disk, Path::new(PATH), "")
}
