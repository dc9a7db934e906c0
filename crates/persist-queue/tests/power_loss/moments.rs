//! Level disk: the power goes while many threads are at work.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::thread::scope;
use std::time::Instant;

use persist_queue::wait::Thread;

use crate::shared::{PATH, SETUP, Shared};
use crate::support::gate::PATIENCE;
use crate::support::survivors::{Promise, drain_damaged, open};

/// What threads know of their items.
#[derive(Debug, Default)]
struct Known {
    /// Their puts returned.
    put: BTreeSet<u64>,
    /// Somebody is about to say that they are done.
    finishing: BTreeSet<u64>,
    /// Saying so returned.
    done: BTreeSet<u64>,
}

const EACH: u64 = 200;

const PRODUCERS: u64 = 3;

fn produce(shared: &Shared, known: &Mutex<Known>, producer: u64) {
    for id in (producer * EACH)..(producer + 1) * EACH {
        shared.put(id).unwrap();
        known.lock().unwrap().put.insert(id);
    }
}

/// Takes two at a time, so that not all is finished in order.
fn consume(shared: &Shared, known: &Mutex<Known>, thread: u64, until: u64) {
    let started = Instant::now();
    while (known.lock().unwrap().done.len() as u64) < until {
        let taken: Vec<u64> = (0..2).filter_map(|_| shared.take_by(thread)).collect();
        if taken.is_empty() {
            assert!(started.elapsed() < PATIENCE, "a producer or a consumer failed");
            std::thread::yield_now();
            continue;
        }
        known.lock().unwrap().finishing.extend(&taken);
        shared.store.task_done(&mut Thread, thread).now().unwrap();
        known.lock().unwrap().done.extend(&taken);
    }
}

/// Cuts the power now and then, on copies of the disk.
fn watch(shared: &Shared, known: &Mutex<Known>, until: u64) {
    let started = Instant::now();
    for seed in 0.. {
        assert!(started.elapsed() < PATIENCE, "a producer or a consumer failed");
        let (put, done) = {
            let known = known.lock().unwrap();
            (known.put.clone(), known.done.clone())
        };
        let states = shared.disk.disk.power_loss_states(8, seed);
        let finishing = known.lock().unwrap().finishing.clone();
        for state in states {
            let mut survivor = open(&state, Path::new(PATH), "in the middle of it");
            let (found, _) = drain_damaged(&mut survivor, 3, "in the middle of it");
            let found: BTreeSet<u64> = found.into_iter().collect();
            let lost: Vec<_> =
                put.iter().filter(|id| !found.contains(id) && !finishing.contains(id)).collect();
            let back: Vec<_> = done.intersection(&found).collect();
            assert!(lost.is_empty() && back.is_empty(), "lost {lost:?}, came back {back:?}");
        }
        if done.len() as u64 == until {
            return;
        }
    }
}

#[test]
fn what_threads_were_told_holds_at_any_moment() {
    let shared = Shared::new(SETUP);
    let known = Mutex::<Known>::default();
    let until = PRODUCERS * EACH;
    scope(|scope| {
        let (shared, known) = (&shared, &known);
        for producer in 0..PRODUCERS {
            scope.spawn(move || produce(shared, known, producer));
        }
        for thread in 1..=2 {
            scope.spawn(move || consume(shared, known, thread, until));
        }
        watch(shared, known, until);
    });
    shared.survive(&Promise::exactly(&[]));
}
