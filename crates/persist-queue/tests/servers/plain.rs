//! Queues without acknowledgements.

use std::time::{Duration, Instant};

use persist_queue::sql::{Kind, Put, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, Wait};

use crate::server::{UNTOLD, bytes};
use crate::{Options, Store, database_or_return, open};

#[test]
fn each_kind_has_its_order() {
    let database = database_or_return!();
    for (kind, expected) in [
        (Kind::Fifo, ["b", "c", "a"]),
        (Kind::Filo, ["a", "c", "b"]),
        (Kind::Unique, ["b", "c", "a"]),
        (Kind::Priority, ["a", "b", "c"]),
    ] {
        let queue = open::<String>(&database, Options::new().kind(kind));
        for (item, priority) in [("b", 1), ("c", 1), ("a", 0)] {
            let priority = if kind == Kind::Priority { priority } else { 0 };
            assert!(queue.put_with(item.to_owned(), priority, Wait::No).unwrap().is_some());
        }
        assert_eq!(queue.len().unwrap(), 3);
        let got: Vec<_> = (0..3).map(|_| queue.get().unwrap()).collect();
        assert_eq!(got, expected, "{kind:?}");
        assert_eq!(queue.try_get().unwrap(), None);
    }
}

#[test]
fn an_equal_item_that_waits_is_not_put_again() {
    let database = database_or_return!();
    let queue = open::<Vec<u8>>(&database, Options::new().kind(Kind::Unique));
    let long = vec![7; 100_000];
    let other = [vec![7; 99_999], vec![8]].concat();
    assert!(queue.put(long.clone()).unwrap().is_some());
    assert_eq!(queue.put(long.clone()).unwrap(), None);
    assert!(queue.put(other.clone()).unwrap().is_some());
    let many = vec![long.clone(), vec![1], vec![1], other.clone()];
    let put = queue.put_many(many, Wait::No).unwrap();
    assert_eq!(put.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, false]);
    assert_eq!(queue.len().unwrap(), 3);
    assert_eq!(queue.get().unwrap(), long);
    assert!(queue.put(long).unwrap().is_some());
}

#[test]
fn many_are_put_and_taken_in_one_transaction() {
    let database = database_or_return!();
    let queue = open::<u64>(&database, Options::new());
    let ids = queue.put_many((0..1200).collect(), Wait::No).unwrap();
    assert_eq!(ids.len(), 1200);
    let rows = database.connection().numbers("SELECT _id FROM queue_default ORDER BY _id");
    assert_eq!(ids.into_iter().flatten().collect::<Vec<_>>(), rows);
    assert_eq!(queue.get_many(1000, Wait::No).unwrap(), (0..1000).collect::<Vec<_>>());
    assert_eq!(queue.get_many(1000, Wait::No).unwrap(), (1000..1200).collect::<Vec<_>>());
    assert_eq!(queue.get_many(1000, Wait::No).unwrap(), [0_u64; 0]);
}

#[test]
fn a_row_that_is_no_item_stays_and_is_named() {
    let database = database_or_return!();
    let queue = open::<String>(&database, Options::new());
    let bad = bytes(&[0xc1]);
    let bad = format!("INSERT INTO queue_default (data, timestamp) VALUES ({bad}, 1)");
    database.connection().run(&bad);
    queue.put("good".to_owned()).unwrap();
    match queue.get() {
        Err(Error::Decode { sequence, .. }) => assert_eq!(sequence, 1),
        other => panic!("{other:?}"),
    }
    // It is in nobody's way.
    assert_eq!(queue.get().unwrap(), "good");
    assert_eq!(queue.try_get().unwrap(), None);
    assert_eq!(database.connection().numbers("SELECT _id FROM queue_default"), [1]);
    drop(queue);
    let again = open::<String>(&database, Options::new());
    assert!(matches!(again.try_get(), Err(Error::Decode { sequence: 1, .. })));
}

