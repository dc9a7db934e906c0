//! What threads cost each other.

use std::thread::scope;
use std::time::Instant;

use persist_queue::Options;
use persist_queue_bench::{PROCESS, Row};

use crate::measure::{Queue, SIZE, open};

const NAMES: [&str; 3] = ["get, autosave", "get, task_done", "put alone"];
const COUNT: usize = 200_000;

/// So many threads put while as many take.
pub(crate) fn streams(rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    println!("{SIZE} bytes, nanoseconds an item, medians of {rounds} rounds of {COUNT}");
    println!("{:>8} {:>14} {:>14} {:>10}", "threads", NAMES[0], NAMES[1], NAMES[2]);
    for threads in [1, 2, 4, 8] {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            times[0].push(stream(threads, true));
            times[1].push(stream(threads, false));
            times[2].push(puts(threads));
        }
        let found = Row::many("streams", NAMES, PROCESS, threads, times);
        let [autosave, done, put] = found.each_ref().map(|row| row.median);
        println!("{threads:8} {autosave:14.0} {done:14.0} {put:10.0}");
        rows.extend(found);
    }
    rows
}

fn stream(threads: usize, autosave: bool) -> f64 {
    let dir = tempfile::tempdir_in(".").unwrap();
    let queue = open(dir.path(), Options::new().autosave(autosave));
    let each = COUNT / threads;
    let start = Instant::now();
    scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| put_all(&queue, each));
            scope.spawn(|| {
                for _ in 0..each {
                    drop(queue.get().unwrap());
                    if !autosave {
                        queue.task_done().unwrap();
                    }
                }
            });
        }
    });
    start.elapsed().as_nanos() as f64 / (each * threads) as f64
}

fn puts(threads: usize) -> f64 {
    let dir = tempfile::tempdir_in(".").unwrap();
    let queue = open(dir.path(), Options::new());
    let each = COUNT / threads;
    let start = Instant::now();
    scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| put_all(&queue, each));
        }
    });
    start.elapsed().as_nanos() as f64 / (each * threads) as f64
}

fn put_all(queue: &Queue, count: usize) {
    for _ in 0..count {
        queue.put(vec![7; SIZE]).unwrap();
    }
}
