//! Level disk: what threads see of each other's flushes.

use std::thread::scope;
use std::time::Duration;

use persist_queue::codec::Bytes;
use persist_queue::storage::Fault;
use persist_queue::wait::{Thread, now};
use persist_queue::{Durability, Error, FileQueue, Options, Wait};

use crate::shared::{PATH, SETUP, Shared, failed, wakes_up, worked};
use crate::support::gate::{GatedDisk, wait_until};
use crate::support::item::payload;
use crate::support::oracle::Setup;
use crate::support::survivors::Promise;

#[test]
fn who_waits_for_one_flush_gets_its_error() {
    let shared = Shared::new(SETUP);
    shared.put(0).unwrap();
    scope(|scope| {
        let gate = shared.disk.hold();
        let puts: Vec<_> = (1..=4).map(|id| shared.start_put(scope, id)).collect();
        shared.fail_next_sync();
        gate.open();
        puts.into_iter().for_each(failed);
    });
    assert_eq!(shared.take_all(), [0]);
    shared.survive(&Promise::exactly(&[0]));
    shared.put(5).unwrap();
    assert_eq!(shared.take_all(), [5]);
    shared.survive(&Promise::exactly(&[0, 5]));
}

#[test]
fn an_error_that_was_told_is_not_told_again() {
    let shared = Shared::new(SETUP);
    shared.fail_next_sync();
    assert!(shared.put(0).is_err());
    now(shared.store.flush(&mut Thread)).unwrap();
    shared.store.close().unwrap();
}

#[test]
fn who_was_flushed_before_does_not_get_the_error_of_the_next_flush() {
    let shared = Shared::new(SETUP);
    scope(|scope| {
        let gate = shared.disk.hold();
        let first = shared.start_put(scope, 0);
        let others: Vec<_> = (1..=2).map(|id| shared.start_put(scope, id)).collect();
        shared.disk.let_through(1);
        worked(first);
        shared.disk.wait_for_sync();
        shared.fail_next_sync();
        gate.open();
        others.into_iter().for_each(failed);
    });
    assert_eq!(shared.size(), 1);
    shared.survive(&Promise::exactly(&[0]));
    assert_eq!(shared.take_all(), [0]);
}

#[test]
fn nobody_sees_an_item_before_it_is_flushed() {
    let shared = Shared::new(SETUP);
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        assert_eq!((shared.take(), shared.size()), (None, 0));
        gate.open();
        worked(put);
    });
    assert_eq!(shared.take(), Some(0));
}

/// The next segment has items that are not shown yet; they are no reason to read those from there.
#[test]
fn an_older_item_is_read_from_its_own_segment_while_the_next_one_waits_for_its_flush() {
    let shared = Shared::new(SETUP);
    shared.put(0).unwrap();
    shared.put(1).unwrap();
    scope(|scope| {
        let gate = shared.disk.hold();
        let puts: Vec<_> = (2..=5).map(|id| shared.start_put(scope, id)).collect();
        assert_eq!(shared.take_all(), [0, 1]);
        gate.open();
        puts.into_iter().for_each(worked);
    });
    assert_eq!(shared.take_all(), [2, 3, 4, 5]);
}

/// A flush is under way for items that are done when an item is put that begins a segment: its own
/// flush comes next, and is what `during` sees.
fn put_into_a_new_segment_during_a_flush(during: impl FnOnce(&Shared)) -> (Shared, bool) {
    let shared = Shared::new(SETUP);
    let records = 0..SETUP.chunk_records;
    records.clone().for_each(|id| shared.put(id).unwrap());
    assert_eq!(shared.take_all(), records.clone().collect::<Vec<_>>());
    let put = scope(|scope| {
        let gate = shared.disk.hold();
        let done = scope.spawn(|| shared.store.task_done(&mut Thread, 1).now());
        shared.disk.wait_for_sync();
        let put = shared.start_put(scope, records.end);
        shared.disk.let_through(1);
        done.join().unwrap().unwrap();
        shared.disk.wait_for_sync();
        during(&shared);
        gate.open();
        put.join().unwrap()
    });
    (shared, put.is_ok())
}

#[test]
fn a_flush_that_began_before_does_not_show_what_begins_the_next_segment() {
    let (shared, put) =
        put_into_a_new_segment_during_a_flush(|shared| assert_eq!(shared.take(), None));
    assert!(put);
    shared.put(10).unwrap();
    assert_eq!(shared.take_all(), [SETUP.chunk_records, 10]);
}

#[test]
fn what_begins_a_segment_during_a_flush_is_taken_back_where_its_own_flush_fails() {
    let (shared, put) = put_into_a_new_segment_during_a_flush(Shared::fail_next_sync);
    assert!(!put);
    shared.survive(&Promise::exactly(&[]));
    shared.put(10).unwrap();
    assert_eq!(shared.take_all(), [10]);
}

