//! Who waits in one process is woken by what another one does, soon, and costs nothing meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use persist_queue::FileView;

use crate::measure::{Dice, Spread, alone, now};
use crate::puppet::{AUTOSAVE, Answer, Puppet, Queue, Spec};
use crate::roles::END;

fn listener(dir: &Path) -> Puppet {
    let mut puppet = Puppet::new();
    puppet.start("listen", dir, AUTOSAVE, "");
    puppet.answer().expect("started");
    puppet
}

#[test]
fn a_blocked_get_wakes_soon_after_a_put_elsewhere() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut consumer = listener(folder.path());
    let queue = AUTOSAVE.open(folder.path()).unwrap();
    let mut dice = Dice::new(now());
    let mut ways = Vec::new();
    for _ in 0..200 {
        // Both short and long enough for the lock to have been given up for idleness.
        std::thread::sleep(Duration::from_micros(dice.roll(15_000)));
        queue.put((0, 0, now())).unwrap();
        ways.push(consumer.answer().took);
    }
    let spread = Spread::of(ways);
    eprintln!("from a put to the end of a blocked get elsewhere: {spread}");
    assert!(spread.longest < Duration::from_secs(1));
}

/// A ball goes to and fro through two queues, so each process has two logs. One lost wake-up is the
/// end of it.
#[test]
fn two_processes_that_wait_for_each_other_never_stand_still() {
    const ROUNDS: u64 = 2000;
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let (there, back) = (folder.path().join("there"), folder.path().join("back"));
    let mut other = Puppet::new();
    other.start("serve", &there, AUTOSAVE, &format!("{} {ROUNDS}", back.display()));
    other.answer().expect("started");
    let there = AUTOSAVE.open(&there).unwrap();
    let back = AUTOSAVE.open(&back).unwrap();
    let start = Instant::now();
    for round in 0..ROUNDS {
        there.put((0, 0, round)).unwrap();
        let limit = Duration::from_secs(30).saturating_sub(start.elapsed());
        assert_eq!(back.get_timeout(limit).unwrap(), Some((0, 0, round)));
    }
    let each = start.elapsed() / u32::try_from(ROUNDS).unwrap();
    eprintln!("to and fro between two processes, two queues: {each:.0?} a round");
}

/// As above through a single queue: each waits until what is at the front is for it.
#[test]
fn two_processes_on_one_queue_never_stand_still() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut puppets =
        [Puppet::with(folder.path(), AUTOSAVE), Puppet::with(folder.path(), AUTOSAVE)];
    let start = Instant::now();
    for round in 0..1000 {
        let [one, other] = &mut puppets;
        let (putter, getter) = if round % 2 == 0 { (one, other) } else { (other, one) };
        getter.send("get q");
        putter.send(&format!("put q 0 0 {round}"));
        putter.answer().expect("ok");
        assert_eq!(getter.answer().item().2, round);
    }
    let each = start.elapsed() / 1000;
    eprintln!("a put here and a get there, in turns on one queue: {each:.0?} a round");
    assert!(start.elapsed() < Duration::from_secs(30));
}

/// Eight processes with blocked gets on one queue.
struct Crowd {
    puppets: Vec<Puppet>,
    queue: Queue,
}

impl Crowd {
    fn new(dir: &Path) -> Self {
        let puppets = (0..8).map(|_| listener(dir)).collect();
        let queue = AUTOSAVE.open(dir).unwrap();
        Self { puppets, queue }
    }

    /// Whoever answers first.
    fn answer(&mut self) -> Answer {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            for puppet in &mut self.puppets {
                if let Some(answer) = puppet.answer_within(Duration::from_micros(100)) {
                    return answer;
                }
            }
        }
        panic!("an item was taken by nobody; {} wait in the queue", self.queue.len().unwrap());
    }

    fn dismiss(mut self) {
        for _ in &self.puppets {
            self.queue.put((END, 0, 0)).unwrap();
        }
        for puppet in &mut self.puppets {
            puppet.answer().expect("ok");
        }
    }
}

