//! How soon a process that waits for an item on a server has one that another process puts.
//!
//! ```sh
//! cargo run --release -p persist-queue --features mysql,nats,postgres --example wake_up -- \
//!     postgresql://postgres@127.0.0.1:5432/postgres 500
//! ```
//!
//! A URL of MySQL, PostgreSQL or NATS. A second process puts, at intervals that differ, with the waiting one alone with the server meanwhile. Prints
//! microseconds from the return of the put (its commit), and from its beginning, to the return of the get.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use persist_queue::mysql::MySql;
use persist_queue::postgres::Postgres;
use persist_queue::server::{Address, Make, ServerOptions};
use persist_queue::{NatsAddress, NatsOptions};

const PUTS: &str = "--puts";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(url) = arguments.first() else { return Err("usage: wake_up URL [ROUNDS]".into()) };
    let rounds = arguments.get(1).map_or(Ok(500), |rounds| rounds.parse())?;
    let puts = arguments.get(2).is_some_and(|argument| argument == PUTS);
    if url.starts_with("mysql:") {
        return run::<MySql>(url, rounds, puts);
    }
    if url.starts_with("nats:") {
        return run_on_nats(url, rounds, puts);
    }
    run::<Postgres>(url, rounds, puts)
}

fn run<M: Make>(url: &str, rounds: u32, puts: bool) -> Result<(), Box<dyn Error>> {
    let address = Address::<M>::from_url(url)?;
    let queue = ServerOptions::<M>::new().name("wake_up").open::<u32>(&address)?;
    if puts {
        return put(rounds, |item| Ok(queue.put(item).map(drop)?));
    }
    queue.purge()?;
    get(url, rounds, || Ok(queue.get()?))
}

fn run_on_nats(url: &str, rounds: u32, puts: bool) -> Result<(), Box<dyn Error>> {
    let queue = NatsOptions::new().name("wake_up").open::<u32>(&NatsAddress::from_url(url)?)?;
    if puts {
        return put(rounds, |item| Ok(queue.put(item).map(drop)?));
    }
    queue.purge()?;
    get(url, rounds, || Ok(queue.get()?))
}

fn now() -> Result<u128, Box<dyn Error>> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())
}

fn put(rounds: u32, put: impl Fn(u32) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for round in 0..rounds {
        std::thread::sleep(Duration::from_millis(u64::from(20 + round * 37 % 180)));
        let begun = now()?;
        put(round)?;
        println!("{begun} {}", now()?);
    }
    Ok(())
}

fn get(
    url: &str,
    rounds: u32,
    get: impl Fn() -> Result<u32, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut other = Command::new(std::env::current_exe()?)
        .args([url, &rounds.to_string(), PUTS])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = BufReader::new(other.stdout.take().ok_or("no pipe")?).lines();
    let (mut since_return, mut since_begin) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        get()?;
        let got = now()?;
        let line = told.next().ok_or("the other process ended")??;
        let (begun, returned) = line.split_once(' ').ok_or("no times")?;
        // The get may be back before the put is.
        since_return.push(got.saturating_sub(returned.parse()?));
        since_begin.push(got.saturating_sub(begun.parse()?));
    }
    other.wait()?;
    for (what, mut times) in
        [("since the put returned", since_return), ("since it began", since_begin)]
    {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() - 1) * part / 100];
        println!("{what:23} median {:6} µs, 90 % {:6}, 99 % {:6}", at(50), at(90), at(99));
    }
    Ok(())
}
