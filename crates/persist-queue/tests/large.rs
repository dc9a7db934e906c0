//! Items so large that they are neither copied before they are written nor read ahead: written with one call, and
//! read straight to where they are wanted.
#![cfg(feature = "simulation")]
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persist_queue::codec::Bytes;
use persist_queue::storage::{Fault, SimulatedDisk};
use persist_queue::{Error, FileQueue, Options, Wait};
use proptest::prelude::*;

type Queue = FileQueue<Vec<u8>, Bytes>;

/// Larger than what is read ahead, so that each of them is read by itself.
const SIZE: usize = 200_000;
/// Where the first frame starts, and what a frame of such an item takes.
const FIRST: u64 = 128;
const FRAME: u64 = 24 + SIZE as u64;
/// Where a frame has its sequence number.
const SEQUENCE: u64 = 16;

fn open(dir: &Path, autosave: bool) -> Queue {
    Options::new().autosave(autosave).open_with(dir, Bytes).unwrap()
}

/// Bytes that differ from those of every other number, in every place.
fn item(number: u64, size: usize) -> Vec<u8> {
    (0..size as u64).map(|at| (at * 7 + at / 251 + number * 13) as u8).collect()
}

fn large(number: u64) -> Vec<u8> {
    item(number, SIZE)
}

fn segment(dir: &Path) -> PathBuf {
    dir.join("q00000")
}

fn filled(count: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), true);
    for number in 0..count {
        queue.put_bytes(&large(number), Wait::No).unwrap();
    }
    dir
}

/// What there is, and what was told.
fn drain(queue: &Queue) -> (Vec<Vec<u8>>, Vec<Error>) {
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    loop {
        match queue.try_get() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, errors),
            Err(error) => errors.push(error),
        }
        assert!(errors.len() < 10, "without end: {errors:?}");
    }
}

fn numbers(items: &[Vec<u8>]) -> Vec<u64> {
    let number = |found: &Vec<u8>| (0..100).find(|number| *found == large(*number));
    items.iter().map(|found| number(found).expect("nobody put this")).collect()
}

