//! Items finished before older ones, seen from other processes.

use std::path::Path;
use std::time::Duration;

use crate::puppet::{PLAIN, Puppet, Spec};

fn fill(dir: &Path) {
    let queue = PLAIN.open(dir).unwrap();
    for number in 0..5 {
        queue.put((0, 0, number)).unwrap();
    }
}

/// A plain consumer with the items 0 to 3 in four threads, of which 1 is finished.
fn consumer_with_a_mark(dir: &Path) -> Puppet {
    let mut consumer = Puppet::with(dir, PLAIN);
    for thread in 0..4 {
        assert_eq!(consumer.ask(&format!("in {thread} get q")).item().2, thread);
    }
    finish(&mut consumer, 1);
    consumer
}

/// Lets the thread that has this item finish it.
fn finish(consumer: &mut Puppet, number: u64) {
    consumer.ask(&format!("in {number} done q")).expect("ok");
    // The lock is given up meanwhile, so that nothing hides in the consumer's memory.
    std::thread::sleep(Duration::from_millis(30));
}

/// What somebody has read ahead may be finished by the time he takes it.
#[test]
fn what_was_finished_out_of_order_is_not_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut next = Puppet::with(folder.path(), PLAIN);
    let mut consumer = consumer_with_a_mark(folder.path());
    next.ask("peek q").expect("item 0 0 0");
    finish(&mut consumer, 2);
    finish(&mut consumer, 3);
    consumer.kill();
    assert_eq!([next.get(), next.get()], [0, 4]);
    next.ask("try_get q").expect("none");
}

#[test]
fn what_was_finished_out_of_order_makes_room_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut producer = Puppet::with(folder.path(), Spec { maxsize: 4, ..PLAIN });
    producer.ask("try_put q 1 0 0").expect("full");
    let mut consumer = consumer_with_a_mark(folder.path());
    // 0, 2, 3 and 4 are stored.
    producer.ask("try_put q 1 0 0").expect("full");
    finish(&mut consumer, 2);
    producer.ask("try_put q 1 0 1").expect("ok");
    producer.ask("len q").expect("number 4");
    finish(&mut consumer, 3);
    producer.ask("len q").expect("number 3");
    producer.ask("try_put q 1 0 2").expect("ok");
}

#[test]
fn what_was_finished_out_of_order_wakes_who_waits_for_room() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut producer = Puppet::with(folder.path(), Spec { maxsize: 4, ..PLAIN });
    let mut consumer = consumer_with_a_mark(folder.path());
    producer.send("put q 1 0 0");
    assert_eq!(producer.answer_within(Duration::from_millis(100)), None);
    finish(&mut consumer, 2);
    producer.answer().expect("ok");
}
