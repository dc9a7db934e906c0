//! Several processes on one queue: real ones, killed and not. They are this test binary again, with only the
//! test `child`.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use persist_queue::sql::{PutOptions, Which};
use persist_queue::{NatsAckQueue, NatsAddress, NatsOptions, NatsQueue, Wait};

use crate::place_or_return;
use crate::server::Place;

const ROLE: &str = "PERSIST_QUEUE_NATS_ROLE";

/// What a child process does. In the test binary itself there is nothing to do.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<_> = role.split(' ').collect();
    let address = NatsAddress::from_url(words[1]).unwrap();
    let options = NatsOptions::new().name(words[2]);
    match words[0] {
        "drain" => drain(&options.open(&address).unwrap()),
        "work" => work(&options.open_ack(&address).unwrap()),
        role => panic!("{role}"),
    }
}

/// Four threads take what is there, and tell each number.
fn drain(queue: &NatsQueue<u64>) {
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

/// Takes, acknowledges, and tells, until it is killed or nothing comes.
fn work(queue: &NatsAckQueue<u64>) {
    let wait = Wait::For(Duration::from_millis(500));
    while let Some(held) = queue.get_with(wait, Which::Next, None).unwrap() {
        let item = held.ack().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "got {item}").unwrap();
        out.flush().unwrap();
    }
}

fn start(place: &Place, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture", "--test-threads", "1"])
        .env(ROLE, format!("{role} {} {}", place.url, place.name))
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

#[test]
fn four_processes_of_four_threads_take_each_item_once() {
    let place = place_or_return!();
    let count = std::env::var("PERSIST_QUEUE_ROWS").map_or(4000, |rows| rows.parse().unwrap());
    let queue: NatsQueue<u64> = place.options().open(&place.address()).unwrap();
    queue.put_many((0..count).collect(), Wait::No).unwrap();
    let mut children: Vec<_> = (0..4).map(|_| start(&place, "drain")).collect();
    let each: Vec<_> = children.iter_mut().map(told).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(each.iter().filter(|items| !items.is_empty()).count() > 1, "one did all");
    let mut all = each.concat();
    all.sort_unstable();
    assert_eq!(all.len() as u64, count);
    assert_eq!(all, (0..count).collect::<Vec<_>>());
    assert!(queue.is_empty().unwrap());
}

#[test]
fn what_a_killed_process_held_comes_back_and_nothing_else_does() {
    let place = place_or_return!();
    let options = place.options().lease(Duration::from_secs(1));
    let queue: NatsAckQueue<u64> = options.open_ack(&place.address()).unwrap();
    let count = 1500;
    queue.put_many((0..count).collect(), PutOptions::default(), Wait::No).unwrap();
    let mut acked = Vec::new();
    for round in 0..8 {
        let mut child = start(&place, "work");
        std::thread::sleep(Duration::from_millis(150 + 20 * round));
        child.kill().unwrap();
        acked.extend(told(&mut child));
        child.wait().unwrap();
    }
    let done: HashSet<u64> = acked.iter().copied().collect();
    assert_eq!(done.len(), acked.len(), "acknowledged twice");
    let mut rest = Vec::new();
    while !queue.is_empty().unwrap() {
        let wait = Wait::For(Duration::from_secs(60));
        let held = queue.get_with(wait, Which::Next, None).unwrap().unwrap();
        rest.push(held.ack().unwrap());
    }
    assert!(rest.iter().all(|item| !done.contains(item)));
    let told = (done.len() + rest.len()) as u64;
    // One that was acknowledged and not told, in each killed process.
    assert!((count - 8..=count).contains(&told), "{told} of {count}");
    assert!(done.len() > 8, "they did nothing");
}
