//! Processes that are killed at random moments and replaced: nothing that was acknowledged is lost,
//! nothing is delivered twice, and nobody is blocked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use persist_queue::Error;

use crate::measure::{Dice, alone, now};
use crate::puppet::{AUTOSAVE, Answer, Item, PLAIN, Puppet, Queue, Spec, describe};

const PRODUCERS: u64 = 2;

// ---- What the children do.

/// Produces or consumes until it is halted.
pub(crate) fn play(
    goes_on: &(dyn Fn() -> bool + Sync),
    queue: &Queue,
    role: &str,
    words: &[&str],
) -> String {
    match role {
        "produce" => produce(goes_on, queue, words),
        _ => consume(goes_on, queue, words),
    }
}

/// Puts one item after the other, and notes each that was acknowledged.
fn produce(goes_on: &(dyn Fn() -> bool + Sync), queue: &Queue, words: &[&str]) -> String {
    let mut log = append(words[0]);
    let (slot, life) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    let mut number = 0;
    while goes_on() {
        match queue.put_timeout((slot, life, number), Duration::from_millis(100)) {
            Ok(()) => {}
            Err(rejected) if matches!(rejected.error, Error::Full { .. }) => continue,
            Err(rejected) => return describe(&rejected.error),
        }
        note(&mut log, &format!("{number}\n"));
        number += 1;
    }
    format!("number {number}")
}

/// Takes in one thread or in several, each with a log of its own.
fn consume(goes_on: &(dyn Fn() -> bool + Sync), queue: &Queue, words: &[&str]) -> String {
    let (path, autosave) = (words[0], words[1] == "true");
    let (batch, threads): (u64, u64) = (words[2].parse().unwrap(), words[3].parse().unwrap());
    let failures: Vec<Error> = std::thread::scope(|scope| {
        let work = |thread| {
            let mut log = append(&format!("{path}.{thread}"));
            let mut dice = Dice::new(now() + thread);
            while take_batch(queue, &mut log, 1 + dice.roll(batch), autosave)? || goes_on() {}
            Ok(())
        };
        let threads: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap().err()).collect()
    });
    failures.first().map_or_else(|| "ok".to_owned(), describe)
}

/// Takes up to `most` items and finishes them; says whether there was one.
fn take_batch(queue: &Queue, log: &mut File, most: u64, autosave: bool) -> Result<bool, Error> {
    let mut taken = 0;
    while taken < most {
        let Some((slot, life, number)) = queue.get_timeout(Duration::from_millis(50))? else {
            break;
        };
        note(log, &format!("{slot} {life} {number}\n"));
        taken += 1;
    }
    if taken > 0 && !autosave {
        queue.task_done()?;
        note(log, "done\n");
    }
    Ok(taken > 0)
}

fn append(path: &str) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// One write(2), which a killed process did or did not do.
fn note(log: &mut File, line: &str) {
    assert_eq!(log.write(line.as_bytes()).unwrap(), line.len());
}

// ---- What the parent does.

/// What is done to whom.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    spec: Spec,
    consumers: usize,
    /// Of each consumer.
    threads: u64,
    kill_consumers: bool,
}

const PLAN: Plan =
    Plan { name: "", spec: AUTOSAVE, consumers: 2, threads: 1, kill_consumers: true };

struct Actor {
    puppet: Puppet,
    /// What it notes, without the number of the thread.
    log: PathBuf,
}

/// All lives of all actors on one queue.
struct Theatre {
    plan: Plan,
    folder: tempfile::TempDir,
    dice: Dice,
    lives: u64,
    producers: Vec<Actor>,
    consumers: Vec<Actor>,
    killed_producers: u64,
    /// The logs of the consumers that were killed.
    killed_consumers: BTreeSet<PathBuf>,
}

impl Theatre {
    fn new(plan: Plan) -> Self {
        let seed = now();
        eprintln!("{}: seed {seed}", plan.name);
        let mut theatre = Self {
            plan,
            folder: tempfile::tempdir().unwrap(),
            dice: Dice::new(seed),
            lives: 0,
            producers: Vec::new(),
            consumers: Vec::new(),
            killed_producers: 0,
            killed_consumers: BTreeSet::new(),
        };
        theatre.producers = (0..PRODUCERS).map(|slot| theatre.producer(slot)).collect();
        theatre.consumers = (0..plan.consumers).map(|_| theatre.consumer()).collect();
        theatre
    }

    fn queue(&self) -> PathBuf {
        self.folder.path().join("queue")
    }

