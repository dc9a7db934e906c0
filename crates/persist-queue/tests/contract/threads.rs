//! Many threads on one object.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use persist_queue::Options;

use crate::text::{MOMENT, Queue, autosave, ends, folder, open_with, plain, put_all, take};

const PRODUCERS: u64 = 4;

const EACH: u64 = 1000;

fn produce(queue: &Queue, producer: u64) {
    for number in 0..EACH {
        queue.put(format!("{producer} {number}")).unwrap();
    }
}

/// Takes until all were taken by somebody.
fn consume(queue: &Queue, taken: &AtomicU64, done: bool) -> Vec<(u64, u64)> {
    let mut items = Vec::new();
    while taken.load(Ordering::Relaxed) < PRODUCERS * EACH {
        let Some(item) = queue.get_timeout(Duration::from_millis(2)).unwrap() else { continue };
        taken.fetch_add(1, Ordering::Relaxed);
        let (producer, number) = item.split_once(' ').unwrap();
        items.push((producer.parse().unwrap(), number.parse().unwrap()));
        if done {
            queue.task_done().unwrap();
        }
    }
    items
}

fn each_item_is_delivered_once(queue: &Queue, done: bool) {
    let taken = AtomicU64::new(0);
    let all: Vec<Vec<(u64, u64)>> = scope(|scope| {
        let taken = &taken;
        let consumers: Vec<_> =
            (0..4).map(|_| scope.spawn(move || consume(queue, taken, done))).collect();
        (0..PRODUCERS).for_each(|producer| drop(scope.spawn(move || produce(queue, producer))));
        consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect()
    });
    for items in &all {
        for producer in 0..PRODUCERS {
            let numbers = items.iter().filter(|item| item.0 == producer);
            assert!(numbers.is_sorted(), "a consumer sees the items of one producer in order");
        }
    }
    let distinct: BTreeSet<_> = all.iter().flatten().collect();
    assert_eq!(all.iter().map(Vec::len).sum::<usize>() as u64, PRODUCERS * EACH);
    assert_eq!(distinct.len() as u64, PRODUCERS * EACH);
}

#[test]
fn many_threads_share_a_queue_with_autosave() {
    let folder = folder();
    let queue = open_with(&folder, Options::new().autosave(true).chunk_records(50));
    each_item_is_delivered_once(&queue, false);
    drop(queue);
    assert_eq!(autosave(&folder).len().unwrap(), 0);
}

#[test]
fn many_threads_share_a_queue_and_finish_what_they_took() {
    let folder = folder();
    let queue = open_with(&folder, Options::new().chunk_records(50));
    scope(|scope| {
        let joined = scope.spawn(|| {
            sleep(MOMENT / 4);
            queue.join()
        });
        each_item_is_delivered_once(&queue, true);
        ends(joined, &queue).unwrap();
    });
    assert_eq!(queue.unfinished().unwrap(), 0);
    drop(queue);
    assert_eq!(plain(&folder).len().unwrap(), 0);
}

#[test]
fn many_threads_share_a_small_queue() {
    let folder = folder();
    let queue = open_with(&folder, Options::new().autosave(true).maxsize(3).chunk_records(7));
    each_item_is_delivered_once(&queue, false);
}

/// A consumer may be faster than the producer's put returns.
#[test]
fn who_took_an_item_can_always_finish_it() {
    let folder = folder();
    let queue = plain(&folder);
    scope(|scope| {
        scope.spawn(|| (0..20_000).for_each(|_| put_all(&queue, &["a"])));
        for _ in 0..20_000 {
            while take(&queue).is_none() {
                std::hint::spin_loop();
            }
            queue.task_done().unwrap();
        }
    });
}

#[test]
fn of_many_threads_that_finish_one_item_one_succeeds() {
    let folder = folder();
    let queue = plain(&folder);
    for _ in 0..500 {
        put_all(&queue, &["a"]);
        take(&queue);
        let barrier = Barrier::new(4);
        let done: usize = scope(|scope| {
            let done = || {
                barrier.wait();
                usize::from(queue.task_done().is_ok())
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(done)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(done, 1);
    }
    put_all(&queue, &["a"]);
    assert_eq!(queue.unfinished().unwrap(), 1);
}