#[test]
fn a_flipped_bit_anywhere_costs_that_item_and_no_other() {
    let whole = filled(5);
    for damaged in 0..5 {
        for place in [0, 5, 13, SEQUENCE, 24, FRAME / 2, FRAME - 1] {
            let case = format!("byte {place} of item {damaged}");
            let dir = tempfile::tempdir().unwrap();
            for name in ["q00000", "control"] {
                std::fs::copy(whole.path().join(name), dir.path().join(name)).unwrap();
            }
            let file = OpenOptions::new().read(true).write(true).open(segment(dir.path())).unwrap();
            let (at, mut byte) = (FIRST + damaged * FRAME + place, [0]);
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 4], at).unwrap();
            let queue = open(dir.path(), true);
            let (items, errors) = drain(&queue);
            let expected: Vec<u64> = (0..5).filter(|number| *number != damaged).collect();
            assert_eq!(numbers(&items), expected, "{case}");
            match errors.as_slice() {
                // With nothing whole behind it, it is the torn end of a write.
                [] => assert_eq!(damaged, 4, "{case}"),
                [Error::Corrupted { offset, bytes, records: 1, kept: Some(kept), .. }] => {
                    assert_eq!((*offset, *bytes), (FIRST + damaged * FRAME, FRAME), "{case}");
                    assert_eq!(kept.metadata().unwrap().len(), FRAME, "{case}");
                }
                other => panic!("{case}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_torn_end_of_a_write_is_cut_off_wherever_it_ends() {
    for left in [1, 8, 23, 24, 25, 4096, FRAME / 2, FRAME - 1] {
        let dir = filled(3);
        let file = OpenOptions::new().write(true).open(segment(dir.path())).unwrap();
        file.set_len(FIRST + 2 * FRAME + left).unwrap();
        // It knows of the third, as it would not where the process was killed within that write.
        std::fs::remove_file(dir.path().join("control")).unwrap();
        let queue = open(dir.path(), true);
        queue.put(large(7)).unwrap();
        let (items, errors) = drain(&queue);
        assert!(errors.is_empty(), "{left}: {errors:?}");
        assert_eq!(numbers(&items), [0, 1, 7], "{left}");
    }
}

#[test]
fn one_that_is_finished_before_an_older_one_does_not_come_back() {
    let dir = filled(4);
    let queue = open(dir.path(), false);
    let (item, third) = std::thread::scope(|scope| {
        assert_eq!(queue.get().unwrap(), large(0));
        let other = scope.spawn(|| {
            let taken = (queue.get().unwrap(), queue.get().unwrap());
            queue.task_done().unwrap();
            taken
        });
        other.join().unwrap()
    });
    assert_eq!(numbers(&[item, third]), [1, 2]);
    drop(queue);
    assert_eq!(numbers(&drain(&open(dir.path(), true)).0), [0, 3]);
}

#[test]
fn one_that_is_given_back_comes_again() {
    let dir = filled(3);
    let queue = open(dir.path(), false);
    assert_eq!(numbers(&drain(&queue).0), [0, 1, 2]);
    queue.close().unwrap();
    let queue = open(dir.path(), false);
    assert_eq!(queue.peek().unwrap(), Some(large(0)));
    assert_eq!(numbers(&drain(&queue).0), [0, 1, 2]);
}

const PATH: &str = "/queue";

fn open_in(disk: &SimulatedDisk) -> Result<Queue, Error> {
    Options::new().autosave(true).storage(Arc::new(disk.clone())).open_with(PATH, Bytes)
}

/// Puts four; gives those that are promised to be there, and what they left.
fn put_four(disk: &SimulatedDisk) -> (Vec<u64>, Option<Queue>) {
    let Ok(queue) = open_in(disk) else { return (Vec::new(), None) };
    let promised = (0..4).filter(|number| queue.put_bytes(&large(*number), Wait::No).is_ok());
    (promised.collect(), Some(queue))
}

/// Each call that [`put_four`] makes, and how much of it happens if it is a write.
fn faults() -> impl Iterator<Item = (u64, usize, String)> {
    const PARTS: [usize; 5] = [0, 8, 24, SIZE / 2, SIZE + 24];
    let disk = SimulatedDisk::new();
    let _ = put_four(&disk);
    let faults = (1..=disk.calls()).flat_map(|at| PARTS.map(|part| (at, part)));
    faults.map(|(at, part)| (at, part, format!("call {at}, {part} bytes of it")))
}

#[test]
fn a_put_that_is_refused_puts_nothing_and_harms_no_other() {
    for (at, part, case) in faults() {
        let disk = SimulatedDisk::new();
        disk.arm(Fault::Error { at, errno: 28, part, lasting: false });
        let (promised, queue) = put_four(&disk);
        let killed = disk.after_kill();
        drop(queue);
        assert!(disk.fired(), "{case}");
        for disk in [disk, killed] {
            let (items, errors) = drain(&open_in(&disk).unwrap());
            assert!(errors.is_empty(), "{case}: {errors:?}");
            assert_eq!(numbers(&items), promised, "{case}");
        }
    }
}

#[test]
fn a_process_that_dies_within_a_put_leaves_all_that_was_promised() {
    for (at, part, case) in faults() {
        let disk = SimulatedDisk::new();
        disk.arm(Fault::Die { at, part });
        let (promised, _) = put_four(&disk);
        let killed = disk.after_kill();
        let queue = open_in(&killed).unwrap();
        queue.put(large(9)).unwrap();
        let (items, errors) = drain(&queue);
        assert!(errors.is_empty(), "{case}: {errors:?}");
        let mut found = numbers(&items);
        assert_eq!(found.pop(), Some(9), "{case}");
        // The put that died may have come to its end.
        let one_more = [promised.as_slice(), &[promised.len() as u64]].concat();
        assert!(found == promised || found == one_more, "{case}: {found:?}");
    }
}

/// Sizes on both sides of each bound that the log knows.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..200_usize,
        (16 * 1024 - 40..16 * 1024 + 40_usize),
        (32 * 1024 - 40..32 * 1024 + 40_usize),
        (128 * 1024 - 60..128 * 1024 + 60_usize),
        180_000..300_000_usize,
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<usize>),
    Get(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => size().prop_map(|size| Step::Put(vec![size])),
        1 => prop::collection::vec(size(), 2..4).prop_map(Step::Put),
        4 => (1..6_usize).prop_map(Step::Get),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn items_of_all_sizes_come_out_as_they_went_in(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let options = || Options::new().autosave(true).chunk_bytes(1 << 20);
        let mut queue: Queue = options().open_with(dir.path(), Bytes).unwrap();
        let (mut expected, mut next) = (VecDeque::new(), 0);
        for step in steps {
            match step {
                Step::Put(sizes) => {
                    let items: Vec<_> =
                        (next..).zip(&sizes).map(|(number, size)| item(number, *size)).collect();
                    next += items.len() as u64;
                    expected.extend(items.clone());
                    if let [only] = items.as_slice() {
                        queue.put_bytes(only, Wait::No).unwrap();
                    } else {
                        queue.put_many(items).unwrap();
                    }
                }
                Step::Get(count) => {
                    for _ in 0..count {
                        prop_assert!(queue.try_get().unwrap() == expected.pop_front());
                    }
                }
                Step::Reopen => {
                    drop(queue);
                    queue = options().open_with(dir.path(), Bytes).unwrap();
                }
            }
            prop_assert_eq!(queue.len().unwrap(), expected.len() as u64);
        }
        let rest: VecDeque<_> = queue.iter().map(Result::unwrap).collect();
        prop_assert!(rest == expected);
    }
}
