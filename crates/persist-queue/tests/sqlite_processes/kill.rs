//! Producers and consumers of an acknowledged queue that are killed at random moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use persist_queue::sql::Status;

use crate::actor::{Actor, LEASE, acked, lines};
use crate::measure::{Dice, alone, now};
use crate::setting;

/// Numbers that one life of a producer can put.
const LIFE: u64 = 1_000_000_000;

#[test]
fn killed_producers_and_consumers_lose_nothing_and_leases_return() {
    let _alone = alone();
    let rounds = setting("PERSIST_QUEUE_KILL_ROUNDS", 25);
    let dir = tempfile::tempdir().unwrap();
    let queue = acked(dir.path());
    let seed = now();
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let mut lives = 0;
    let mut start = |role: &str| {
        lives += 1;
        Actor::start(dir.path(), role, &format!("{role}-{lives}"), lives * LIFE)
    };
    let roles = ["produce", "produce", "consume", "consume"];
    let mut actors: Vec<Actor> = roles.iter().map(|role| start(role)).collect();
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(dice.roll(60)));
        let who = usize::try_from(dice.roll(4)).unwrap();
        actors[who].kill();
        actors[who] = start(roles[who]);
    }
    for producer in &mut actors[..2] {
        producer.kill();
    }
    // The consumers finish it, with what the killed ones held: nobody opens the queue again.
    let end = Instant::now() + Duration::from_secs(60);
    while queue.len().unwrap() + queue.count(Status::Held).unwrap() > 0 {
        assert!(Instant::now() < end, "a lease did not return");
        std::thread::sleep(LEASE / 10);
    }
    // Time to note what was acknowledged last.
    std::thread::sleep(LEASE);
    drop(actors);

    let mut put = Vec::new();
    let mut acks: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for line in lines(&path).iter().filter(|_| !name.starts_with("data")) {
            match line.split_once(' ') {
                None => put.push(line.parse::<u64>().unwrap()),
                Some(("acked", number)) => *acks.entry(number.parse().unwrap()).or_default() += 1,
                Some(_) => {}
            }
        }
    }
    let acked_rows = queue.count(Status::Acked).unwrap();
    eprintln!("{rounds} kills, {} puts acknowledged, {acked_rows} rows acked", put.len());
    assert!(acked_rows >= put.len() as u64, "an item was lost");
    assert!(acks.values().all(|acks| *acks == 1), "an item was acknowledged twice");
    // A row is acknowledged once; those whose note a kill swallowed are the difference.
    assert!(acks.len() as u64 <= acked_rows);
    assert_eq!(queue.count(Status::Dead).unwrap() + queue.count(Status::Failed).unwrap(), 0);
    let noted: u64 = put.iter().filter(|number| acks.contains_key(number)).count() as u64;
    assert!(
        put.len() as u64 - noted <= rounds,
        "more notes are missing than processes were killed"
    );
}
