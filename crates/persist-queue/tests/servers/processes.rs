//! Several processes on one table: real ones, killed and not. They are this test binary again, with only the
//! test `child`.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use persist_queue::Wait;
use persist_queue::sql::{PutOptions, Status, Which};

use crate::server::Database;
use crate::{Address, Options, database_or_return};

const ROLE: &str = "PERSIST_QUEUE_SERVER_ROLE";

/// What a child process does. In the test binary itself there is nothing to do.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (role, url) = role.split_once(' ').unwrap();
    let address = Address::from_url(url).unwrap();
    match role {
        "drain" => drain(&address),
        "drain-unlocked" => drain(&address.skip_locked(false)),
        "work" => work(&address),
        role => panic!("{role}"),
    }
}

/// Four threads take what is there, and tell each number.
fn drain(address: &Address) {
    let queue = Options::new().open::<u64>(address).unwrap();
    let take = || std::iter::from_fn(|| queue.try_get().unwrap()).collect::<Vec<_>>();
    let all: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut out = std::io::stdout().lock();
    for item in all {
        writeln!(out, "got {item}").unwrap();
    }
}

/// Takes, tells, and acknowledges, until it is killed or nothing comes.
fn work(address: &Address) {
    let queue = Options::new().open_ack::<u64>(address).unwrap();
    let wait = Wait::For(Duration::from_millis(500));
    while let Some(held) = queue.get_with(wait, Which::Next, None).unwrap() {
        let item = held.ack().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "got {item}").unwrap();
        out.flush().unwrap();
    }
}

fn start(database: &Database, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture", "--test-threads", "1"])
        .env(ROLE, format!("{role} {}", database.url()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The numbers that a child has told when it ends.
fn told(child: &mut Child) -> Vec<u64> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let number = |line: String| line.rsplit_once("got ").and_then(|(_, item)| item.parse().ok());
    out.lines().filter_map(|line| number(line.unwrap())).collect()
}

fn drain_with(database: &Database, role: &str, count: u64) {
    let queue = Options::new().open::<u64>(&database.address()).unwrap();
    queue.put_many((0..count).collect(), Wait::No).unwrap();
    let mut children: Vec<_> = (0..4).map(|_| start(database, role)).collect();
    let mut all: Vec<u64> = children.iter_mut().flat_map(told).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    all.sort_unstable();
    assert_eq!(all.len() as u64, count);
    assert_eq!(all, (0..count).collect::<Vec<_>>());
    assert!(queue.is_empty().unwrap());
}

#[test]
fn four_processes_of_four_threads_take_each_row_once() {
    let database = database_or_return!();
    let rows = std::env::var("PERSIST_QUEUE_ROWS").map_or(20_000, |rows| rows.parse().unwrap());
    drain_with(&database, "drain", rows);
}

#[test]
fn a_server_that_cannot_skip_locked_rows_gives_each_row_once_too() {
    let database = database_or_return!();
    drain_with(&database, "drain-unlocked", 1000);
}

#[test]
fn what_a_killed_process_held_comes_back_and_nothing_else_does() {
    let database = database_or_return!();
    let queue = Options::new().open_ack::<u64>(&database.address()).unwrap();
    let count = 3000;
    queue.put_many((0..count).collect(), PutOptions::default(), Wait::No).unwrap();
    let mut acked = Vec::new();
    for round in 0..8 {
        let mut child = start(&database, "work");
        std::thread::sleep(Duration::from_millis(150 + 20 * round));
        child.kill().unwrap();
        acked.extend(told(&mut child));
        child.wait().unwrap();
    }
    // The server may still be about to see that the last one is gone.
    let mut tries = 0;
    loop {
        queue.resume().unwrap();
        if queue.count(Status::Held).unwrap() == 0 {
            break;
        }
        tries += 1;
        assert!(tries < 100, "a dead process holds something");
        std::thread::sleep(Duration::from_millis(50));
    }
    let done: HashSet<u64> = acked.iter().copied().collect();
    assert_eq!(done.len(), acked.len(), "acknowledged twice");
    // Nor may it see at once that a row is locked by nobody, or carry out at once what it was sent.
    let wait = Wait::For(Duration::from_secs(2));
    let take = || queue.get_with(wait, Which::Next, None).unwrap();
    let rest: Vec<u64> = std::iter::from_fn(take).map(|held| held.ack().unwrap()).collect();
    assert_eq!(queue.count(Status::Acked).unwrap(), count);
    assert!(rest.iter().all(|item| !done.contains(item)));
    let told = (done.len() + rest.len()) as u64;
    // One that was acknowledged and not told, in each killed process.
    assert!((count - 8..=count).contains(&told), "{told} of {count}");
    assert!(done.len() > 8, "they did nothing");
}
