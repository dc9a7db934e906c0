//! The file queue beside other embedded queues and stores, and beside what the machine can do.
//!
//! ```text
//! cargo run --release --manifest-path benchmark/peers/Cargo.toml [--rounds N] [--calls N] [--json FILE] [calls|streams|disk]...
//! ```
//! In each round every one of them puts so many payloads into a new folder and takes them out again, one
//! after the other, each time another one first. Medians, and the least and the most. A put of those that
//! survive "nothing" may be lost when the process is killed.

mod limit;
mod peer;
mod stream;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use peer::{Entry, PEERS, Peer, entry};
use persist_queue_bench::{MACHINE, NOTHING, PROCESS, Row, write_json};

const LIMITS: &[Entry] = &[
    entry("limit: copy in memory", NOTHING, 1, limit::memory),
    entry("limit: mapped, checksum", PROCESS, 1, limit::mapped),
    entry("limit: write and read call", PROCESS, 1, limit::written),
];

/// The file queue beside other embedded queues and stores, and beside what the machine can do.
#[derive(Parser)]
struct Arguments {
    #[arg(value_enum, default_values_t = [Scene::Calls, Scene::Streams, Scene::Disk])]
    scenes: Vec<Scene>,
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How many puts and gets a round makes; of large items and with slow ones, fewer
    #[arg(long, default_value_t = 100_000)]
    calls: usize,
    /// Where to write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scene {
    Calls,
    Streams,
    Disk,
}

fn main() {
    // SAFETY: there is no other thread yet. Walrus tells of each call where this is not set.
    unsafe { std::env::set_var("WALRUS_QUIET", "1") };
    let Arguments { scenes, rounds, calls, json } = Arguments::parse();
    let rounds = rounds.into();
    // Before the current folder is another one.
    let json = json.map(|file| std::path::absolute(file).unwrap());
    let mut rows = Vec::new();
    for scene in scenes {
        match scene {
            Scene::Calls => {
                for (size, calls) in [(100, calls), (1024, calls / 2), (65536, calls / 50)] {
                    rows.extend(one_thread(size, calls, rounds));
                }
            }
            Scene::Streams => {
                for threads in [1, 4] {
                    rows.extend(stream::stream(threads, calls, rounds));
                }
            }
            Scene::Disk => rows.extend(on_disk(rounds)),
        }
    }
    if let Some(file) = json {
        write_json(&file, &rows).unwrap();
    }
}

fn one_thread(size: usize, calls: usize, rounds: usize) -> Vec<Row> {
    let entries: Vec<&Entry> = LIMITS.iter().chain(PEERS).collect();
    let mut times = vec![(Vec::new(), Vec::new()); entries.len()];
    for round in 0..rounds {
        for turn in 0..entries.len() {
            let which = (turn + round) % entries.len();
            let entry = entries[which];
            let folder = tempfile::tempdir_in(std::env::temp_dir()).unwrap();
            let (put, get) = measure(entry, folder.path(), size, (calls / entry.slower).max(20));
            times[which].0.push(put);
            times[which].1.push(get);
            std::env::set_current_dir("/").unwrap();
        }
    }
    println!("\n{size} bytes, nanoseconds a call, median (least to most) of {rounds} rounds\n");
    println!("| | survives | put | get | put + get |\n| --- | --- | --- | --- | --- |");
    let mut rows = Vec::new();
    for (entry, (puts, gets)) in entries.iter().zip(times) {
        let [put, get] = [("put", puts), ("get", gets)].map(|(call, times)| {
            let case = format!("{call} {size}");
            Row::times("rust-peers", entry.name, entry.survives, case, times)
        });
        let both = put.median + get.median;
        println!("| {} | {} | {put} | {get} | {both:.0} |", put.name, put.survives);
        rows.extend([put, get]);
    }
    rows
}

fn measure(entry: &Entry, dir: &Path, size: usize, calls: usize) -> (f64, f64) {
    let payload: Vec<u8> = (0..size).map(|at| at as u8).collect();
    let mut peer: Box<dyn Peer> = (entry.open)(dir);
    let put = each(calls, || peer.put(&payload));
    let get = each(calls, || assert_eq!(peer.get(), Some(size)));
    (put, get)
}

fn each(calls: usize, mut call: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..calls).for_each(|_| call());
    started.elapsed().as_nanos() as f64 / calls as f64
}

/// A put that survives a dead machine, beside the flush that it needs; eight threads share flushes.
fn on_disk(rounds: usize) -> [Row; 3] {
    const CALLS: usize = 500;
    let payload = vec![7; 100];
    let (mut flush, mut one, mut eight) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("file")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 1 << 20], 0).unwrap();
        file.sync_all().unwrap();
        let mut at = 0;
        flush.push(each(CALLS, || {
            std::os::unix::fs::FileExt::write_all_at(&file, &payload, at).unwrap();
            at += 128;
            file.sync_data().unwrap();
        }));
        let queue = peer::ours_on_disk(&folder.path().join("queue"));
        one.push(each(CALLS, || queue.put(payload.clone()).unwrap()));
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..CALLS).for_each(|_| queue.put(payload.clone()).unwrap()));
            }
        });
        eight.push(started.elapsed().as_nanos() as f64 / (8 * CALLS) as f64);
    }
    println!(
        "\n100 bytes that survive a {MACHINE}, nanoseconds a put, median (least to most) of {rounds} rounds\n"
    );
    println!("| | put |\n| --- | --- |");
    let names = ["limit: write and fdatasync", "persist-queue", "persist-queue, 8 threads"];
    let rows = Row::many("rust-disk", names, MACHINE, "put", [flush, one, eight]);
    for row in &rows {
        println!("| {} | {row} |", row.name);
    }
    rows
}
