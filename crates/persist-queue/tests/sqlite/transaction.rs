//! Several changes in queues of one database, in one commit.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persist_queue::sql::{Kind, Status};
use persist_queue::sqlite::{Change, Put, PutOptions, Settlement, SqliteStore, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{Durability, Error, SqliteAckQueue, SqliteOptions, SqliteQueue, Wait};

fn work(dir: &Path, options: SqliteOptions) -> SqliteAckQueue<u64> {
    options.name("work").open_ack(dir.join("data.db")).unwrap()
}

fn results(dir: &Path, options: SqliteOptions) -> SqliteQueue<u64> {
    options.name("results").open(dir.join("data.db")).unwrap()
}

/// New, ready, held, acknowledged, failed.
fn counts(queue: &SqliteAckQueue<u64>) -> [u64; 5] {
    [Status::New, Status::Ready, Status::Held, Status::Acked, Status::Failed]
        .map(|status| queue.count(status).unwrap())
}

#[test]
fn all_of_it_is_there_with_the_commit_and_nothing_before() {
    let dir = tempfile::tempdir().unwrap();
    let (work, results) =
        (work(dir.path(), SqliteOptions::new()), results(dir.path(), SqliteOptions::new()));
    for number in 1..=4 {
        work.put(number).unwrap();
    }
    let [done, again, given_up] = [(); 3].map(|()| work.get().unwrap());
    let mut group = work.transaction();
    group.put(&results, &10).unwrap();
    group.put(&results, &20).unwrap();
    group.put(&work, &5).unwrap();
    group.ack(&done).unwrap();
    group.nack(&again).unwrap();
    group.fail(&given_up).unwrap();
    assert_eq!((results.len().unwrap(), counts(&work)), (0, [1, 0, 3, 0, 0]));
    let numbers = group.commit().unwrap();
    assert_eq!(numbers, [1, 2, 5, 1, 2, 3].map(Some));
    assert_eq!((results.len().unwrap(), counts(&work)), (2, [2, 1, 0, 1, 1]));
    // Dropped, they do not go back any more.
    drop((done, again, given_up));
    assert_eq!(counts(&work), [2, 1, 0, 1, 1]);
    assert_eq!([(); 2].map(|()| results.get().unwrap()), [10, 20]);
}

#[test]
fn what_is_dropped_never_was() {
    let dir = tempfile::tempdir().unwrap();
    let (work, results) =
        (work(dir.path(), SqliteOptions::new()), results(dir.path(), SqliteOptions::new()));
    work.put(1).unwrap();
    let delivery = work.get().unwrap();
    let mut group = results.transaction();
    group.put(&results, &1).unwrap();
    group.ack(&delivery).unwrap();
    drop(group);
    assert_eq!((results.len().unwrap(), counts(&work)), (0, [0, 0, 1, 0, 0]));
    delivery.ack().unwrap();
    assert_eq!(counts(&work), [0, 0, 0, 1, 0]);
    assert!(work.transaction().commit().unwrap().is_empty());
}

#[test]
fn a_full_queue_refuses_all_of_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let work = work(dir.path(), SqliteOptions::new());
    let results = results(dir.path(), SqliteOptions::new().maxsize(2));
    work.put(1).unwrap();
    results.put(0).unwrap();
    let delivery = work.get().unwrap();
    let mut group = work.transaction();
    group.put(&work, &2).unwrap();
    group.ack(&delivery).unwrap();
    group.put(&results, &1).unwrap();
    group.put(&results, &2).unwrap();
    assert!(matches!(group.commit(), Err(Error::Full { limit: 2, .. })));
    assert_eq!((results.len().unwrap(), counts(&work)), (1, [0, 0, 1, 0, 0]));
    // The delivery is as it was.
    let mut group = work.transaction();
    group.put(&results, &1).unwrap();
    group.ack(&delivery).unwrap();
    group.commit().unwrap();
    assert_eq!((results.len().unwrap(), counts(&work)), (2, [0, 0, 0, 1, 0]));
}

