//! Many at once, in each other's way: no deadlock reaches a caller, and connections are enough for all.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use persist_queue::sql::{Kind, PutOptions, Status};
use persist_queue::{Error, Wait};

use crate::server::LISTENS;
use crate::{Options, database_or_return};

#[test]
fn deadlocks_stay_inside() {
    let database = database_or_return!();
    for kind in [Kind::Unique, Kind::Priority] {
        // Each with connections of its own, as on machines of their own.
        let open = |connections| {
            let address = database.address().max_connections(connections);
            Options::new().kind(kind).open_ack::<u64>(&address).unwrap()
        };
        let settled = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (queue, settled) = (open(2 + thread), &settled);
                scope.spawn(move || {
                    for at in 0..40_u64 {
                        let priority =
                            if kind == Kind::Priority { (at % 3).cast_signed() } else { 0 };
                        let options = PutOptions { priority, ..PutOptions::default() };
                        let items: Vec<_> = (0..5).map(|one| (at * 7 + one * 3) % 50).collect();
                        queue.put_many(items, options, Wait::No).unwrap();
                        for held in queue.get_many(4, Wait::No, None).unwrap() {
                            match held.id() % 4 {
                                0 => held.nack().unwrap(),
                                1 => held.nack_to_back().unwrap(),
                                2 => drop(held),
                                _ => {
                                    held.ack().unwrap();
                                    settled.fetch_add(1, Ordering::Relaxed);
                                }
                            }
                        }
                    }
                });
            }
        });
        let queue = open(1);
        assert_eq!(queue.count(Status::Held).unwrap(), 0);
        assert_eq!(queue.count(Status::Acked).unwrap(), settled.into_inner(), "{kind:?}");
    }
}

#[test]
fn many_make_a_queue_in_the_same_moment() {
    const OPENERS: usize = 6;
    let database = database_or_return!();
    let connected: Vec<_> = (0..OPENERS)
        .map(|opener| {
            let address = database.address().max_connections(2 + opener);
            let kept = Options::new().name("kept").open_ack::<u64>(&address).unwrap();
            (address, kept)
        })
        .collect();
    for round in 0..30 {
        let (start, name) = (Barrier::new(OPENERS), format!("new_{round}"));
        std::thread::scope(|scope| {
            for (address, _) in &connected {
                scope.spawn(|| {
                    start.wait();
                    let queue = Options::new().name(&name).open_ack::<u64>(address).unwrap();
                    queue.put(7).unwrap();
                });
            }
        });
        let queue = Options::new().name(&name).open_ack::<u64>(&connected[0].0).unwrap();
        assert_eq!(queue.count(Status::New).unwrap(), OPENERS as u64);
    }
}

#[test]
fn one_connection_serves_many_threads() {
    let database = database_or_return!();
    let address = database.address().max_connections(1);
    let queue = Options::new().open::<u64>(&address).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for item in 0..20 {
                    queue.put(item).unwrap();
                    queue.get().unwrap();
                }
            });
        }
    });
    assert!(queue.is_empty().unwrap());
    // Another one may hear what others do.
    let most = 1 + usize::from(LISTENS);
    assert!((1..=most).contains(&database.connections().len()));
}

#[test]
fn who_finds_all_connections_in_use_is_told_so_in_time() {
    let database = database_or_return!();
    let address = database.address().max_connections(1);
    let options = || Options::new().timeout(Duration::from_millis(200));
    // A batch keeps a connection for what is in flight.
    let batch = options().auto_commit(false).open::<u64>(&address).unwrap();
    batch.put(1).unwrap();
    batch.task_done().unwrap();
    let other = options().name("other").open::<u64>(&address).unwrap();
    batch.get().unwrap();
    match other.put(2).unwrap_err().error {
        Error::Database { source, .. } => {
            assert!(source.to_string().contains("max_connections"), "{source}");
        }
        error => panic!("{error}"),
    }
    batch.task_done().unwrap();
    other.put(2).unwrap();
}

#[test]
fn a_connection_that_somebody_closes_is_replaced() {
    let database = database_or_return!();
    let queue = Options::new().open::<u64>(&database.address()).unwrap();
    for round in 0..5 {
        queue.put(round).unwrap();
        database.kill_connections();
        // It has rested for so long that it is asked first, or a look finds out and looks again.
        assert_eq!(queue.len().unwrap(), 1);
        database.kill_connections();
        assert_eq!(queue.get().unwrap(), round);
    }
}
