//! Transactions of several changes, and those of a user's own, between processes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use persist_queue::Wait;
use persist_queue::rusqlite::Connection;
use persist_queue::sql::Status;
use persist_queue::sqlite::PutOptions;

use crate::actor::{Actor, LEASE, acked, lines, plain, results};
use crate::measure::{Dice, Spread, alone, now};
use crate::setting;

#[test]
fn killed_workers_publish_each_result_once_and_none_without_its_work() {
    let _alone = alone();
    let rounds = setting("PERSIST_QUEUE_KILL_ROUNDS", 25);
    let dir = tempfile::tempdir().unwrap();
    let (work, results) = (acked(dir.path()), results(dir.path()));
    let seed = now();
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let items = rounds * 200;
    work.put_many((0..items).collect(), PutOptions::default(), Wait::No).unwrap();
    let mut noted = 0;
    let mut workers: Vec<Actor> =
        (0..2).map(|who| Actor::start(dir.path(), "forward", &format!("log{who}"), 0)).collect();
    for round in 0..rounds {
        std::thread::sleep(Duration::from_millis(20 + dice.roll(60)));
        let who = usize::try_from(dice.roll(2)).unwrap();
        workers[who].kill();
        // At any moment: what is published and what is done are the same items.
        let (published, done) = together(dir.path());
        assert_eq!(published, done, "round {round}");
        noted += lines(&workers[who].log).len() as u64;
        workers[who] = Actor::start(dir.path(), "forward", &format!("again{round}"), 0);
    }
    let end = Instant::now() + Duration::from_secs(60);
    while work.count(Status::Acked).unwrap() < items {
        assert!(Instant::now() < end, "a lease did not return");
        std::thread::sleep(LEASE / 10);
    }
    drop(workers);
    let got: Vec<u64> = std::iter::from_fn(|| results.try_get().unwrap()).collect();
    eprintln!("{rounds} kills, {items} items, {noted} of them noted by workers that were killed");
    assert_eq!(got.len() as u64, items, "a result was published twice, or lost");
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), (0..items).collect());
}

/// How many results are published, and how many pieces of work are done, in one look.
fn together(dir: &std::path::Path) -> (i64, i64) {
    let connection = Connection::open(dir.join("data.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    let both = "SELECT (SELECT COUNT(*) FROM queue_results), \
                (SELECT COUNT(*) FROM ack_queue_default WHERE status = 5)";
    connection.query_row(both, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
fn a_put_in_a_users_transaction_wakes_a_get_in_another_process() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let queue = plain(dir.path());
    let mut connection = Connection::open(dir.path().join("data.db")).unwrap();
    let count = 50;
    let listener = Actor::start(dir.path(), "listen", "log", count);
    listener.wait_for_lines(1);
    for _ in 0..count {
        std::thread::sleep(Duration::from_millis(5));
        let transaction = connection.transaction().unwrap();
        queue.put_in(&transaction, &now(), 0).unwrap();
        transaction.commit().unwrap();
    }
    let ways = listener.ended();
    let ways = ways[1..].iter().map(|line| Duration::from_micros(line.parse().unwrap()));
    let spread = Spread::of(ways.collect());
    eprintln!("a put in a user's transaction wakes a get elsewhere: {spread}");
    // Far less than the look of twice a second that a get takes by itself.
    assert!(spread.median < Duration::from_millis(50), "it is not woken");
    assert!(queue.is_empty().unwrap());
}