#[test]
fn room_that_an_earlier_change_made_counts() {
    let dir = tempfile::tempdir().unwrap();
    let work = work(dir.path(), SqliteOptions::new().maxsize(1));
    work.put(1).unwrap();
    let delivery = work.get().unwrap();
    let mut group = work.transaction();
    group.ack(&delivery).unwrap();
    group.put(&work, &2).unwrap();
    group.commit().unwrap();
    assert_eq!(counts(&work), [1, 0, 0, 1, 0]);
}

#[test]
fn who_lost_his_lease_publishes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lease = Duration::from_millis(40);
    let work = work(dir.path(), SqliteOptions::new().lease(lease));
    let results = results(dir.path(), SqliteOptions::new());
    work.put(1).unwrap();
    let late = work.get().unwrap();
    let long = Some(Duration::from_secs(60));
    let again = work.get_with(Wait::Forever, Which::Next, long).unwrap().unwrap();
    let mut group = work.transaction();
    group.put(&results, &1).unwrap();
    group.ack(&late).unwrap();
    assert!(matches!(group.commit(), Err(Error::NotHeld { id: 1, .. })));
    assert_eq!((results.len().unwrap(), counts(&work)), (0, [0, 0, 1, 0, 0]));
    let mut group = work.transaction();
    group.put(&results, &1).unwrap();
    group.ack(&again).unwrap();
    group.commit().unwrap();
    assert_eq!((results.len().unwrap(), counts(&work)), (1, [0, 0, 0, 1, 0]));
}

#[test]
fn an_item_is_settled_once() {
    let dir = tempfile::tempdir().unwrap();
    let (work, results) =
        (work(dir.path(), SqliteOptions::new()), results(dir.path(), SqliteOptions::new()));
    work.put(1).unwrap();
    let delivery = work.get().unwrap();
    let mut group = work.transaction();
    group.put(&results, &1).unwrap();
    group.ack(&delivery).unwrap();
    group.ack(&delivery).unwrap();
    assert!(matches!(group.commit(), Err(Error::NotHeld { id: 1, .. })));
    assert_eq!((results.len().unwrap(), counts(&work)), (0, [0, 0, 1, 0, 0]));
    delivery.nack().unwrap();
    assert_eq!(counts(&work), [0, 1, 0, 0, 0]);
}

#[test]
fn a_duplicate_is_not_stored_and_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let work = work(dir.path(), SqliteOptions::new().kind(Kind::Unique));
    let results = results(dir.path(), SqliteOptions::new().kind(Kind::Unique));
    work.put(1).unwrap();
    results.put(7).unwrap();
    let delivery = work.get().unwrap();
    let mut group = work.transaction();
    group.put(&results, &7).unwrap();
    group.put(&results, &8).unwrap();
    group.put(&results, &8).unwrap();
    // Held it is not put again, and acknowledged it is.
    group.put(&work, &1).unwrap();
    group.ack(&delivery).unwrap();
    group.put(&work, &1).unwrap();
    let numbers = group.commit().unwrap();
    assert_eq!(numbers, [None, Some(2), None, None, Some(1), Some(2)]);
    assert_eq!((results.len().unwrap(), counts(&work)), (2, [1, 0, 0, 0, 0]));
}

#[test]
fn items_come_out_as_the_puts_say() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    let first: SqliteQueue<u64> = SqliteOptions::new().kind(Kind::Priority).open(&path).unwrap();
    let work = work(dir.path(), SqliteOptions::new());
    let mut group = first.transaction();
    for (number, priority) in [(1, 5), (2, 0)] {
        group.put_with(&first, &number, PutOptions { priority, ..PutOptions::default() }).unwrap();
    }
    let later = PutOptions { delay: Some(Duration::from_secs(60)), ..PutOptions::default() };
    group.put_with(&work, &1, later).unwrap();
    for (queue, options) in
        [(&first, later), (&first, PutOptions { ttl: later.delay, ..PutOptions::default() })]
    {
        assert!(matches!(group.put_with(queue, &3, options), Err(Error::Invalid(_))));
    }
    let urgent = PutOptions { priority: 1, ..PutOptions::default() };
    assert!(matches!(group.put_with(&work, &3, urgent), Err(Error::Invalid(_))));
    group.commit().unwrap();
    assert_eq!([(); 2].map(|()| first.get().unwrap()), [2, 1]);
    assert_eq!(work.count(Status::Delayed).unwrap(), 1);
}

