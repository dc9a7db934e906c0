//! What size costs.

use std::os::unix::fs::FileExt;

use persist_queue::Options;
use persist_queue_bench::{PROCESS, Row};

use crate::measure::{open, time};

const NAMES: [&str; 3] = ["plain write", "put", "get, task_done"];
/// How many bytes each round puts.
const BYTES: usize = 64 << 20;
const MOST: usize = 50_000;

/// Puts and gets items of 16 bytes to 16 MB, one behind the other, beside one plain write call of the
/// same bytes.
pub(crate) fn sizes(rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    println!("microseconds a call, medians of {rounds} rounds");
    println!("{:>10} {:>11} {:>11} {:>15}", "bytes", NAMES[0], NAMES[1], NAMES[2]);
    for size in [16, 100, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 16 << 20] {
        let count = (BYTES / size).min(MOST);
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            for (times, nanoseconds) in times.iter_mut().zip(round(size, count)) {
                times.push(nanoseconds);
            }
        }
        let found = Row::many("size", NAMES, PROCESS, size, times);
        let [write, put, get] = found.each_ref().map(|row| row.median / 1e3);
        println!("{size:10} {write:11.3} {put:11.3} {get:15.3}");
        rows.extend(found);
    }
    rows
}

fn round(size: usize, count: usize) -> [f64; 3] {
    let dir = tempfile::tempdir_in(".").unwrap();
    let item = vec![7; size];
    let file = std::fs::File::create(dir.path().join("plain")).unwrap();
    let queue = open(dir.path().join("q"), Options::new());
    let write = time(count as u32, |index| {
        file.write_all_at(&item, u64::from(index) * size as u64).unwrap();
    });
    let (mut puts, mut gets) = (0.0, 0.0);
    for _ in 0..count {
        let item = item.clone();
        let mut item = Some(item);
        puts += time(1, |_| queue.put(item.take().unwrap_or_default()).unwrap());
        gets += time(1, |_| {
            drop(queue.get().unwrap());
            queue.task_done().unwrap();
        });
    }
    [write, puts / count as f64, gets / count as f64]
}
