//! What depth costs.

use std::time::Instant;

use persist_queue::Options;
use persist_queue_bench::{PROCESS, Row};

use crate::measure::{SIZE, fill, open, time};

/// What depth costs: nothing, but for the disk.
pub(crate) fn depths(rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    println!("{SIZE} bytes, nanoseconds a call at so many waiting items");
    println!(
        "{:>10} {:>8} {:>8} {:>10} {:>12}",
        "waiting", "put", "get", "open (ms)", "memory (MB)"
    );
    for depth in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let dir = tempfile::tempdir_in(".").unwrap();
        fill(&open(dir.path(), Options::new()), depth);
        let start = Instant::now();
        let queue = open(dir.path(), Options::new());
        let opened = start.elapsed().as_nanos() as f64;
        let item = vec![7; SIZE];
        let (mut puts, mut gets) = (Vec::new(), Vec::new());
        // The two in turn, so that the depth stays.
        for _ in 0..rounds {
            puts.push(time(1000, |_| queue.put(item.clone()).unwrap()));
            gets.push(time(1000, |_| drop(queue.get().unwrap())));
            queue.task_done().unwrap();
        }
        let times = [puts, gets, vec![opened]];
        let found = Row::many("depth", ["put", "get", "opening"], PROCESS, depth, times);
        let memory = Row::memory("depth", "memory", depth, memory());
        let [put, get, opening] = found.each_ref().map(|row| row.median);
        let (opening, taken) = (opening / 1e6, memory.median / 1e6);
        println!("{depth:10} {put:8.1} {get:8.1} {opening:10.2} {taken:12.1}");
        rows.extend(found);
        rows.push(memory);
    }
    rows
}

/// The memory that this process takes, in bytes.
fn memory() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    resident.unwrap_or(f64::NAN) * 4096.0
}
