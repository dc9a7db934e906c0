//! What processes cost each other: a queue that one alone uses keeps the kernel's lock, and gives it up
//! when another one asks.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use persist_queue::Options;
use persist_queue_bench::{PROCESS, Row, median};

use crate::measure::{SIZE, open, time};

/// How long processes contend in each round.
const WHILE: Duration = Duration::from_millis(500);
const KNOCKS: u32 = 100;

const NAMES: [&str; 5] = [
    "one process alone",
    "while another one has the lock, and rests",
    "while another one puts all the time",
    "two processes that put all the time",
    "two that take a plain lock for each",
];

/// Times a put alone, one that finds another process with the lock, and those of two processes at once
/// beside the same work under a plain lock for each operation.
pub(crate) fn locks(rounds: usize) -> [Row; NAMES.len()] {
    let mut times = [const { Vec::new() }; NAMES.len()];
    for _ in 0..rounds {
        let dir = tempfile::tempdir_in(".").unwrap();
        let queue = open(dir.path(), Options::new());
        times[0].push(time(10_000, |_| queue.put(vec![7; SIZE]).unwrap()));
        times[1].push(knocks(dir.path(), "rest"));
        times[2].push(knocks(dir.path(), "put"));
        times[3].push(together(dir.path(), "put"));
        times[4].push(together(dir.path(), "plain"));
    }
    println!("{SIZE} bytes, nanoseconds a put, median (least to most) of {rounds} rounds");
    let rows = Row::many("processes", NAMES, PROCESS, SIZE, times);
    for row in &rows {
        println!("{:42} {row}", row.name);
    }
    rows
}

/// What the other processes do: puts until it is killed, or its time is over; prints how many.
pub(crate) fn other(work: &str, dir: &str) {
    let dir = Path::new(dir);
    match work {
        "plain" => {
            let file = File::options().create(true).append(true).open(dir.join("plain")).unwrap();
            let (mut done, item) = (0_u64, [7; SIZE]);
            let start = Instant::now();
            while start.elapsed() < WHILE {
                file.lock().unwrap();
                file.write_all_at(&item, done * SIZE as u64).unwrap();
                file.unlock().unwrap();
                done += 1;
            }
            println!("{done}");
        }
        "rest" => {
            let queue = open(dir, Options::new());
            loop {
                queue.put(vec![7; SIZE]).unwrap();
                sleep(Duration::from_millis(2));
            }
        }
        _ => {
            let queue = open(dir, Options::new());
            let (mut done, start) = (0_u64, Instant::now());
            // Those who knock want it for longer, and kill it.
            while work == "hammer" || start.elapsed() < WHILE {
                queue.put(vec![7; SIZE]).unwrap();
                done += 1;
            }
            println!("{done}");
        }
    }
}

fn start(work: &str, dir: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args(["other", work]).arg(dir).stdout(Stdio::piped()).spawn().unwrap()
}

/// The time of a put while another process is at work.
fn knocks(dir: &Path, work: &str) -> f64 {
    let mut other = start(if work == "put" { "hammer" } else { work }, dir);
    let queue = open(dir, Options::new());
    sleep(Duration::from_millis(100));
    let mut times = Vec::new();
    for _ in 0..KNOCKS {
        times.push(time(1, |_| queue.put(vec![7; SIZE]).unwrap()));
        sleep(Duration::from_millis(3));
    }
    other.kill().unwrap();
    other.wait().unwrap();
    median(&mut times)
}

/// The time of all puts of two processes, a put.
fn together(dir: &Path, work: &str) -> f64 {
    let others = [start(work, dir), start(work, dir)];
    let done = others.map(|other| {
        let output = other.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().unwrap()
    });
    WHILE.as_nanos() as f64 / done.iter().sum::<u64>() as f64
}
