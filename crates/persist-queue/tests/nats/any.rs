//! Queues on NATS that are opened by their URL, as queues of bytes.

use std::time::Duration;

use persist_queue::any::{self, AnyQueue, AnyView, Locator, Opening};
use persist_queue::codec::Bytes;
use persist_queue::sql::PutOptions;
use persist_queue::wait::{Thread, now};
use persist_queue::{Durability, Error, Wait};

use crate::place_or_return;
use crate::server::Place;

fn url(place: &Place, kind: &str) -> String {
    format!("{}/{}?kind={kind}", place.url, place.name)
}

fn open(url: &str) -> AnyQueue {
    any::open(url, &Opening::new().create(true)).unwrap()
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
fn what_is_finished_is_gone_and_what_is_given_back_comes_again() {
    for kind in ["fifo", "ack"] {
        let place = place_or_return!();
        let url = url(&place, kind);
        let (mut queue, mut other) = (open(&url), open(&url));
        assert_eq!(put(&queue, &["a", "b", "c"]), 3, "{url}");
        let taken = queue.take(2, Wait::No).unwrap();
        let two: Vec<_> = taken.items().iter().map(|item| item.payload.clone()).collect();
        assert_eq!(texts(two), ["a", "b"], "{url}");
        // Nobody else is given them meanwhile.
        assert_eq!(take(&mut other, 9), ["c"], "{url}");
        taken.give_back(true).unwrap();
        drop(queue.take(1, Wait::No).unwrap());
        let mut both = take(&mut queue, 9);
        both.sort();
        assert_eq!(both, ["a", "b"], "{url}");
        assert_eq!(take(&mut open(&url), 9), [""; 0], "{url}");
        queue.close().unwrap();
        assert!(matches!(queue.take(1, Wait::No), Err(Error::Closed { .. })));
    }
}

#[test]
fn what_is_taken_is_held_for_as_long_as_its_holder_lives() {
    let place = place_or_return!();
    drop(place.options().lease(Duration::from_secs(1)).open::<u8>(&place.address()).unwrap());
    let mut queue = open(&url(&place, "fifo"));
    put(&queue, &["a"]);
    let taken = queue.take(1, Wait::No).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(take(&mut open(&url(&place, "fifo")), 9), [""; 0]);
    taken.finish().unwrap();
    assert_eq!(open(&url(&place, "fifo")).place().table().unwrap().name, place.name);
}

#[test]
fn a_look_changes_nothing_and_sees_what_a_queue_knows() {
    let place = place_or_return!();
    let jobs = url(&place, "ack");
    let mut queue = open(&jobs);
    put(&queue, &["a", "b", "c", "d"]);
    assert_eq!(take(&mut queue, 1), ["a"]);
    let failed = place.options().open_ack_with::<Vec<u8>, _>(&place.address(), Bytes).unwrap();
    failed.get().unwrap().fail().unwrap();
    let held = queue.take(1, Wait::No).unwrap();
    // Without its kind it is found, too.
    let mut view = AnyView::open(&jobs.replace("?kind=ack", "").parse().unwrap()).unwrap();
    let stats = view.stats().unwrap();
    let counts = (stats.depth, stats.in_flight, stats.acked, stats.delayed, stats.dead);
    assert_eq!(counts, (1, Some(1), None, None, Some(1)));
    assert!(stats.bytes > 2 && stats.oldest.unwrap() < Duration::from_secs(100), "{stats:?}");
    assert_eq!(view.check().unwrap(), [""; 0]);
    let all: Vec<_> = std::iter::from_fn(|| view.next_entry().unwrap()).collect();
    let statuses: Vec<_> = all.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [2, 0]);
    assert_eq!(texts(all.into_iter().map(|entry| entry.payload)), ["c", "d"]);
    held.finish().unwrap();
    assert_eq!(take(&mut queue, 9), ["d"]);
    let store = queue.acknowledged().unwrap();
    assert_eq!(now(store.dead_letters(&mut Thread)).unwrap()[0].data, b"b");
}

#[test]
fn queues_are_listed_and_one_that_is_not_there_is_not_made() {
    let (place, missing) = (place_or_return!(), place_or_return!());
    open(&url(&place, "ack"));
    let root: Locator = place.url.parse().unwrap();
    let listed = any::list(&root, 0).unwrap();
    let locators: Vec<_> = listed.iter().map(|one| one.locator.to_string()).collect();
    assert!(locators.contains(&url(&place, "ack")), "{locators:?}");
    let dead = format!("/{}-dead", place.name);
    assert!(locators.iter().all(|locator| !locator.contains(&dead)), "{locators:?}");
    for url in [url(&missing, "fifo"), url(&place, "fifo")] {
        let error = any::open(&url, &Opening::new()).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert!(error.to_string().contains(&format!("#{}?kind=ack", place.name)), "{error}");
    }
    let listed = any::list(&root, 0).unwrap();
    assert!(listed.iter().all(|one| !one.locator.to_string().contains(&missing.name)));
}

#[test]
fn what_jetstream_does_not_have_is_refused() {
    let place = place_or_return!();
    let priority = any::open(&url(&place, "priority"), &Opening::new().create(true));
    assert!(matches!(priority, Err(Error::Invalid(_))), "{priority:?}");
    let durable = Opening::new().create(true).durability(Durability::Disk);
    let durable = any::open(&url(&place, "fifo"), &durable);
    assert!(matches!(durable, Err(Error::Invalid(_))), "{durable:?}");
    let queue = open(&url(&place, "ack"));
    let late = PutOptions { delay: Some(Duration::from_secs(1)), ..PutOptions::default() };
    let refused = queue.put(&bytes(&["a"]), late, Wait::No).unwrap_err();
    assert!(refused.to_string().contains("PostgreSQL"), "{refused}");
}

#[test]
fn puts_that_were_ended_go_on_where_they_were() {
    let place = place_or_return!();
    let mut queue = open(&url(&place, "fifo"));
    put(&queue, &["before"]);
    let mut puts = queue.resumable("a.b").unwrap();
    assert_eq!((puts.done(), puts.is_finished()), (0, false));
    puts.put(&bytes(&["a", "b"]), PutOptions::default(), Wait::No).unwrap();
    // As a killed process leaves it; what is taken meanwhile counts as put.
    drop(puts);
    assert_eq!(take(&mut queue, 2), ["before", "a"]);
    let mut puts = queue.resumable("a.b").unwrap();
    assert_eq!((puts.done(), puts.is_finished()), (2, false));
    puts.put(&bytes(&["c"]), PutOptions::default(), Wait::No).unwrap();
    put(&open(&url(&place, "fifo")), &["of somebody else"]);
    let refused = puts.put(&bytes(&["d"]), PutOptions::default(), Wait::No).unwrap_err();
    assert!(refused.to_string().contains("somebody else"), "{refused}");
    puts.finish().unwrap();
    assert!(queue.resumable("a.b").unwrap().is_finished());
    assert!(!queue.resumable("another").unwrap().is_finished());
    let mut puts = queue.resumable("a.b").unwrap();
    puts.again().unwrap();
    puts.put(&bytes(&["e"]), PutOptions::default(), Wait::No).unwrap();
    assert_eq!(queue.resumable("a.b").unwrap().done(), 1);
    assert_eq!(take(&mut queue, 9), ["b", "c", "of somebody else", "e"]);
    assert!(queue.resumable("a/b").is_err());
}