#[test]
fn what_fails_to_be_flushed_over_several_segments_is_taken_back() {
    let shared = Shared::new(SETUP);
    shared.put(0).unwrap();
    scope(|scope| {
        let gate = shared.disk.hold();
        let puts: Vec<_> = (1..=8).map(|id| shared.start_put(scope, id)).collect();
        shared.fail_next_sync();
        gate.open();
        puts.into_iter().for_each(failed);
    });
    assert_eq!(shared.size(), 1);
    shared.survive(&Promise::exactly(&[0]));
    shared.put(9).unwrap();
    shared.survive(&Promise::exactly(&[0, 9]));
    assert_eq!(shared.take_all(), [0, 9]);
}

#[test]
fn items_that_wait_for_their_flush_count_against_the_limit() {
    let shared = Shared::new(Setup { maxsize: 1, ..SETUP });
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        let second = scope.spawn(|| shared.put(1));
        wait_until("a refusal", || second.is_finished());
        let error = second.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        gate.open();
        worked(put);
    });
}

#[test]
fn who_waits_for_all_to_be_done_is_told_when_the_last_put_fails() {
    let shared = Shared::new(SETUP);
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        let joined = scope.spawn(|| now(shared.store.join(&mut Thread, Wait::Forever)));
        std::thread::sleep(Duration::from_millis(50));
        shared.fail_next_sync();
        gate.open();
        failed(put);
        wakes_up(&shared, &joined);
        assert!(joined.join().unwrap().unwrap());
    });
}

#[test]
fn who_waits_for_room_is_told_when_the_put_that_took_it_fails() {
    let shared = Shared::new(Setup { maxsize: 1, ..SETUP });
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 0);
        let waiting =
            scope.spawn(|| shared.store.put(&mut Thread, &[payload(1)], Wait::Forever).now());
        std::thread::sleep(Duration::from_millis(50));
        shared.fail_next_sync();
        gate.open();
        failed(put);
        wakes_up(&shared, &waiting);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(shared.take_all(), [1]);
}

/// A segment may go when the tail behind it is on the disk, not when some other flush is done.
#[test]
fn a_flush_that_began_before_does_not_remove_what_was_finished_since() {
    let shared = Shared::new(SETUP);
    (0..3).for_each(|id| shared.put(id).unwrap());
    assert_eq!(shared.take_all(), [0, 1, 2]);
    shared.put(3).unwrap();
    assert_eq!(shared.take_by(2), Some(3));
    scope(|scope| {
        let gate = shared.disk.hold();
        let put = shared.start_put(scope, 4);
        shared.disk.wait_for_sync();
        let calls = shared.disk.disk.calls();
        let done = scope.spawn(|| shared.store.task_done(&mut Thread, 1).now());
        wait_until("the control file", || shared.disk.disk.calls() > calls);
        shared.settle_down();
        shared.disk.let_through(1);
        worked(put);
        shared.disk.wait_for_sync();
        shared.survive(&Promise::between(&[0, 1, 2, 3, 4], &[3, 4]));
        gate.open();
        done.join().unwrap().unwrap();
    });
    shared.survive(&Promise::exactly(&[3, 4]));
}

#[test]
fn many_items_that_are_taken_at_once_share_a_flush() {
    let disk = GatedDisk::default();
    let options = Options::new().storage(disk.shared()).durability(Durability::Disk).autosave(true);
    let queue: FileQueue<Vec<u8>, Bytes> = options.open_with(PATH, Bytes).unwrap();
    let items: Vec<Vec<u8>> = (0..5).map(payload).collect();
    queue.put_many(items.clone()).unwrap();
    scope(|scope| {
        let gate = disk.hold();
        let many = scope.spawn(|| queue.get_many(5, Wait::No).unwrap());
        disk.wait_for_sync();
        disk.let_through(1);
        wait_until("the items", || many.is_finished());
        assert_eq!(many.join().unwrap(), items);
        gate.open();
    });
}

#[test]
fn many_items_that_cannot_be_made_final_all_wait_again() {
    let disk = GatedDisk::default();
    let options = Options::new().storage(disk.shared()).autosave(true);
    let queue: FileQueue<Vec<u8>, Bytes> = options.open_with(PATH, Bytes).unwrap();
    let items: Vec<Vec<u8>> = (0..5).map(payload).collect();
    queue.put_many(items.clone()).unwrap();
    disk.disk.arm(Fault::Error { at: 1, errno: libc::EIO, part: 0, lasting: false });
    assert!(matches!(queue.get_many(5, Wait::No), Err(Error::Io { .. })));
    assert_eq!(queue.get_many(9, Wait::No).unwrap(), items);
}
