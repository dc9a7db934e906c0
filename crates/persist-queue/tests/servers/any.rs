//! Queues on a server that are opened by their URL, as queues of bytes.

use std::time::Duration;

use persist_queue::any::{self, AnyQueue, AnyView, Locator, Opening};
use persist_queue::sql::{Flavour, PutOptions};
use persist_queue::wait::{Thread, now};
use persist_queue::{Durability, Error, Wait};

use crate::database_or_return;
use crate::server::{Database, UNNAMED};

fn url(database: &Database, behind: &str) -> String {
    format!("{}{behind}", database.url())
}

fn open(url: &str) -> AnyQueue {
    any::open(url, &Opening::new().create(true)).unwrap()
}

fn look(url: &str) -> AnyView {
    AnyView::open(&url.parse().unwrap()).unwrap()
}

fn bytes(items: &[&str]) -> Vec<Vec<u8>> {
    items.iter().map(|item| item.as_bytes().to_vec()).collect()
}

fn put(queue: &AnyQueue, items: &[&str]) -> u64 {
    queue.put(&bytes(items), PutOptions::default(), Wait::No).unwrap()
}

fn texts(payloads: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    payloads.into_iter().map(|payload| String::from_utf8(payload).unwrap()).collect()
}

fn take(queue: &mut AnyQueue, most: usize) -> Vec<String> {
    let taken = queue.take(most, Wait::No).unwrap();
    let items: Vec<_> = taken.items().iter().map(|item| item.payload.clone()).collect();
    taken.finish().unwrap();
    texts(items)
}

#[test]
fn what_is_finished_is_gone_and_what_is_given_back_comes_in_its_old_place() {
    let database = database_or_return!();
    for flavour in Flavour::ALL {
        let url = url(&database, &format!("#q?kind={flavour}"));
        let (mut queue, mut other) = (open(&url), open(&url));
        assert_eq!(put(&queue, &["a", "b", "c"]), 3, "{url}");
        let order = if url.contains("filo") { ["c", "b", "a"] } else { ["a", "b", "c"] };
        let taken = queue.take(2, Wait::No).unwrap();
        let two: Vec<_> = taken.items().iter().map(|item| item.payload.clone()).collect();
        assert_eq!(texts(two), order[..2], "{url}");
        // Nobody else is given them meanwhile.
        assert_eq!(take(&mut other, 9), order[2..], "{url}");
        taken.give_back(true).unwrap();
        drop(queue.take(1, Wait::No).unwrap());
        let one = queue.take(1, Wait::No).unwrap();
        assert_eq!(one.items()[0].payload, order[0].as_bytes(), "{url}");
        assert_eq!(one.items()[0].attempts.is_some(), flavour.acks);
        one.finish().unwrap();
        queue.close().unwrap();
        assert_eq!(take(&mut other, 9), order[1..2], "{url}");
        assert_eq!(take(&mut open(&url), 9), [""; 0], "{url}");
    }
}

#[test]
fn a_look_changes_nothing_and_sees_what_a_queue_knows() {
    let database = database_or_return!();
    let jobs = url(&database, "#jobs?kind=ack");
    let mut queue = open(&jobs);
    put(&queue, &["a", "b", "c"]);
    assert_eq!(take(&mut queue, 1), ["a"]);
    let held = queue.take(1, Wait::No).unwrap();
    let late = PutOptions { delay: Some(Duration::from_secs(100)), ..PutOptions::default() };
    open(&jobs).put(&bytes(&["late"]), late, Wait::No).unwrap();
    let before = database.checksum("ack_queue_jobs");
    let mut view = look(&url(&database, ""));
    let stats = view.stats().unwrap();
    let counts = (stats.depth, stats.in_flight, stats.acked, stats.delayed, stats.dead);
    assert_eq!(counts, (1, Some(1), Some(1), Some(1), Some(0)));
    assert_eq!(stats.bytes, 7);
    assert!(stats.oldest.unwrap() < Duration::from_secs(100));
    assert_eq!(view.check().unwrap(), [""; 0]);
    let first = view.first(9).unwrap();
    assert_eq!(texts(first.into_iter().map(|entry| entry.payload)), ["c"]);
    let all: Vec<_> = std::iter::from_fn(|| view.next_entry().unwrap()).collect();
    let statuses: Vec<_> = all.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [5, 2, 0, 3]);
    let put_at = all[0].timestamp.unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(put_at <= now && put_at > now - 100.0, "{put_at}");
    assert_eq!(database.checksum("ack_queue_jobs"), before);
    held.finish().unwrap();
    let missing = url(&database, "#mail?kind=fifo");
    let error = AnyView::open(&missing.parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("#jobs?kind=ack"), "{error}");
    assert_eq!(database.tables(), ["ack_queue_jobs"]);
}

#[test]
fn rows_of_many_pages_are_each_seen_once() {
    let database = database_or_return!();
    let url = url(&database, "#q?kind=priority");
    let items: Vec<_> = (0..2500).map(|number: u32| number.to_string().into_bytes()).collect();
    let options = PutOptions { priority: 7, ..PutOptions::default() };
    assert_eq!(open(&url).put(&items, options, Wait::No).unwrap(), 2500);
    let mut view = look(&url);
    let seen: Vec<_> = std::iter::from_fn(|| view.next_entry().unwrap()).collect();
    assert!(seen.iter().all(|entry| entry.priority == 7));
    assert!(seen.into_iter().map(|entry| entry.payload).eq(items));
}

