//! Queues whose items stay until they are acknowledged.

use std::time::Duration;

use persist_queue::sql::{PutOptions, Status, Which};
use persist_queue::{Error, NatsAckQueue, NatsOptions, Wait};

use crate::place_or_return;
use crate::server::Place;

fn open(place: &Place, options: NatsOptions) -> NatsAckQueue<String> {
    options.name(&place.name).open_ack(&place.address()).unwrap()
}

fn put(queue: &NatsAckQueue<String>, item: &str) -> i64 {
    queue.put(item.to_owned()).unwrap().unwrap()
}

/// Those that were never taken, those that were, and the dead letters.
fn counts(queue: &NatsAckQueue<String>) -> [u64; 3] {
    [Status::New, Status::Held, Status::Dead].map(|status| queue.count(status).unwrap())
}

#[test]
fn an_item_stays_until_it_is_acknowledged() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new());
    put(&queue, "a");
    put(&queue, "b");
    put(&queue, "c");
    let a = queue.get().unwrap();
    assert_eq!((a.as_str(), a.attempts()), ("a", 1));
    assert_eq!(counts(&queue), [2, 1, 0]);
    assert_eq!(a.ack().unwrap(), "a");
    assert_eq!(counts(&queue), [2, 0, 0]);
    queue.get().unwrap().nack().unwrap();
    let b = queue.get().unwrap();
    assert_eq!((b.as_str(), b.attempts()), ("b", 2));
    b.fail().unwrap();
    assert_eq!(counts(&queue), [1, 0, 1]);
    drop(queue.get().unwrap());
    let c = queue.get().unwrap();
    assert_eq!((c.as_str(), c.attempts()), ("c", 2));
    assert_eq!(queue.len().unwrap(), 1);
    c.ack().unwrap();
    assert!(queue.is_empty().unwrap());
    assert!(queue.try_get().unwrap().is_none());
}

#[test]
fn many_are_acknowledged_together() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new());
    let items = ["a", "b", "c"].map(str::to_owned);
    queue.put_many(items.to_vec(), PutOptions::default(), Wait::No).unwrap();
    let got = queue.get_many(5, Wait::No, None).unwrap();
    let acked = queue.ack_many(got).unwrap();
    assert_eq!(acked.into_iter().map(Result::unwrap).collect::<Vec<_>>(), items);
    assert_eq!(counts(&queue), [0, 0, 0]);
}

#[test]
fn a_late_acknowledgement_is_refused() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new().lease(Duration::from_millis(500)));
    put(&queue, "a");
    let first = queue.get().unwrap();
    // It comes back by itself, to who waits.
    let second = queue.get_with(Wait::For(Duration::from_secs(60)), Which::Next, None);
    let second = second.unwrap().unwrap();
    assert_eq!((second.as_str(), second.attempts()), ("a", 2));
    let late = first.ack();
    assert!(matches!(late, Err(Error::NotHeld { .. })), "{late:?}");
    // Nothing was done to it.
    assert_eq!(queue.len().unwrap(), 1);
    second.extend(Duration::from_secs(60)).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(second.ack().unwrap(), "a");
    assert_eq!(counts(&queue), [0, 0, 0]);
}

#[test]
fn a_lease_that_is_over_refuses_also_where_nobody_else_took_the_item() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new().lease(Duration::from_millis(200)));
    put(&queue, "a");
    let held = queue.get().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(matches!(held.extend(Duration::from_secs(9)), Err(Error::NotHeld { .. })));
    assert!(matches!(held.ack(), Err(Error::NotHeld { .. })));
    assert_eq!(queue.len().unwrap(), 1);
}

#[test]
fn an_item_is_held_for_as_long_as_its_holder_lives() {
    let place = place_or_return!();
    // One opener says how soon a dead holder's items come back; who says nothing holds for as long as he lives.
    drop(open(&place, NatsOptions::new().lease(Duration::from_secs(1))));
    let queue = open(&place, NatsOptions::new());
    put(&queue, "a");
    let held = queue.get().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(held.ack().unwrap(), "a");
    put(&queue, "b");
    std::mem::forget(queue.get().unwrap());
    queue.close().unwrap();
    let other = open(&place, NatsOptions::new());
    let wait = Wait::For(Duration::from_secs(60));
    let back = other.get_with(wait, Which::Next, None).unwrap().unwrap();
    assert_eq!((back.as_str(), back.attempts()), ("b", 2));
    back.ack().unwrap();
}

