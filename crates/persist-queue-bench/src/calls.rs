//! What the calls cost.

use std::os::unix::fs::FileExt;

use persist_queue::Options;

use crate::measure::{SIZE, fill, median, open, time};

const COUNT: u32 = 200_000;
const ROUNDS: usize = 9;

/// The calls, interleaved in each round.
pub(crate) fn calls() {
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
