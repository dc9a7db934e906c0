//! Times the file queue: beside one plain write call of the same bytes, and at depths from a
//! thousand to ten million waiting items.
//!
//! ```text
//! cargo run --release -p persist-queue-bench            the calls
//! cargo run --release -p persist-queue-bench -- depth   the depths; takes 2 GB of disk
//! ```
#![allow(clippy::print_stdout, reason = "it prints its results")]
#![allow(clippy::unwrap_used, reason = "without a disk there is nothing to measure")]
#![allow(clippy::cast_precision_loss, reason = "nanoseconds fit")]

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options};

type Queue = FileQueue<Vec<u8>, Bytes>;

const COUNT: u32 = 200_000;
const ROUNDS: usize = 9;
const SIZE: usize = 100;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("depth") => depths(),
        _ => calls(),
    }
}

/// The calls, interleaved in each round.
fn calls() {
    let names =
        ["plain write", "put", "get", "put, get, task_done", "autosave get", "put, 100 a segment"];
    let mut rows = vec![Vec::new(); names.len()];
    for _ in 0..ROUNDS {
        for (row, time) in rows.iter_mut().zip(round()) {
            row.push(time);
        }
    }
    println!("{SIZE} bytes, nanoseconds a call, {ROUNDS} rounds of {COUNT}");
    println!("{:20} {:>9} {:>9} {:>9} {:>14}", "", "median", "least", "most", "of plain write");
    let plain = median(&mut rows[0]);
    for (name, mut row) in names.into_iter().zip(rows) {
        let middle = median(&mut row);
        let (least, most) = (row[0], row[ROUNDS - 1]);
        println!("{name:20} {middle:9.1} {least:9.1} {most:9.1} {:14.2}", middle / plain);
    }
}

fn round() -> [f64; 6] {
    let dir = tempfile::tempdir_in(".").unwrap();
    let item = vec![7; SIZE];
    let file = std::fs::File::create(dir.path().join("plain")).unwrap();
    let queue = open(dir.path().join("q"), Options::new());
    // In a process that has an open queue: with its helper thread every system call costs more.
    let write = time(COUNT, |index| {
        file.write_all_at(&item, u64::from(index) * SIZE as u64).unwrap();
    });
    // Made before, as the bytes of the plain write are.
    let mut items = vec![item.clone(); COUNT as usize];
    let put = time(COUNT, |_| queue.put(items.pop().unwrap_or_default()).unwrap());
    queue.purge().unwrap();
    drop(items);
    // Another queue: the heap is littered with what was just put.
    let queue = open(dir.path().join("filled"), Options::new());
    fill(&queue, u64::from(COUNT));
    let get = time(COUNT, |_| drop(queue.get().unwrap()));
    queue.task_done().unwrap();
    let all = time(COUNT, |_| {
        queue.put(item.clone()).unwrap();
        queue.get().unwrap();
        queue.task_done().unwrap();
    });
    let queue = open(dir.path().join("autosave"), Options::new().autosave(true));
    fill(&queue, u64::from(COUNT));
    let autosave = time(COUNT, |_| drop(queue.get().unwrap()));
    let queue = open(dir.path().join("small"), Options::new().chunk_records(100));
    let small = time(COUNT, |_| queue.put(item.clone()).unwrap());
    [write, put, get, all, autosave, small]
}

/// What depth costs: nothing, but for the disk.
fn depths() {
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
        let opened = start.elapsed().as_secs_f64() * 1e3;
        let item = vec![7; SIZE];
        let (mut puts, mut gets) = (Vec::new(), Vec::new());
        // The two in turn, so that the depth stays.
        for _ in 0..ROUNDS {
            puts.push(time(1000, |_| queue.put(item.clone()).unwrap()));
            gets.push(time(1000, |_| drop(queue.get().unwrap())));
            queue.task_done().unwrap();
        }
        let (put, get) = (median(&mut puts), median(&mut gets));
        println!("{depth:10} {put:8.1} {get:8.1} {opened:10.2} {:12.1}", memory());
    }
}

fn open(path: impl AsRef<Path>, options: Options) -> Queue {
    options.open_with(path, Bytes).unwrap()
}

fn fill(queue: &Queue, mut count: u64) {
    while count > 0 {
        let some = count.min(10_000);
        queue.put_many(vec![vec![7; SIZE]; some as usize]).unwrap();
        count -= some;
    }
}

/// The memory that this process takes, in MB.
fn memory() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    resident.unwrap_or(f64::NAN) * 4096.0 / 1e6
}

fn time(count: u32, mut call: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    for index in 0..count {
        call(index);
    }
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
