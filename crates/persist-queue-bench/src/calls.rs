//! What the calls cost.

use std::os::unix::fs::FileExt;
use std::path::Path;

use persist_queue::Options;
use persist_queue_bench::{PROCESS, Row};

use crate::measure::{Queue, SIZE, fill, open, time};

const COUNT: u32 = 200_000;
const NAMES: [&str; 8] = [
    "plain write",
    "put",
    "get",
    "put, get, task_done",
    "autosave get",
    "put, 100 a segment",
    "put, not mapped",
    "put, get, task_done, not mapped",
];

/// The calls, interleaved in each round.
pub(crate) fn calls(rounds: usize) -> [Row; NAMES.len()] {
    let mut times = [const { Vec::new() }; NAMES.len()];
    for _ in 0..rounds {
        for (times, time) in times.iter_mut().zip(round()) {
            times.push(time);
        }
    }
    let rows = Row::many("calls", NAMES, PROCESS, SIZE, times);
    println!("{SIZE} bytes, nanoseconds a call, {rounds} rounds of {COUNT}");
    println!("{:31} {:>9} {:>9} {:>9} {:>14}", "", "median", "least", "most", "of plain write");
    for Row { name, median, least, most, .. } in &rows {
        let ratio = median / rows[0].median;
        println!("{name:31} {median:9.1} {least:9.1} {most:9.1} {ratio:14.2}");
    }
    rows
}

fn round() -> [f64; NAMES.len()] {
    let dir = tempfile::tempdir_in(".").unwrap();
    let item = vec![7; SIZE];
    let file = std::fs::File::create(dir.path().join("plain")).unwrap();
    let queue = open(dir.path().join("q"), Options::new());
    // In a process that has an open queue: with its helper thread every system call costs more.
    let write = time(COUNT, |index| {
        file.write_all_at(&item, u64::from(index) * SIZE as u64).unwrap();
    });
    // Another queue for what takes: the heap is littered with what was just put.
    let put = puts(&queue);
    let (get, all) = takes(&dir.path().join("filled"), Options::new());
    let queue = open(dir.path().join("autosave"), Options::new().autosave(true));
    fill(&queue, u64::from(COUNT));
    let autosave = time(COUNT, |_| drop(queue.get().unwrap()));
    let queue = open(dir.path().join("small"), Options::new().chunk_records(100));
    let small = time(COUNT, |_| queue.put(item.clone()).unwrap());
    let plainly = puts(&open(dir.path().join("plainly"), Options::new().mapped(false)));
    let (_, all_plainly) = takes(&dir.path().join("taken"), Options::new().mapped(false));
    [write, put, get, all, autosave, small, plainly, all_plainly]
}

fn puts(queue: &Queue) -> f64 {
    // Made before, as the bytes of the plain write are.
    let mut items = vec![vec![7; SIZE]; COUNT as usize];
    let put = time(COUNT, |_| queue.put(items.pop().unwrap_or_default()).unwrap());
    queue.purge().unwrap();
    put
}

/// A get, and all three calls in turn.
fn takes(folder: &Path, options: Options) -> (f64, f64) {
    let queue = open(folder, options);
    fill(&queue, u64::from(COUNT));
    let get = time(COUNT, |_| drop(queue.get().unwrap()));
    queue.task_done().unwrap();
    let all = time(COUNT, |_| {
        queue.put(vec![7; SIZE]).unwrap();
        queue.get().unwrap();
        queue.task_done().unwrap();
    });
    (get, all)
}
