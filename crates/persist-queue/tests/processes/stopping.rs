//! Processes that are stopped (SIGSTOP), and locks that are kept while nobody uses them.

use std::time::{Duration, Instant};

use crate::measure::{Spread, alone};
use crate::puppet::{AUTOSAVE, PLAIN, Puppet};

/// Time enough to be idle.
const IDLE: Duration = Duration::from_millis(100);
/// A stopped process that nobody waits for.
const LITTLE: Duration = Duration::from_millis(500);

#[test]
fn an_idle_process_has_given_up_the_lock() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut idle = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    let mut times = Vec::new();
    for number in 0..30 {
        idle.put(number);
        std::thread::sleep(Duration::from_millis(50));
        times.push(other.ask(&format!("put q 1 0 {number}")).took);
        std::thread::sleep(Duration::from_millis(50));
    }
    let spread = Spread::of(times);
    eprintln!("a put when the other process has been idle for 50 ms: {spread}");
    assert!(spread.median < Duration::from_millis(2));
    assert!(spread.longest < Duration::from_secs(1));
}

#[test]
fn a_process_stopped_while_idle_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    stopped.put(1);
    std::thread::sleep(IDLE);
    stopped.pause();
    assert!(other.ask("put q 0 0 2").took < LITTLE);
    assert_eq!([other.get(), other.get()], [1, 2]);
    let mut late = Puppet::with(folder.path(), AUTOSAVE);
    late.put(3);
    stopped.resume();
    assert_eq!(stopped.get(), 3);
}

/// As above, with threads of the stopped process that wait for an item.
#[test]
fn a_process_stopped_while_it_waits_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Puppet::with(folder.path(), AUTOSAVE);
    let mut waiting = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    stopped.send("get q");
    waiting.send("get q");
    std::thread::sleep(IDLE);
    stopped.pause();
    assert!(other.ask("put q 0 0 1").took < LITTLE);
    let got = waiting.answer();
    assert_eq!(got.item().2, 1);
    stopped.resume();
    other.put(2);
    assert_eq!(stopped.answer().item().2, 2);
}

/// It keeps its items, and so its turn to consume, but nobody is kept from putting.
#[test]
fn a_stopped_plain_consumer_lets_others_put() {
    let folder = tempfile::tempdir().unwrap();
    let mut consumer = Puppet::with(folder.path(), PLAIN);
    let mut producer = Puppet::with(folder.path(), PLAIN);
    producer.put(1);
    assert_eq!(consumer.get(), 1);
    std::thread::sleep(IDLE);
    consumer.pause();
    for number in 2..50 {
        assert!(producer.ask(&format!("put q 0 0 {number}")).took < LITTLE);
    }
    producer.ask("try_get q").expect(&format!("elsewhere {}", consumer.pid()));
    consumer.resume();
    assert_eq!(consumer.get(), 2);
}

/// A process that is stopped inside a call keeps the lock. Nobody hangs: who sets a limit is told,
/// and who waits goes on with the stopped process.
#[test]
fn a_process_stopped_in_a_burst_is_waited_for_within_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Puppet::new();
    let mut limited = Puppet::with(folder.path(), AUTOSAVE);
    let mut patient = Puppet::with(folder.path(), AUTOSAVE);
    stopped.start("hammer", folder.path(), AUTOSAVE, "1");
    stopped.answer().expect("started");
    std::thread::sleep(IDLE);
    stop_with_the_lock(&stopped, &mut limited);
    patient.send("put q 1 0 1");
    assert_eq!(limited.answer().expect("locked").took.as_secs(), 10);
    assert_eq!(patient.answer_within(Duration::from_millis(100)), None);
    stopped.resume();
    patient.answer().expect("ok");
    // The one that gave up does not stand in anybody's way, nor does it stay locked out.
    limited.ask("try_put q 1 0 2").expect("ok");
    stopped.halt();
    stopped.answer();
}

/// Leaves `limited` with a put that has not got through.
fn stop_with_the_lock(stopped: &Puppet, limited: &mut Puppet) {
    for _ in 0..100 {
        stopped.pause();
        limited.send("try_put q 1 0 0");
        let Some(answer) = limited.answer_within(Duration::from_millis(500)) else { return };
        answer.expect("ok");
        stopped.resume();
        std::thread::sleep(Duration::from_millis(3));
    }
    panic!("it could not be stopped while it had the lock");
}

/// Opening once more while the lock is kept fails in the end; the process must not stay in the way
/// of others as the next in turn.
#[test]
fn an_opening_that_gave_up_blocks_nobody_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Puppet::new();
    let mut opener = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    stopped.start("hammer", folder.path(), AUTOSAVE, "1");
    stopped.answer().expect("started");
    std::thread::sleep(IDLE);
    stop_with_the_lock(&stopped, &mut other);
    // `other` is next and gives up first, so that the turn comes to the one that opens.
    std::thread::sleep(Duration::from_secs(2));
    opener.send(&format!("open again true 100 0 false {}", folder.path().display()));
    other.answer().expect("locked");
    opener.answer().expect("locked");
    stopped.resume();
    let start = Instant::now();
    other.ask("try_put q 1 0 2").expect("ok");
    assert!(start.elapsed() < Duration::from_secs(1));
    stopped.halt();
    stopped.answer();
}