#[test]
fn what_goes_to_the_back_gets_another_number() {
    let dir = tempfile::tempdir().unwrap();
    let work = work(dir.path(), SqliteOptions::new());
    work.put(1).unwrap();
    work.put(2).unwrap();
    let delivery = work.get().unwrap();
    let mut group = work.transaction();
    group.put(&work, &3).unwrap();
    group.settle(&delivery, Settlement::Back { delay: None, last: true }).unwrap();
    assert_eq!(group.commit().unwrap(), [Some(3), Some(4)]);
    let order: Vec<u64> = (0..3).map(|_| work.get().unwrap().ack().unwrap()).collect();
    assert_eq!(order, [2, 3, 1]);
}

#[test]
fn only_queues_of_one_database_take_part() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let work = work(here.path(), SqliteOptions::new());
    let elsewhere = results(there.path(), SqliteOptions::new());
    let batched = results(here.path(), SqliteOptions::new().auto_commit(false));
    let memory: SqliteQueue<u64> = SqliteOptions::new().open(":memory:").unwrap();
    let other_memory: SqliteQueue<u64> = SqliteOptions::new().open(":memory:").unwrap();
    let mut group = work.transaction();
    let Err(Error::Invalid(reason)) = group.put(&elsewhere, &1) else { panic!() };
    for dir in [&here, &there] {
        assert!(reason.contains(dir.path().to_str().unwrap()), "{reason}");
    }
    let Err(Error::Invalid(reason)) = group.put(&batched, &1) else { panic!() };
    assert!(reason.contains("auto_commit"), "{reason}");
    assert!(matches!(group.put(&memory, &1), Err(Error::Invalid(_))));
    group.commit().unwrap();
    let mut group = memory.transaction();
    assert!(matches!(group.put(&other_memory, &1), Err(Error::Invalid(_))));
    group.put(&memory, &1).unwrap();
    group.put(&memory, &2).unwrap();
    group.commit().unwrap();
    assert_eq!([(); 2].map(|()| memory.get().unwrap()), [1, 2]);
}

#[test]
fn a_file_is_one_database_by_whatever_name() {
    let dir = tempfile::tempdir().unwrap();
    let work = work(dir.path(), SqliteOptions::new());
    std::os::unix::fs::symlink(dir.path().join("data.db"), dir.path().join("link.db")).unwrap();
    let linked: SqliteQueue<u64> = SqliteOptions::new().open(dir.path().join("link.db")).unwrap();
    assert_eq!(linked.len().unwrap(), 0);
    let mut group = work.transaction();
    group.put(&work, &1).unwrap();
    group.put(&linked, &2).unwrap();
    group.commit().unwrap();
    assert_eq!((work.len().unwrap(), linked.len().unwrap()), (1, 1));
}

#[test]
fn a_queue_without_acknowledgements_settles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open(&dir.path().join("data.db"), SqliteOptions::new(), false).unwrap();
    let settle = Change::Settle { id: 1, token: None, settlement: Settlement::Acked };
    let put = Change::Put(Put { data: b"x".to_vec(), ..Put::default() });
    let changed = now(store.change_all(&mut Thread, vec![(&store, put), (&store, settle)]));
    assert!(matches!(*changed.unwrap_err(), Error::Invalid(_)));
    assert_eq!(now(store.size(&mut Thread)).unwrap(), 0);
}

