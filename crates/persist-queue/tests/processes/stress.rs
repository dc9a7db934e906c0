//! Many threads of one process that wait for each other, with another process in between. One lost
//! wake-up stops them, which the parent notices.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persist_queue::Error;

use crate::measure::alone;
use crate::puppet::{AUTOSAVE, Item, PLAIN, Puppet, Queue, Spec};

/// Closes the queues when nothing has happened for long, so that what hangs fails instead.
struct Watchdog<'a> {
    queues: Vec<&'a Queue>,
    over: AtomicBool,
    progress: AtomicU64,
    /// Calls that failed.
    failures: Mutex<Vec<Error>>,
}

const STANDSTILL: Duration = Duration::from_secs(10);

impl<'a> Watchdog<'a> {
    fn guard<T>(queues: Vec<&'a Queue>, work: impl FnOnce(&Self) -> T) -> T {
        let dog = Self {
            queues,
            over: AtomicBool::new(false),
            progress: AtomicU64::new(0),
            failures: Mutex::default(),
        };
        let done = std::thread::scope(|scope| {
            scope.spawn(|| dog.watch());
            let done = catch_unwind(AssertUnwindSafe(|| work(&dog)));
            dog.over.store(true, Ordering::Relaxed);
            done
        });
        let failures = dog.failures.into_inner().unwrap();
        assert!(failures.is_empty(), "{} failures: {}", failures.len(), failures[0]);
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn watch(&self) {
        let (mut seen, mut since) = (0, Instant::now());
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            let progress = self.progress.load(Ordering::Relaxed);
            if progress != seen {
                (seen, since) = (progress, Instant::now());
            }
            if since.elapsed() > STANDSTILL {
                eprintln!("nothing has happened for {STANDSTILL:?}, after {progress} steps");
                self.queues.iter().for_each(|queue| queue.close().unwrap());
                since = Instant::now();
            }
        }
    }

    fn step(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, outcome: Result<(), Error>) {
        self.failures.lock().unwrap().extend(outcome.err());
    }
}

/// Who puts the items that end the consumers.
const LAST: u64 = u64::MAX;

/// Producers and consumers, as threads.
#[derive(Clone, Copy)]
struct Cast {
    name: &'static str,
    producers: u64,
    consumers: u64,
    /// Of each producer.
    items: u64,
    spec: Spec,
    /// How often another process puts something meanwhile.
    visits: u64,
    /// The consumers have an object of their own.
    apart: bool,
}

const CAST: Cast = Cast {
    name: "",
    producers: 3,
    consumers: 3,
    items: 1500,
    spec: Spec { maxsize: 3, ..AUTOSAVE },
    visits: 300,
    apart: false,
};

impl Cast {
    /// Lets them exchange items; each must arrive once.
    fn play(self) {
        let _machine = alone();
        let folder = tempfile::tempdir().unwrap();
        let producing = self.spec.open(folder.path()).unwrap();
        let another = self.apart.then(|| self.spec.open(folder.path()).unwrap());
        let consuming = another.as_ref().unwrap_or(&producing);
        let mut visitor = Puppet::new();
        visitor.start("knock", folder.path(), PLAIN, &format!("{} 700", self.visits));
        let start = Instant::now();
        let queues = vec![&producing, consuming];
        let mut taken = Watchdog::guard(queues, |dog| self.exchange(&producing, consuming, dog));
        taken.retain(|item| item.0 != 0);
        taken.sort_unstable();
        let put = (1..=self.producers).flat_map(|who| (0..self.items).map(move |n| (who, 0, n)));
        assert!(taken.into_iter().eq(put), "not each item arrived once");
        assert_eq!(visitor.answer().words[0], "numbers");
        eprintln!("{}: {:.1?}", self.name, start.elapsed());
    }

    fn exchange(self, producing: &Queue, consuming: &Queue, dog: &Watchdog<'_>) -> Vec<Item> {
        std::thread::scope(|scope| {
            let takers: Vec<_> = (0..self.consumers)
                .map(|_| scope.spawn(move || take_until_last(consuming, self.spec, dog)))
                .collect();
            let putters: Vec<_> = (1..=self.producers)
                .map(|who| scope.spawn(move || put_all(producing, who, self.items, dog)))
                .collect();
            for putter in putters {
                putter.join().unwrap();
            }
            put_all(producing, LAST, self.consumers, dog);
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        })
    }
}

fn put_all(queue: &Queue, who: u64, items: u64, dog: &Watchdog<'_>) {
    for number in 0..items {
        queue.put((who, 0, number)).unwrap();
        dog.step();
    }
}

