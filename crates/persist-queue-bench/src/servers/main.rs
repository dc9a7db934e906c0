//! Times queues on servers, each beside what the server itself gives to its driver for the same work.
//!
//! ```text
//! cargo run --release -p persist-queue-bench --features servers --bin servers -- mysql://root@127.0.0.1:3306
//! ```
//! Several URLs are measured in turn, in each round. `--rounds N` makes more or fewer rounds, `--json FILE`
//! writes the figures also as JSON. On each server the queues and tables called `persistqueue-bench…` are used,
//! and emptied; the database is `persistqueue_bench` where the URL names none.
#![allow(clippy::print_stdout, reason = "it prints its results")]
#![allow(clippy::unwrap_used, reason = "without a server there is nothing to measure")]
#![allow(clippy::cast_precision_loss, reason = "what is counted is small")]

mod driver;
mod driver_nats;
mod ours;
mod wake_up;

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use persist_queue_bench::{MACHINE, PROCESS, Row};

/// The bytes of an item.
const ITEM: [u8; 100] = [b'x'; 100];
/// How often each call is made in a round.
const CALLS: u32 = 500;
/// How many sleeps a round ends.
const WAKE_UPS: u32 = 25;
/// What a queue, table or stream is called.
const NAME: &str = "persistqueue-bench";
const TABLE: &str = "servers";

/// Times queues on servers, each beside its driver alone
#[derive(Parser)]
struct Arguments {
    /// Where servers are: mysql://…, postgresql://…, nats://…
    #[arg(required = true)]
    urls: Vec<String>,
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Where to write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A call that is made again and again.
struct Timed<'a> {
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Timed<'a> {
    fn new<R>(name: &'static str, mut call: impl FnMut() -> R + 'a) -> Self {
        Self { name, call: Box::new(move || drop_any(call())) }
    }
}

/// What a call gives is of no interest.
fn drop_any<R>(_given: R) {}

/// The makes of servers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Make {
    MySql,
    Postgres,
    Nats,
}

impl Make {
    fn of(url: &str) -> Self {
        match url.split(':').next().unwrap() {
            "mysql" => Self::MySql,
            "nats" => Self::Nats,
            _ => Self::Postgres,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::Postgres => "PostgreSQL",
            Self::Nats => "NATS JetStream",
        }
    }

    /// A database is on the disk when it answers, as it is set up; `JetStream` later.
    fn survives(self) -> &'static str {
        if self == Self::Nats { PROCESS } else { MACHINE }
    }
}

/// A server, and what is measured of it. What is put by one call is taken by a later one.
struct Place {
    make: Make,
    url: String,
    calls: Vec<Timed<'static>>,
}

impl Place {
    fn new(url: String) -> Self {
        let make = Make::of(&url);
        let (url, mut calls) = match make {
            Make::Nats => (url.clone(), driver_nats::calls(&url)),
            Make::MySql | Make::Postgres => driver::calls(url),
        };
        calls.extend(ours::calls(make, &url));
        Self { make, url, calls }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, other, url, count] = &words[..]
        && other == wake_up::OTHER
    {
        return wake_up::put(url, count.parse().unwrap());
    }
    let arguments = Arguments::parse();
    let mut places: Vec<_> = arguments.urls.into_iter().map(Place::new).collect();
    let mut times: Vec<Vec<Vec<f64>>> =
        places.iter().map(|place| vec![Vec::new(); place.calls.len() + 1]).collect();
    for _ in 0..arguments.rounds {
        for (place, times) in places.iter_mut().zip(&mut times) {
            for (timed, times) in place.calls.iter_mut().zip(times.iter_mut()) {
                let start = Instant::now();
                (0..CALLS).for_each(|_| (timed.call)());
                times.push(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
            }
            times.last_mut().unwrap().push(wake_up::median(&place.url, WAKE_UPS));
        }
    }
    let mut rows = Vec::new();
    println!("{} bytes, microseconds a call, medians of {} rounds", ITEM.len(), arguments.rounds);
    for (place, times) in places.iter().zip(times) {
        let names = place.calls.iter().map(|timed| timed.name).chain(["wake-up"]);
        for (name, times) in names.zip(times) {
            let row = Row::times(TABLE, place.make.name(), place.make.survives(), name, times);
            println!("{:16} {name:18} {:8.1}", place.make.name(), row.median / 1000.0);
            rows.push(row);
        }
    }
    if let Some(file) = arguments.json {
        persist_queue_bench::write_json(&file, &rows).unwrap();
    }
}