#[test]
fn a_waiting_get_wakes_at_once_for_a_put_of_this_process_and_soon_for_another_s() {
    let database = database_or_return!();
    let queue = open::<String>(&database, Options::new());
    for own in [true, false] {
        std::thread::scope(|scope| {
            let getter = scope.spawn(|| (queue.get().unwrap(), Instant::now()));
            std::thread::sleep(Duration::from_millis(300));
            let put = Instant::now();
            if own {
                open::<String>(&database, Options::new()).put("x".to_owned()).unwrap();
            } else {
                let item = bytes(b"\xa1x");
                let text =
                    format!("INSERT INTO queue_default (data, timestamp) VALUES ({item}, 1)");
                database.connection().run(&text);
            }
            let (item, got) = getter.join().unwrap();
            assert_eq!(item, "x");
            let limit = if own { 100 } else { UNTOLD };
            let took = got.saturating_duration_since(put);
            assert!(took < Duration::from_millis(limit), "{took:?}");
        });
    }
}

#[test]
fn a_wait_ends_with_its_time_and_with_a_close() {
    let database = database_or_return!();
    let queue = open::<String>(&database, Options::new());
    let start = Instant::now();
    assert_eq!(queue.get_timeout(Duration::from_millis(200)).unwrap(), None);
    assert!((200..1000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get());
        std::thread::sleep(Duration::from_millis(100));
        queue.close().unwrap();
        assert!(matches!(getter.join().unwrap(), Err(Error::Closed { .. })));
    });
}

#[test]
fn a_full_queue_refuses_and_waits_for_room() {
    let database = database_or_return!();
    let queue = open::<u32>(&database, Options::new().maxsize(2));
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let refused = queue.put_with(3, 0, Wait::No).unwrap_err();
    assert!(matches!(refused.error, Error::Full { limit: 2, .. }), "{}", refused.error);
    assert_eq!(refused.item, 3);
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| queue.put(4));
        std::thread::sleep(Duration::from_millis(100));
        // Another program makes room.
        database.connection().run("DELETE FROM queue_default WHERE _id = 1");
        putter.join().unwrap().unwrap();
    });
    assert_eq!(queue.get_many(9, Wait::No).unwrap(), [2, 4]);
}

#[test]
fn threads_never_share_an_item() {
    let database = database_or_return!();
    let queue = open::<u64>(&database, Options::new());
    let count = 2000;
    queue.put_many((0..count).collect(), Wait::No).unwrap();
    let mut got: Vec<u64> = std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| std::iter::from_fn(|| queue.try_get().unwrap()).collect::<Vec<_>>())
            })
            .collect();
        consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
    });
    got.sort_unstable();
    assert_eq!(got, (0..count).collect::<Vec<_>>());
}

#[test]
fn one_is_peeked_at_taken_by_number_and_mended() {
    let database = database_or_return!();
    let store = Store::open(&database.address(), Options::new(), false).unwrap();
    let mut host = Thread;
    let item = |byte| Put { data: vec![byte], ..Default::default() };
    let ids = now(store.put(&mut host, vec![item(1), item(2), item(3)], Wait::No));
    let ids: Vec<_> = ids.unwrap().into_iter().flatten().collect();
    let peeked = now(store.peek(&mut host, Which::Next)).unwrap().unwrap();
    assert_eq!((peeked.id, peeked.data), (ids[0], vec![1]));
    assert!(now(store.contains(&mut host, ids[1])).unwrap());
    assert!(now(store.update(&mut host, ids[2], item(9))).unwrap());
    assert!(now(store.update(&mut host, ids[2], item(9))).unwrap());
    assert!(!now(store.update(&mut host, 999, item(9))).unwrap());
    let queue = Options::new()
        .open_with::<Vec<u8>, _>(&database.address(), persist_queue::codec::Bytes)
        .unwrap();
    assert_eq!(queue.get_with(Wait::No, Which::Id(ids[1])).unwrap(), Some(vec![2]));
    assert_eq!(queue.get_with(Wait::No, Which::Id(ids[1])).unwrap(), None);
    assert_eq!(queue.get().unwrap(), [1]);
    assert_eq!(queue.purge().unwrap(), 1);
    assert!(queue.join(Wait::No).unwrap());
}
