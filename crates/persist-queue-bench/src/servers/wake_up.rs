//! How soon a process that waits for an item has one that another process puts.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use persist_queue::mysql::MySql;
use persist_queue::postgres::Postgres;
use persist_queue::server::{self, Address, ServerOptions};
use persist_queue::{NatsAddress, NatsOptions};
use persist_queue_bench::median as middle;

use crate::{Make, drop_any};

const NAME: &str = "persistqueue-bench-wake-up";
/// The word that makes this program the other process.
pub(crate) const OTHER: &str = "puts";

/// Nanoseconds from the return of the other process's put to that of the get that waited for it; nothing
/// is less than a nanosecond.
pub(crate) fn median(url: &str, count: u32) -> f64 {
    let queue = open(url);
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args([OTHER, url, &count.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(other.stdout.take().unwrap()).lines();
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            (queue.get)();
            let now = now();
            let returned: u128 = told.next().unwrap().unwrap().parse().unwrap();
            // The get may be back before the put is.
            now.saturating_sub(returned).max(1) as f64
        })
        .collect();
    other.wait().unwrap();
    middle(&mut times)
}

/// Puts at intervals that differ, and says when each put returned.
pub(crate) fn put(url: &str, count: u32) {
    let queue = open(url);
    for round in 0..count {
        sleep(Duration::from_millis(u64::from(20 + round * 37 % 60)));
        (queue.put)();
        println!("{}", now());
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

struct Queue {
    put: Box<dyn Fn()>,
    get: Box<dyn Fn()>,
}

fn open(url: &str) -> Queue {
    match Make::of(url) {
        Make::MySql => on_database::<MySql>(url),
        Make::Postgres => on_database::<Postgres>(url),
        Make::Nats => on_nats(url),
    }
}

macro_rules! queue_of {
    ($opened:expr) => {{
        let queue = std::rc::Rc::new($opened);
        let gets = std::rc::Rc::clone(&queue);
        Queue {
            put: Box::new(move || drop_any(queue.put(1).unwrap())),
            get: Box::new(move || drop_any(gets.get().unwrap())),
        }
    }};
}

fn on_database<M: server::Make>(url: &str) -> Queue {
    let address = Address::<M>::from_url(url).unwrap();
    queue_of!(ServerOptions::<M>::new().name(NAME).open::<u32>(&address).unwrap())
}

fn on_nats(url: &str) -> Queue {
    let address = NatsAddress::from_url(url).unwrap();
    queue_of!(NatsOptions::new().name(NAME).open::<u32>(&address).unwrap())
}