#[test]
fn one_queue_needs_no_name_and_all_are_listed() {
    let database = database_or_return!();
    let (bare, unnamed) = (url(&database, ""), format!("#{UNNAMED}?kind=fifo"));
    let table = open(&bare).place().table().unwrap().clone();
    assert_eq!((table.name.as_str(), table.flavour), (UNNAMED, Flavour::default()));
    put(&open(&url(&database, "#jobs?kind=ack-filo")), &["a"]);
    let error = any::open(&bare, &Opening::new()).unwrap_err().to_string();
    assert!(error.contains("#jobs?kind=ack-filo") && error.contains(&unnamed), "{error}");
    database.connection().run("CREATE TABLE queue_of_people (name TEXT)");
    let listed = |locator: &str| -> Vec<String> {
        let locator: Locator = locator.parse().unwrap();
        any::list(&locator, 0).unwrap().iter().map(|one| one.locator.to_string()).collect()
    };
    assert_eq!(listed(&bare), [url(&database, "#jobs?kind=ack-filo"), url(&database, &unnamed)]);
    assert_eq!(listed(&url(&database, "#jobs")), [url(&database, "#jobs?kind=ack-filo")]);
}

#[test]
fn what_a_queue_cannot_is_refused() {
    let database = database_or_return!();
    let queue = open(&url(&database, "#q"));
    for options in [
        PutOptions { priority: 1, ..PutOptions::default() },
        PutOptions { ttl: Some(Duration::from_secs(1)), ..PutOptions::default() },
    ] {
        assert!(matches!(queue.put(&bytes(&["a"]), options, Wait::No), Err(Error::Invalid(_))));
        let mut puts = queue.resumable("run").unwrap();
        assert!(matches!(puts.put(&bytes(&["a"]), options, Wait::No), Err(Error::Invalid(_))));
    }
    let opening = Opening::new().durability(Durability::Disk);
    let error = any::open(&url(&database, "#q"), &opening).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let small = any::open(&url(&database, "#q"), &Opening::new().maxsize(1)).unwrap();
    put(&small, &["a"]);
    let mut puts = small.resumable("run").unwrap();
    let full = puts.put(&bytes(&["b"]), PutOptions::default(), Wait::No);
    assert!(matches!(full, Err(Error::Full { .. })));
    assert_eq!((puts.done(), small.resumable("run").unwrap().done()), (0, 0));
}

#[test]
fn puts_are_noted_with_what_they_put() {
    let database = database_or_return!();
    let url = url(&database, "#q?kind=unique");
    let queue = open(&url);
    let mut puts = queue.resumable("run").unwrap();
    assert_eq!(puts.put(&bytes(&["a", "a", "b"]), PutOptions::default(), Wait::No).unwrap(), 2);
    let again = open(&url);
    let mut puts = again.resumable("run").unwrap();
    assert_eq!((puts.done(), puts.is_finished()), (3, false));
    assert_eq!(again.resumable("other run").unwrap().done(), 0);
    puts.put(&bytes(&["c"]), PutOptions::default(), Wait::No).unwrap();
    puts.finish().unwrap();
    let mut puts = queue.resumable("run").unwrap();
    assert_eq!((puts.done(), puts.is_finished()), (4, true));
    // Not cut off to fit: it would be another one's name then.
    let error = queue.resumable(&"n".repeat(300)).unwrap_err();
    assert!(matches!(error, Error::Database { .. }), "{error}");
    puts.again().unwrap();
    assert_eq!(queue.resumable("run").unwrap().done(), 0);
    assert_eq!(look(&url).stats().unwrap().depth, 3);
}

/// The commit of a killed process may be on its way when the next one comes.
#[test]
fn who_goes_on_waits_for_a_put_that_is_not_over() {
    let database = database_or_return!();
    let url = url(&database, "#q");
    let queue = open(&url);
    queue.resumable("run").unwrap().put(&bytes(&["a"]), PutOptions::default(), Wait::No).unwrap();
    let mut late = database.connection();
    late.run("BEGIN; UPDATE persistq_resume SET done = 2");
    late.run("INSERT INTO queue_q (data, timestamp) VALUES ('b', 0)");
    let commit = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        late.run("COMMIT");
    });
    assert_eq!(queue.resumable("run").unwrap().done(), 2);
    commit.join().unwrap();
}

#[test]
fn dead_letters_and_purges_are_those_of_the_store() {
    let database = database_or_return!();
    let queue = open(&url(&database, "#q?kind=ack"));
    let short = PutOptions { ttl: Some(Duration::from_millis(1)), ..PutOptions::default() };
    queue.put(&bytes(&["a"]), short, Wait::No).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let mut queue = queue;
    assert_eq!(take(&mut queue, 9), [""; 0]);
    put(&queue, &["b", "c"]);
    let letters = now(queue.acknowledged().unwrap().dead_letters(&mut Thread)).unwrap();
    assert_eq!(texts(letters.into_iter().map(|row| row.data)), ["a"]);
    assert_eq!(queue.purge().unwrap(), 2);
    let plain = open(&url(&database, "#q?kind=fifo"));
    assert!(plain.acknowledged().is_none());
    put(&plain, &["d"]);
    assert_eq!(plain.purge().unwrap(), 1);
}