#[test]
fn items_that_trickle_to_a_crowd_go_to_one_each_and_soon() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut crowd = Crowd::new(folder.path());
    let mut dice = Dice::new(now());
    let (mut ways, mut seen) = (Vec::new(), BTreeSet::new());
    for number in 0..200 {
        std::thread::sleep(Duration::from_micros(dice.roll(12_000)));
        crowd.queue.put((number, 0, now())).unwrap();
        let answer = crowd.answer();
        ways.push(answer.took);
        assert!(seen.insert(answer.item().0), "delivered twice");
    }
    let spread = Spread::of(ways);
    eprintln!("from a put to the first of eight waiting processes: {spread}");
    assert!(spread.longest < Duration::from_secs(1));
    crowd.dismiss();
}

/// Bursts of fewer items than processes, of as many and of more: each is taken.
#[test]
fn bursts_to_a_crowd_leave_nothing() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut crowd = Crowd::new(folder.path());
    let mut dice = Dice::new(now());
    for _ in 0..60 {
        let size = 1 + dice.roll(12);
        for number in 0..size {
            crowd.queue.put((number, 0, now())).unwrap();
        }
        let mut seen: Vec<_> = (0..size).map(|_| crowd.answer().item().0).collect();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(0..size), "of {size} items came {seen:?}");
    }
    crowd.dismiss();
}

/// The processors are left alone while nothing happens. What a process used only /proc says.
#[cfg(unix)]
#[test]
fn a_waiting_crowd_sleeps() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let crowd = Crowd::new(folder.path());
    let used = || crowd.puppets.iter().map(Puppet::processor_time).sum::<Duration>();
    // One event, so that all of them have just been awake.
    crowd.queue.put((0, 0, now())).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let before = used();
    std::thread::sleep(Duration::from_secs(2));
    let share = used().saturating_sub(before).as_secs_f64() / 2.0;
    eprintln!("eight processes that wait use {:.1} % of a processor", share * 100.0);
    assert!(share < 0.05, "{share}");
}

/// Killed after its item was stored and before it could tell: the item is there, so whoever waits
/// for one must get it.
#[test]
fn a_put_that_its_process_did_not_survive_wakes_who_waits() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut consumer = listener(folder.path());
    let mut dice = Dice::new(now());
    let spec = Spec { chunk: 3, ..AUTOSAVE };
    for round in 0..150 {
        let mut producer = Puppet::with(folder.path(), spec);
        producer.send(&format!("put q {round} 0 0"));
        std::thread::sleep(Duration::from_micros(dice.roll(400)));
        let put = producer.kill().iter().any(|answer| answer.text() == "ok");
        let stored = put || is_stored(folder.path());
        while let Some(answer) = consumer.answer_within(Duration::from_millis(1)) {
            if answer.item().0 == round {
                break;
            }
        }
        if stored {
            settle(&mut consumer, folder.path());
        }
    }
}

/// Whether an item waits, found without touching the queue.
fn is_stored(dir: &Path) -> bool {
    !FileView::open(dir).unwrap().is_empty()
}

/// Waits until nothing is left.
fn settle(consumer: &mut Puppet, dir: &Path) {
    let start = Instant::now();
    while is_stored(dir) {
        assert!(start.elapsed() < Duration::from_secs(2), "an item waits and a consumer sleeps");
        consumer.answer_within(Duration::from_millis(1));
    }
}

/// The same of a take: the room is there, so whoever waits for some must get it.
#[test]
fn a_take_that_its_process_did_not_survive_wakes_who_waits() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut producer = Puppet::with(folder.path(), Spec { maxsize: 1, chunk: 3, ..AUTOSAVE });
    let mut dice = Dice::new(now());
    producer.put(0);
    producer.send("put q 0 0 1");
    for _ in 0..150 {
        let mut consumer = Puppet::with(folder.path(), AUTOSAVE);
        consumer.send("get q");
        std::thread::sleep(Duration::from_micros(dice.roll(400)));
        consumer.kill();
        let start = Instant::now();
        // Either it was not taken, or the producer that waits puts the next one.
        while !is_stored(folder.path()) {
            assert!(
                start.elapsed() < Duration::from_secs(2),
                "there is room and a producer sleeps"
            );
            // Its answer may be late: without it there is no put that waits.
            if producer.answer_within(Duration::from_millis(1)).is_some() {
                producer.send("put q 0 0 1");
            }
        }
        if producer.answer_within(Duration::from_millis(5)).is_some() {
            producer.send("put q 0 0 1");
        }
    }
}