fn take_until_last(queue: &Queue, spec: Spec, dog: &Watchdog<'_>) -> Vec<Item> {
    let mut taken = Vec::new();
    loop {
        let item = queue.get().unwrap();
        dog.step();
        if !spec.autosave {
            dog.note(queue.task_done());
        }
        if item.0 == LAST {
            return taken;
        }
        taken.push(item);
    }
}

#[test]
fn threads_that_wait_for_items_and_room_never_stand_still() {
    Cast { name: "3 x 3 threads, autosave", ..CAST }.play();
}

#[test]
fn many_threads_that_wait_for_one_place_never_stand_still() {
    let spec = Spec { maxsize: 1, ..AUTOSAVE };
    Cast {
        name: "8 x 8 threads, room for one",
        producers: 8,
        consumers: 8,
        items: 200,
        spec,
        ..CAST
    }
    .play();
}

#[test]
fn threads_that_finish_what_they_take_never_stand_still() {
    let spec = Spec { maxsize: 3, ..PLAIN };
    Cast { name: "3 x 3 threads, task_done", spec, ..CAST }.play();
}

/// Finishing what was put just now must not be taken for finishing what never was.
#[test]
fn a_task_done_right_after_a_put_is_not_one_too_many() {
    let spec = Spec { maxsize: 0, chunk: 10_000, ..PLAIN };
    Cast {
        name: "1 x 1 threads, no limit, task_done",
        producers: 1,
        consumers: 1,
        items: 60_000,
        spec,
        ..CAST
    }
    .play();
}

#[test]
fn threads_of_two_objects_never_stand_still() {
    Cast { name: "two objects, autosave", apart: true, ..CAST }.play();
}

#[test]
fn threads_of_two_objects_that_finish_never_stand_still() {
    let spec = Spec { maxsize: 3, ..PLAIN };
    Cast { name: "two objects, task_done", spec, apart: true, ..CAST }.play();
}

#[test]
fn threads_that_write_through_never_stand_still() {
    let spec = Spec { maxsize: 3, disk: true, ..AUTOSAVE };
    Cast { name: "3 x 3 threads, disk", items: 60, spec, ..CAST }.play();
}

/// A full queue, one object that puts and one that finishes: nothing else happens that could wake
/// the first one.
#[test]
fn a_put_waits_no_longer_than_until_another_object_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let producing = Spec { maxsize: 1, ..PLAIN }.open(folder.path()).unwrap();
    let consuming = PLAIN.open(folder.path()).unwrap();
    producing.put((0, 0, 0)).unwrap();
    consuming.get().unwrap();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| producing.put_timeout((0, 0, 1), Duration::from_secs(5)));
        // The lock is in use all the time, so that it is not given up: then others are told, too.
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(1));
            consuming.len().unwrap();
        }
        let finished = Instant::now();
        consuming.task_done().unwrap();
        put.join().unwrap().unwrap();
        assert!(finished.elapsed() < Duration::from_secs(1));
    });
}

/// Waits that end by the clock hand on the wake-ups that came for them.
#[test]
fn waits_that_time_out_lose_no_wake_up() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let queue = AUTOSAVE.open(folder.path()).unwrap();
    let over = AtomicBool::new(false);
    Watchdog::guard(vec![&queue], |dog| {
        std::thread::scope(|scope| {
            for limit in [1, 3, 7] {
                let (queue, over) = (&queue, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        queue.get_timeout(Duration::from_micros(limit * 100)).unwrap();
                    }
                });
            }
            let patient = scope.spawn(|| take_until_last(&queue, AUTOSAVE, dog));
            for number in 0..3000 {
                queue.put((1, 0, number)).unwrap();
                dog.step();
                std::thread::sleep(Duration::from_micros(number % 300));
            }
            over.store(true, Ordering::Relaxed);
            while !patient.is_finished() {
                queue.put((LAST, 0, 0)).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    });
}

/// `join` in one thread, while others take and finish.
#[test]
fn a_join_ends_with_the_last_task_done() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let queue = PLAIN.open(folder.path()).unwrap();
    Watchdog::guard(vec![&queue], |dog| {
        for round in 0..300 {
            for number in 0..=round % 5 {
                queue.put((1, round, number)).unwrap();
            }
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while queue.get_timeout(Duration::from_millis(1)).unwrap().is_some() {
                            queue.task_done().unwrap();
                        }
                    });
                }
                queue.join().unwrap();
                assert_eq!(queue.unfinished().unwrap(), 0);
            });
            dog.step();
        }
    });
}
