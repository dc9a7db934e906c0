//! The queues for tasks.

use std::time::Duration;

use persist_queue::{AsyncNatsAckQueue, AsyncNatsQueue, Wait};

use crate::place_or_return;
use crate::server::Place;

fn open(place: &Place) -> AsyncNatsQueue<u32> {
    place.options().open(&place.address()).unwrap().into_async()
}

fn run<R>(work: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(120), work).await.expect("nobody woke it")
    })
}

#[test]
fn tasks_put_take_and_wait() {
    let place = place_or_return!();
    let queue = open(&place);
    run(async {
        let waiter = tokio::spawn({
            let queue = queue.clone();
            async move { queue.get().await.unwrap() }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        queue.put(1).await.unwrap();
        assert_eq!(waiter.await.unwrap(), 1);
        queue.put_many(vec![2, 3, 4], Wait::No).await.unwrap();
        assert_eq!(queue.len().await.unwrap(), 3);
        assert_eq!(queue.get_many(9, Wait::No).await.unwrap(), [2, 3, 4]);
        assert_eq!(queue.get_with(Wait::For(Duration::from_millis(50))).await.unwrap(), None);
        let waiter = tokio::spawn({
            let queue = queue.clone();
            async move { queue.get().await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        queue.close();
        assert!(waiter.await.unwrap().is_err());
    });
}

#[test]
fn a_dropped_get_loses_no_item_at_whatever_moment() {
    let place = place_or_return!();
    // What the server was sending in that moment may come back only then.
    let options = place.options().lease(Duration::from_secs(3));
    let queue: AsyncNatsQueue<u32> = options.open(&place.address()).unwrap().into_async();
    let count = 60;
    let got = run(async {
        for item in 0..count {
            queue.put(item).await.unwrap();
        }
        let mut got = Vec::new();
        // From one that is dropped before it is sent to one that has its item.
        for micros in (0..count).map(|at| u64::from(at) * 50) {
            let get = queue.get();
            if let Ok(item) = tokio::time::timeout(Duration::from_micros(micros), get).await {
                got.push(item.unwrap());
            }
        }
        eprintln!("{} of {count} gets came through", got.len());
        while !queue.is_empty().await.unwrap() {
            let wait = Wait::For(Duration::from_secs(5));
            got.extend(queue.get_with(wait).await.unwrap());
        }
        // What was final in the moment in which its get was dropped is put again.
        tokio::time::sleep(Duration::from_millis(500)).await;
        got.extend(queue.get_many(1000, Wait::No).await.unwrap());
        got
    });
    let mut got = got;
    got.sort_unstable();
    assert_eq!(got, (0..count).collect::<Vec<_>>());
}

#[test]
fn a_delivery_is_settled_extended_and_given_back() {
    let place = place_or_return!();
    let queue: AsyncNatsAckQueue<u32> =
        place.options().open_ack(&place.address()).unwrap().into_async();
    run(async {
        queue.put_many(vec![1, 2], Wait::No).await.unwrap();
        let one = queue.get().await.unwrap();
        one.extend(Duration::from_secs(60)).await.unwrap();
        assert_eq!((*one, one.attempts()), (1, 1));
        drop(one);
        let mut seen = Vec::new();
        while !queue.is_empty().await.unwrap() {
            let held = queue.get().await.unwrap();
            seen.push((*held, held.attempts()));
            if held.attempts() == 1 && *held == 2 {
                held.nack().await.unwrap();
            } else {
                held.ack().await.unwrap();
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, [(1, 2), (2, 1), (2, 2)]);
        queue.put(3).await.unwrap();
        queue.get().await.unwrap().fail().await.unwrap();
        assert_eq!(queue.queue().dead_letters().unwrap().len(), 1);
    });
}
