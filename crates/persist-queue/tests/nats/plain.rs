//! Queues that give their items away.

use std::time::{Duration, Instant};

use persist_queue::{Error, NatsQueue, Wait};

use crate::place_or_return;
use crate::server::Place;

fn open<T>(place: &Place) -> NatsQueue<T>
where
    persist_queue::codec::MessagePack: persist_queue::Codec<T>,
{
    place.options().open(&place.address()).unwrap()
}

#[test]
fn items_come_out_in_the_order_in_which_they_were_put() {
    let place = place_or_return!();
    let queue = open::<String>(&place);
    assert_eq!(queue.try_get().unwrap(), None);
    let first = queue.put("a".to_owned()).unwrap().unwrap();
    let second = queue.put("b".to_owned()).unwrap().unwrap();
    assert!(second > first);
    let more = queue.put_many(vec!["c".to_owned(), "d".to_owned()], Wait::No).unwrap();
    assert_eq!(more.len(), 2);
    assert_eq!(queue.len().unwrap(), 4);
    assert_eq!(queue.get().unwrap(), "a");
    // Another object, as it would be in another process.
    let other = open::<String>(&place);
    assert_eq!(other.get_many(9, Wait::No).unwrap(), ["b", "c", "d"]);
    assert_eq!(other.get_many(9, Wait::No).unwrap(), Vec::<String>::new());
    assert!(queue.is_empty().unwrap());
    assert!(queue.join(Wait::No).unwrap());
}

#[test]
fn a_thousand_items_keep_their_order() {
    let place = place_or_return!();
    let queue = open::<u32>(&place);
    queue.put_many((0..1000).collect(), Wait::No).unwrap();
    let mut got = queue.get_many(300, Wait::No).unwrap();
    got.extend(std::iter::from_fn(|| queue.try_get().unwrap()));
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
}

#[test]
fn what_was_taken_is_gone_for_whoever_comes_later() {
    let place = place_or_return!();
    let queue = open::<u32>(&place);
    queue.put_many(vec![1, 2, 3], Wait::No).unwrap();
    assert_eq!(queue.get().unwrap(), 1);
    drop(queue);
    let queue = open::<u32>(&place);
    assert_eq!(queue.len().unwrap(), 2);
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), [2, 3]);
}

#[test]
fn a_waiting_get_wakes_with_a_put_of_another_object() {
    let place = place_or_return!();
    let queue = open::<String>(&place);
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get_timeout(Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(300));
        open::<String>(&place).put("x".to_owned()).unwrap();
        assert_eq!(getter.join().unwrap().unwrap().unwrap(), "x");
    });
}

#[test]
fn a_wait_ends_with_its_time_and_with_a_close() {
    let place = place_or_return!();
    let queue = open::<String>(&place);
    let start = Instant::now();
    assert_eq!(queue.get_timeout(Duration::from_millis(200)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get());
        std::thread::sleep(Duration::from_millis(100));
        queue.close().unwrap();
        assert!(matches!(getter.join().unwrap(), Err(Error::Closed { .. })));
    });
    assert!(matches!(queue.try_get(), Err(Error::Closed { .. })));
    // What waited is not in the way of who comes now.
    let queue = open::<String>(&place);
    queue.put("x".to_owned()).unwrap();
    assert_eq!(queue.get().unwrap(), "x");
}

#[test]
fn a_full_queue_refuses_and_waits_for_room() {
    let place = place_or_return!();
    let queue: NatsQueue<u32> = place.options().maxsize(2).open(&place.address()).unwrap();
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let refused = queue.put_with(3, 0, Wait::No).unwrap_err();
    assert!(matches!(refused.error, Error::Full { limit: 2, .. }), "{}", refused.error);
    assert_eq!(refused.item, 3);
    let refused = queue.put_with(3, 0, Wait::For(Duration::from_millis(100))).unwrap_err();
    assert!(matches!(refused.error, Error::Full { .. }), "{}", refused.error);
    // The limit is the queue's, also where another opener says none.
    let other = open::<u32>(&place);
    assert!(other.put_with(9, 0, Wait::No).is_err());
    std::thread::scope(|scope| {
        let putter = scope.spawn(|| queue.put(4));
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(other.get().unwrap(), 1);
        putter.join().unwrap().unwrap();
    });
    assert_eq!(queue.get_many(9, Wait::No).unwrap(), [2, 4]);
}

#[test]
fn what_has_no_room_of_many_comes_back() {
    let place = place_or_return!();
    let queue: NatsQueue<u32> = place.options().maxsize(4).open(&place.address()).unwrap();
    queue.put(0).unwrap();
    let refused = queue.put_many(vec![1, 2, 3, 4], Wait::No).unwrap_err();
    assert_eq!(refused.item, [4]);
    let error = refused.error;
    assert!(matches!(error, Error::PutInPart { stored: 3, unknown: 0, count: 4, .. }), "{error}");
    assert!(error.to_string().starts_with("3 of 4 items are stored; "), "{error}");
    let refused = queue.put_many(vec![5, 6], Wait::No).unwrap_err();
    assert_eq!(refused.item, [5, 6]);
    assert!(matches!(refused.error, Error::Full { .. }));
    assert_eq!(queue.get_many(9, Wait::No).unwrap(), [0, 1, 2, 3]);
}

#[test]
fn threads_never_share_an_item() {
    let place = place_or_return!();
    let queue = open::<u64>(&place);
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
fn bytes_that_are_no_item_are_told_and_stay_while_others_come() {
    let place = place_or_return!();
    let queue: NatsQueue<String> =
        place.options().lease(Duration::from_secs(2)).open(&place.address()).unwrap();
    place.put_foreign(b"\xc1");
    queue.put("whole".to_owned()).unwrap();
    assert!(matches!(queue.get(), Err(Error::Decode { .. })));
    assert_eq!(queue.get().unwrap(), "whole");
    assert_eq!(queue.len().unwrap(), 1);
    // Its lease is over some time.
    assert!(matches!(queue.get(), Err(Error::Decode { .. })));
    assert_eq!(queue.purge().unwrap(), 1);
}

#[test]
fn what_was_taken_with_bad_bytes_in_front_of_it_waits_again_at_once() {
    let place = place_or_return!();
    let queue = open::<String>(&place);
    queue.put("a".to_owned()).unwrap();
    place.put_foreign(b"\xc1");
    queue.put("b".to_owned()).unwrap();
    assert_eq!(queue.get_many(9, Wait::No).unwrap(), ["a"]);
    // Long before the end of the lease, which is 30 seconds.
    let soon = Duration::from_secs(10);
    let both = [queue.get_timeout(soon), queue.get_timeout(soon)];
    assert!(both.iter().any(|got| matches!(got, Err(Error::Decode { .. }))), "{both:?}");
    assert!(both.iter().any(|got| matches!(got, Ok(Some(b)) if b == "b")), "{both:?}");
}

#[test]
fn headers_of_others_mean_nothing() {
    let place = place_or_return!();
    let queue = open::<String>(&place);
    let subject = format!("persistqueue.{}", place.name);
    place.drive(|context| async move {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Status", "404");
        headers.insert("Priority", "-1");
        let publish = context.publish_with_headers(subject, headers, b"\xa1x".to_vec().into());
        publish.await.unwrap().await.unwrap();
    });
    assert_eq!(queue.get().unwrap(), "x");
}