    fn spec(&mut self) -> Spec {
        let chunk = 1 + self.dice.roll(200);
        let maxsize = 50 + self.dice.roll(450);
        Spec { chunk, maxsize, ..self.plan.spec }
    }

    fn producer(&mut self, slot: u64) -> Actor {
        self.lives += 1;
        let log = self.folder.path().join(format!("put-{slot}-{}", self.lives));
        let words = format!("{} {slot} {}", log.display(), self.lives);
        let mut puppet = Puppet::new();
        puppet.start("produce", &self.queue(), self.spec(), &words);
        Actor { puppet, log }
    }

    fn consumer(&mut self) -> Actor {
        self.lives += 1;
        let log = self.folder.path().join(format!("got-{}", self.lives));
        let Plan { threads, spec: Spec { autosave, .. }, .. } = self.plan;
        let words = format!("{} {autosave} {} {threads}", log.display(), 1 + self.dice.roll(5));
        let mut puppet = Puppet::new();
        puppet.start("consume", &self.queue(), self.spec(), &words);
        Actor { puppet, log }
    }

    /// Kills somebody after a while and starts another one in his place.
    fn round(&mut self) {
        std::thread::sleep(Duration::from_micros(self.dice.roll(60_000)));
        let consumers = if self.plan.kill_consumers { self.consumers.len() } else { 0 };
        let victim = self.dice.roll((self.producers.len() + consumers) as u64) as usize;
        let slot = victim as u64;
        if let Some(producer) = self.producers.get_mut(victim) {
            check(&producer.puppet.kill());
            self.killed_producers += 1;
            self.producers[victim] = self.producer(slot);
        } else {
            let victim = victim - self.producers.len();
            let consumer = &mut self.consumers[victim];
            check(&consumer.puppet.kill());
            self.killed_consumers.insert(consumer.log.clone());
            self.consumers[victim] = self.consumer();
        }
    }

    /// Lets the living come to an end: first those who put, then those who take.
    fn finish(&mut self) {
        for actor in self.producers.iter_mut().chain(&mut self.consumers) {
            actor.puppet.halt();
            let answer = actor.puppet.answer();
            check(&[answer]);
        }
    }

    fn lines(&self, prefix: &str) -> BTreeMap<PathBuf, Vec<String>> {
        let logs = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        logs.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
            .map(|path| {
                let lines = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
                (path, lines)
            })
            .collect()
    }

    /// All that was acknowledged: everybody's numbers count from 0.
    fn acknowledged(&self) -> BTreeSet<Item> {
        let mut items = BTreeSet::new();
        for (path, lines) in self.lines("put-") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let whose: Vec<u64> =
                name.split('-').skip(1).map(|part| part.parse().unwrap()).collect();
            items.extend(lines.iter().map(|line| (whose[0], whose[1], line.parse().unwrap())));
        }
        items
    }
}

/// Nobody failed, in particular not to open the queue.
#[track_caller]
fn check(answers: &[Answer]) {
    for answer in answers {
        assert!(["ok", "number"].contains(&answer.words[0].as_str()), "{}", answer.text());
    }
}

fn item(line: &str) -> Item {
    let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1], numbers[2])
}

/// What one thread of a consumer took, and which of it was not finished when it was killed.
struct Story {
    taken: Vec<Item>,
    unfinished: BTreeSet<Item>,
}

impl Story {
    fn of(lines: &[String]) -> Self {
        let taken = lines.iter().filter(|line| *line != "done").map(|line| item(line)).collect();
        let last = lines.iter().rev().take_while(|line| *line != "done");
        Self { taken, unfinished: last.map(|line| item(line)).collect() }
    }

    /// What each producer put arrived in the order in which it was put.
    fn check_order(&self, whose: &Path) {
        let mut last: BTreeMap<u64, Item> = BTreeMap::new();
        for item in &self.taken {
            let before = last.insert(item.0, *item);
            assert!(before.is_none_or(|before| before < *item), "{}: {item:?}", whose.display());
        }
    }
}

/// What the log of one thread says that it took, in order.
pub(crate) fn taken_in_order(log: &Path) -> Vec<Item> {
    let lines: Vec<_> = fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect();
    let story = Story::of(&lines);
    story.check_order(log);
    story.taken
}

/// What the logs say.
#[derive(Default)]
struct Ledger {
    deliveries: BTreeMap<Item, u64>,
    /// How often an item may have been delivered more than once.
    again: BTreeMap<Item, u64>,
}

