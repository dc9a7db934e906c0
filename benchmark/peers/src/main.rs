//! The file queue beside other embedded queues and stores, and beside what the machine can do.
//!
//! ```text
//! cargo run --release --manifest-path benchmark/peers/Cargo.toml [ROUNDS] [CALLS] [calls|streams|disk]
//! ```
//! In each round every one of them puts so many payloads into a new folder and takes them out again, one
//! after the other, each time another one first. Medians, and the least and the most. A put of those that
//! survive "nothing" may be lost when the process is killed.

mod limit;
mod peer;
mod stream;

use std::path::Path;
use std::time::Instant;

use peer::{DISK, Entry, NOTHING, PEERS, PROCESS, Peer, entry};

const LIMITS: &[Entry] = &[
    entry("limit: copy in memory", NOTHING, 1, limit::memory),
    entry("limit: mapped, checksum", PROCESS, 1, limit::mapped),
    entry("limit: write and read call", PROCESS, 1, limit::written),
];

fn main() {
    // SAFETY: there is no other thread yet. Walrus tells of each call where this is not set.
    unsafe { std::env::set_var("WALRUS_QUIET", "1") };
    let argument = |at, default| {
        std::env::args().nth(at).map_or(default, |given: String| given.parse().unwrap())
    };
    let (rounds, calls) = (argument(1, 5), argument(2, 100_000));
    let only = std::env::args().nth(3);
    let wanted = |part: &str| only.as_ref().is_none_or(|only| only == part);
    if wanted("calls") {
        for (size, calls) in [(100, calls), (1024, calls / 2), (65536, calls / 50)] {
            one_thread(size, calls, rounds);
        }
    }
    if wanted("streams") {
        for threads in [1, 4] {
            stream::stream(threads, calls, rounds);
        }
    }
    if wanted("disk") {
        on_disk(rounds);
    }
}

fn one_thread(size: usize, calls: usize, rounds: usize) {
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
    for (entry, (puts, gets)) in entries.iter().zip(times) {
        let (put, get) = (spread(puts), spread(gets));
        let cell = |(median, least, most): (f64, f64, f64)| {
            format!("{median:.0} ({least:.0} to {most:.0})")
        };
        println!(
            "| {} | {} | {} | {} | {:.0} |",
            entry.name,
            entry.survives,
            cell(put),
            cell(get),
            put.0 + get.0
        );
    }
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

fn spread(mut times: Vec<f64>) -> (f64, f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[0], times[times.len() - 1])
}

/// A put that survives a dead machine, beside the flush that it needs; eight threads share flushes.
fn on_disk(rounds: usize) {
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
        "\n100 bytes that survive a {DISK}, microseconds a put, median (least to most) of {rounds} rounds\n"
    );
    println!("| | put |\n| --- | --- |");
    for (name, times) in [
        ("limit: write and fdatasync", flush),
        ("persist-queue", one),
        ("persist-queue, 8 threads", eight),
    ] {
        let (median, least, most) = spread(times);
        println!("| {name} | {:.0} ({:.0} to {:.0}) |", median / 1e3, least / 1e3, most / 1e3);
    }
}
