//! Some put, and as many take, each in its own way: whoever sleeps for ever while an item is there is
//! found, since then nobody can go on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::thread;

use super::signal::{Place, Signal};

/// How many orders are tried.
fn orders() -> usize {
    std::env::var("ORDERS").map_or(3000, |orders| orders.parse().unwrap())
}

/// What a queue is to those who wait for it.
#[derive(Default)]
struct Queue {
    items: Mutex<u32>,
    came: Signal,
}

impl Queue {
    fn put(&self) {
        *self.items.lock().unwrap() += 1;
        self.came.notify_one();
    }

    fn put_many(&self, count: u32) {
        *self.items.lock().unwrap() += count;
        self.came.notify_all();
    }

    fn try_take(&self) -> bool {
        let mut items = self.items.lock().unwrap();
        let there = *items > 0;
        *items -= u32::from(there);
        there
    }

    /// As `Waiting::pace` has a thread do it.
    fn take(&self) {
        if self.try_take() {
            return;
        }
        let place = Place::new(&self.came);
        let mut seen = self.came.epoch();
        while !self.try_take() {
            self.came.sleep(seen, None);
            seen = self.came.epoch();
        }
        place.leave_content();
    }

    /// As `Waiting::pace` has a task do it. Gives up when it was asleep so often.
    async fn take_later(&self, patience: u32) -> bool {
        if self.try_take() {
            return true;
        }
        let place = Place::new(&self.came);
        let (mut seen, mut sleeps) = (self.came.epoch(), 0);
        while !self.try_take() {
            if sleeps == patience {
                // Cancelled within its sleep, as a task is: the future is dropped.
                let mut sleep = place.changed(seen);
                let _ = Once(Pin::new(&mut sleep)).await;
                return false;
            }
            place.changed(seen).await;
            sleeps += 1;
            seen = self.came.epoch();
        }
        place.leave_content();
        true
    }
}

/// Polls once.
struct Once<F>(F);

impl<F: Future + Unpin> Future for Once<F> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(Pin::new(&mut self.0).poll(context).is_ready())
    }
}

#[derive(Clone, Copy)]
enum Taker {
    Thread,
    Task,
    /// A task that gives up; in its place there is another one.
    Cancelled,
}

fn all_are_woken(takers: &'static [Taker], put: fn(&Arc<Queue>, u32)) {
    shuttle::check_pct(
        move || {
            let queue = Arc::new(Queue::default());
            let count = takers.iter().filter(|taker| !matches!(taker, Taker::Cancelled)).count();
            let threads: Vec<_> = takers
                .iter()
                .map(|taker| {
                    let (queue, taker) = (Arc::clone(&queue), *taker);
                    thread::spawn(move || match taker {
                        Taker::Thread => queue.take(),
                        Taker::Task => assert!(block_on(queue.take_later(u32::MAX))),
                        Taker::Cancelled => {
                            if block_on(queue.take_later(0)) {
                                queue.put();
                            }
                        }
                    })
                })
                .collect();
            put(&queue, count as u32);
            for thread in threads {
                thread.join().unwrap();
            }
            assert!(!queue.try_take());
            assert_eq!(queue.came.waiting(), 0);
        },
        orders(),
        3,
    );
}

fn one_by_one(queue: &Arc<Queue>, count: u32) {
    (0..count).for_each(|_| queue.put());
}

fn at_once(queue: &Arc<Queue>, count: u32) {
    queue.put_many(count);
}

fn from_threads(queue: &Arc<Queue>, count: u32) {
    let putters: Vec<_> = (0..count)
        .map(|_| {
            let queue = Arc::clone(queue);
            thread::spawn(move || queue.put())
        })
        .collect();
    putters.into_iter().for_each(|putter| putter.join().unwrap());
}

const MIXES: [&[Taker]; 5] = [
    &[Taker::Thread, Taker::Thread],
    &[Taker::Task, Taker::Task],
    &[Taker::Thread, Taker::Task, Taker::Thread],
    &[Taker::Cancelled, Taker::Task],
    &[Taker::Cancelled, Taker::Thread, Taker::Task],
];

#[test]
fn nobody_sleeps_while_an_item_is_there() {
    for takers in MIXES {
        for put in [one_by_one, at_once, from_threads] {
            all_are_woken(takers, put);
        }
    }
}