impl Ledger {
    fn read(theatre: &Theatre) -> Self {
        let mut ledger = Self::default();
        for (path, lines) in theatre.lines("got-") {
            let story = Story::of(&lines);
            story.check_order(&path);
            for item in &story.taken {
                *ledger.deliveries.entry(*item).or_default() += 1;
            }
            let killed = theatre.killed_consumers.contains(&path.with_extension(""));
            if killed && !theatre.plan.spec.autosave {
                for item in story.unfinished {
                    *ledger.again.entry(item).or_default() += 1;
                }
            }
        }
        ledger
    }

    fn check(&self, theatre: &Theatre) -> (usize, usize, u64) {
        let acknowledged = theatre.acknowledged();
        for (item, count) in &self.deliveries {
            let again = self.again.get(item).copied().unwrap_or(0);
            assert!(*count <= 1 + again, "{item:?} was delivered {count} times");
            // The one that was being put when its producer was killed may be there too.
            let (slot, life, number) = *item;
            let follows = number == 0 || acknowledged.contains(&(slot, life, number - 1));
            assert!(acknowledged.contains(item) || follows, "{item:?} was never put");
        }
        let missing: Vec<_> =
            acknowledged.iter().filter(|item| !self.deliveries.contains_key(item)).collect();
        // Killed between taking it for good and noting it: one for each thread of such a consumer.
        let excused = if theatre.plan.spec.autosave {
            theatre.killed_consumers.len() * theatre.plan.threads as usize
        } else {
            0
        };
        assert!(missing.len() <= excused, "{} of {excused} missing: {missing:?}", missing.len());
        let again = self.deliveries.values().map(|count| count - 1).sum();
        (acknowledged.len(), missing.len(), again)
    }
}

/// Two chunks at most are left of a queue that was drained and opened once more.
fn check_leftovers(theatre: &Theatre) {
    let dir = theatre.queue();
    let queue = Spec { chunk: 200, ..AUTOSAVE }.open(&dir).unwrap();
    assert_eq!(queue.try_get().unwrap(), None);
    drop(queue);
    let names = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    let segments = names.iter().filter(|name| name.starts_with("q0")).count();
    assert!(segments <= 2, "{segments} segments are left of a drained queue: {names:?}");
    assert!(!names.iter().any(|name| name.starts_with("damaged")), "{names:?}");
}

fn rounds() -> u64 {
    let rounds = std::env::var("PERSIST_QUEUE_KILL_ROUNDS");
    rounds.map_or(25, |rounds| rounds.parse().expect("PERSIST_QUEUE_KILL_ROUNDS is a number"))
}

fn run(plan: Plan) {
    let machine = alone();
    let start = Instant::now();
    let mut theatre = Theatre::new(plan);
    for round in 1..=rounds() {
        theatre.round();
        if round % 100 == 0 {
            eprintln!("{}: {round} killed in {:.0?}", plan.name, start.elapsed());
        }
    }
    theatre.finish();
    let (put, missing, again) = Ledger::read(&theatre).check(&theatre);
    check_leftovers(&theatre);
    drop(machine);
    eprintln!(
        "{}: {} producers and {} consumers killed, {put} items acknowledged, {missing} taken by \
         somebody killed before he could say so, {again} delivered again, {:.1?}",
        plan.name,
        theatre.killed_producers,
        theatre.killed_consumers.len(),
        start.elapsed(),
    );
}

#[test]
fn killed_producers_and_autosave_consumers() {
    run(Plan { name: "autosave", ..PLAN });
}

#[test]
fn killed_producers_and_autosave_consumers_on_the_disk() {
    run(Plan { name: "autosave, disk", spec: Spec { disk: true, ..AUTOSAVE }, ..PLAN });
}

#[test]
fn killed_producers_alone_lose_nothing() {
    run(Plan { name: "autosave, only producers", kill_consumers: false, ..PLAN });
}

#[test]
fn killed_producers_and_a_plain_consumer() {
    run(Plan { name: "plain", spec: PLAIN, consumers: 1, ..PLAN });
}

#[test]
fn killed_producers_and_a_plain_consumer_on_the_disk() {
    let spec = Spec { disk: true, ..PLAIN };
    run(Plan { name: "plain, disk", spec, consumers: 1, ..PLAN });
}

/// Several threads finish out of order, so that completion marks are written.
#[test]
fn killed_producers_and_a_plain_consumer_with_threads() {
    run(Plan { name: "plain, 3 threads", spec: PLAIN, consumers: 1, threads: 3, ..PLAN });
}

#[test]
fn killed_producers_and_autosave_consumers_with_threads() {
    run(Plan { name: "autosave, 3 threads", threads: 3, ..PLAN });
}