#[test]
fn a_queue_has_one_lease() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new().lease(Duration::from_secs(5)));
    let other = place.options().lease(Duration::from_secs(6)).open_ack::<String>(&place.address());
    assert!(matches!(other, Err(Error::Invalid(_))), "{other:?}");
    put(&queue, "a");
    let shorter = queue.get_with(Wait::No, Which::Next, Some(Duration::from_secs(1)));
    assert!(matches!(shorter, Err(Error::Invalid(_))));
    let held = queue.get_with(Wait::No, Which::Next, Some(Duration::from_secs(60)));
    assert_eq!(held.unwrap().unwrap().as_str(), "a");
}

#[test]
fn a_delay_is_waited_for() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new());
    put(&queue, "a");
    queue.get().unwrap().nack_after(Duration::from_millis(700)).unwrap();
    assert!(queue.try_get().unwrap().is_none());
    assert_eq!(queue.get().unwrap().attempts(), 2);
}

#[test]
fn what_was_tried_too_often_is_a_dead_letter() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new().max_attempts(2));
    put(&queue, "a");
    queue.get().unwrap().nack().unwrap();
    queue.get().unwrap().nack().unwrap();
    assert_eq!(counts(&queue), [0, 0, 1]);
    assert!(queue.try_get().unwrap().is_none());
    let letters = queue.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    let (id, item) = &letters[0];
    assert_eq!(item.as_ref().unwrap(), "a");
    assert_eq!(queue.requeue_dead(&[*id, 99]).unwrap(), 1);
    assert_eq!(counts(&queue), [1, 0, 0]);
    let again = queue.get().unwrap();
    assert_eq!((again.as_str(), again.attempts()), ("a", 1));
    again.fail().unwrap();
    let id = queue.dead_letters().unwrap()[0].0;
    assert_eq!(queue.drop_dead(&[id, 99]).unwrap(), 1);
    assert_eq!(counts(&queue), [0, 0, 0]);
}

#[test]
fn what_nobody_finished_too_often_is_a_dead_letter_and_keeps_nobody_up() {
    let place = place_or_return!();
    let options = NatsOptions::new().lease(Duration::from_millis(300)).max_attempts(1);
    let queue = open(&place, options);
    put(&queue, "a");
    std::mem::forget(queue.get().unwrap());
    std::thread::scope(|scope| {
        let wait = Wait::For(Duration::from_secs(60));
        let getter = scope.spawn(move || {
            let held = queue.get_with(wait, Which::Next, None).unwrap().unwrap();
            assert_eq!(held.ack().unwrap(), "b");
            assert_eq!(counts(&queue), [0, 0, 1]);
        });
        // Behind the end of that lease.
        std::thread::sleep(Duration::from_millis(1500));
        put(&open(&place, NatsOptions::new()), "b");
        getter.join().unwrap();
    });
}

#[test]
fn threads_never_hold_the_same_item() {
    let place = place_or_return!();
    let queue: NatsAckQueue<u64> = place.options().open_ack(&place.address()).unwrap();
    let count = 1000;
    queue.put_many((0..count).collect(), PutOptions::default(), Wait::No).unwrap();
    let take = || queue.try_get().unwrap().map(|one| one.ack().unwrap());
    let mut got: Vec<u64> = std::thread::scope(|scope| {
        let consumers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| std::iter::from_fn(&take).collect::<Vec<_>>())).collect();
        consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
    });
    got.sort_unstable();
    assert_eq!(got, (0..count).collect::<Vec<_>>());
    assert!(queue.is_empty().unwrap());
}

#[test]
fn bytes_that_are_no_item_are_told_and_stay() {
    let place = place_or_return!();
    let queue = open(&place, NatsOptions::new().lease(Duration::from_secs(1)));
    place.put_foreign(b"\xc1");
    put(&queue, "whole");
    assert!(matches!(queue.get(), Err(Error::Decode { .. })));
    assert_eq!(queue.get().unwrap().ack().unwrap(), "whole");
    // It waits again some time.
    assert!(matches!(queue.get(), Err(Error::Decode { .. })));
}