#[test]
fn a_queue_that_was_closed_meanwhile_fails_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (work, results) =
        (work(dir.path(), SqliteOptions::new()), results(dir.path(), SqliteOptions::new()));
    let mut group = work.transaction();
    group.put(&work, &1).unwrap();
    group.put(&results, &1).unwrap();
    results.close().unwrap();
    assert!(matches!(group.commit(), Err(Error::Closed { .. })));
    assert_eq!(work.len().unwrap(), 0);
}

#[test]
fn it_wakes_who_waits_in_each_of_its_queues() {
    let dir = tempfile::tempdir().unwrap();
    let work = work(dir.path(), SqliteOptions::new().maxsize(1));
    let results = results(dir.path(), SqliteOptions::new());
    work.put(1).unwrap();
    let delivery = work.get().unwrap();
    let start = std::thread::scope(|scope| {
        let waits = [
            scope.spawn(|| results.get_timeout(Duration::from_secs(20)).unwrap().is_some()),
            scope.spawn(|| {
                let wait = Wait::For(Duration::from_secs(20));
                work.put_with(2, PutOptions::default(), wait).unwrap().is_some()
            }),
        ];
        std::thread::sleep(Duration::from_millis(100));
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        let mut group = work.transaction();
        group.put(&results, &1).unwrap();
        group.ack(&delivery).unwrap();
        let start = Instant::now();
        group.commit().unwrap();
        assert!(waits.into_iter().all(|wait| wait.join().unwrap()));
        start
    });
    assert!(start.elapsed() < Duration::from_millis(400), "they looked by themselves");
}

#[test]
fn it_wakes_who_waits_where_no_log_tells_of_it() {
    let queue: SqliteAckQueue<u64> = SqliteOptions::new().maxsize(1).open_ack(":memory:").unwrap();
    queue.put(1).unwrap();
    let delivery = queue.get().unwrap();
    let way = std::thread::scope(|scope| {
        let put = scope.spawn(|| {
            let wait = Wait::For(Duration::from_secs(20));
            queue.put_with(2, PutOptions::default(), wait).unwrap();
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(100));
        let mut group = queue.transaction();
        group.ack(&delivery).unwrap();
        let start = Instant::now();
        group.commit().unwrap();
        put.join().unwrap() - start
    });
    assert!(way < Duration::from_millis(200), "it looked by itself: {way:?}");
}

#[test]
fn groups_of_many_threads_stand_or_fall_each_by_itself() {
    const ITEMS: u64 = 600;
    let dir = tempfile::tempdir().unwrap();
    let options = || SqliteOptions::new().durability(Durability::Process);
    let (work, results) = (work(dir.path(), options()), results(dir.path(), options()));
    let noise: SqliteQueue<u64> = options().open(dir.path().join("data.db")).unwrap();
    work.put_many((0..ITEMS).collect(), PutOptions::default(), Wait::No).unwrap();
    let refused = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (work, results, noise, refused) = (&work, &results, &noise, &refused);
            scope.spawn(move || {
                while let Some(delivery) = work.try_get().unwrap() {
                    // Others share a transaction with what is rolled back.
                    noise.put(*delivery).unwrap();
                    let mut group = work.transaction();
                    group.put(results, &*delivery).unwrap();
                    group.ack(&delivery).unwrap();
                    if delivery.attempts() == 1 && (*delivery + thread) % 3 == 0 {
                        group.ack(&delivery).unwrap();
                    }
                    match group.commit() {
                        Ok(_) => {}
                        Err(Error::NotHeld { .. }) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    // A thread may end while another one still holds what then comes back.
    while let Some(delivery) = work.try_get().unwrap() {
        let mut group = work.transaction();
        group.put(&results, &*delivery).unwrap();
        group.ack(&delivery).unwrap();
        group.commit().unwrap();
    }
    assert!(refused.into_inner() > 0);
    assert_eq!(results.len().unwrap(), ITEMS);
    let got: BTreeSet<u64> = std::iter::from_fn(|| results.try_get().unwrap()).collect();
    assert_eq!(got, (0..ITEMS).collect());
    assert_eq!(counts(&work), [0, 0, 0, ITEMS, 0]);
}
