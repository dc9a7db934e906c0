//! Threads that put while others take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use persist_queue_bench::Row;

use crate::peer::{Ends, Entry, PEERS};

const SIZE: usize = 100;

/// Those whose look at an empty queue takes so long that nothing else goes on.
const NOT_POLLED: [&str; 2] = ["queue-file", "walrus"];

/// So many threads put, and as many take, until everything is out. In each round each time another one is
/// first.
pub fn stream(threads: usize, calls: usize, rounds: usize) -> Vec<Row> {
    let peers: Vec<&Entry> =
        PEERS.iter().filter(|entry| !NOT_POLLED.contains(&entry.name)).collect();
    let mut times = vec![Vec::new(); peers.len()];
    for round in 0..rounds {
        for turn in 0..peers.len() {
            let which = (turn + round) % peers.len();
            let entry = peers[which];
            let folder = tempfile::tempdir_in(std::env::temp_dir()).unwrap();
            let each = (calls / entry.slower / threads).max(20);
            times[which].push(measure(&*entry.ends(folder.path()), threads, each));
        }
    }
    println!(
        "\n{SIZE} bytes from {threads} thread(s) to {threads} thread(s), nanoseconds an item, median (least to most) of {rounds} rounds\n"
    );
    println!("| | survives | an item |\n| --- | --- | --- |");
    let mut rows = Vec::new();
    for (entry, times) in peers.iter().zip(times) {
        let row = Row::times("rust-streams", entry.name, entry.survives, threads, times);
        println!("| {} | {} | {row} |", row.name, row.survives);
        rows.push(row);
    }
    rows
}

fn measure(ends: &dyn Ends, threads: usize, each: usize) -> f64 {
    let payload = [7; SIZE];
    let (items, taken) = (threads * each, AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..each).for_each(|_| ends.put(&payload)));
            scope.spawn(|| {
                while taken.load(Ordering::Relaxed) < items {
                    match ends.get() {
                        Some(size) => {
                            assert_eq!(size, SIZE);
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                        None => std::thread::yield_now(),
                    }
                }
            });
        }
    });
    started.elapsed().as_nanos() as f64 / items as f64
}
