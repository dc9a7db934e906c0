//! What all processes put is delivered, each once; limits and `join` hold across processes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kill::taken_in_order;
use crate::measure::alone;
use crate::puppet::{AUTOSAVE, PLAIN, Puppet, Spec};

const SOON: Duration = Duration::from_millis(150);

#[test]
fn each_item_of_three_producers_goes_to_one_of_three_consumers() {
    const EACH: u64 = 20_000 / 3;
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("queue");
    let mut consumers = Vec::new();
    for number in 0..3 {
        let mut puppet = Puppet::new();
        let log = folder.path().join(format!("got-{number}"));
        puppet.start("consume", &dir, AUTOSAVE, &format!("{} true 1 1", log.display()));
        consumers.push((puppet, log.with_extension("0")));
    }
    let mut producers: Vec<_> = (0..3)
        .map(|who| {
            let mut puppet = Puppet::new();
            let spec = Spec { chunk: 50 + 70 * who, ..AUTOSAVE };
            puppet.start("sell", &dir, spec, &format!("{who} {EACH}"));
            puppet
        })
        .collect();
    for producer in &mut producers {
        producer.answer().expect("ok");
    }
    let mut deliveries = BTreeMap::new();
    for (consumer, log) in &mut consumers {
        consumer.halt();
        consumer.answer().expect("ok");
        let taken = taken_in_order(log);
        eprintln!("a consumer of three took {} items", taken.len());
        for item in taken {
            *deliveries.entry(item).or_insert(0) += 1;
        }
    }
    assert!(deliveries.values().all(|count| *count == 1));
    assert_eq!(deliveries.len() as u64, 3 * EACH);
}

#[test]
fn a_put_that_waits_for_room_goes_on_after_a_take_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut producer = Puppet::with(folder.path(), Spec { maxsize: 2, ..AUTOSAVE });
    let mut consumer = Puppet::with(folder.path(), AUTOSAVE);
    producer.put(1);
    producer.put(2);
    producer.ask("try_put q 0 0 3").expect("full");
    producer.send("put q 0 0 3");
    assert_eq!(producer.answer_within(SOON), None);
    assert_eq!(consumer.get(), 1);
    producer.answer().expect("ok");
    producer.ask("try_put q 0 0 4").expect("full");
}

/// Of a plain consumer, it is `task_done` that makes room.
#[test]
fn a_put_that_waits_for_room_goes_on_after_a_task_done_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut producer = Puppet::with(folder.path(), Spec { maxsize: 2, ..PLAIN });
    let mut consumer = Puppet::with(folder.path(), PLAIN);
    producer.put(1);
    producer.put(2);
    producer.send("put q 0 0 3");
    assert_eq!(consumer.get(), 1);
    assert_eq!(producer.answer_within(SOON), None);
    consumer.ask("done q").expect("ok");
    producer.answer().expect("ok");
}

#[test]
fn a_limit_counts_what_others_put() {
    let folder = tempfile::tempdir().unwrap();
    let limited = Spec { maxsize: 3, ..AUTOSAVE };
    let mut one = Puppet::with(folder.path(), limited);
    let mut other = Puppet::with(folder.path(), limited);
    for number in 0..3 {
        let puppet = if number % 2 == 0 { &mut one } else { &mut other };
        puppet.ask(&format!("try_put q 0 0 {number}")).expect("ok");
    }
    one.ask("try_put q 0 0 9").expect("full");
    other.ask("try_put q 0 0 9").expect("full");
    one.ask("len q").expect("number 3");
    let mut late = Puppet::with(folder.path(), limited);
    late.ask("try_put q 0 0 9").expect("full");
}

#[test]
fn join_returns_when_others_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut producer = Puppet::with(folder.path(), PLAIN);
    let mut consumer = Puppet::with(folder.path(), PLAIN);
    for number in 0..3 {
        producer.put(number);
    }
    producer.send("join q");
    for number in 0..3 {
        assert_eq!(consumer.get(), number);
        assert_eq!(producer.answer_within(SOON / 3), None);
        consumer.ask("done q").expect("ok");
    }
    producer.answer().expect("ok");
}

#[test]
fn join_returns_when_others_took_with_autosave() {
    let folder = tempfile::tempdir().unwrap();
    let mut producer = Puppet::with(folder.path(), AUTOSAVE);
    let mut consumer = Puppet::with(folder.path(), AUTOSAVE);
    producer.put(0);
    producer.put(1);
    producer.send("join q");
    consumer.get();
    assert_eq!(producer.answer_within(SOON), None);
    consumer.get();
    producer.answer().expect("ok");
}

#[test]
fn eight_processes_open_a_fresh_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("fresh");
    let mut puppets: Vec<_> = (0..8).map(|_| Puppet::new()).collect();
    for (who, puppet) in puppets.iter_mut().enumerate() {
        puppet.start("sell", &dir, AUTOSAVE, &format!("{who} 10"));
    }
    for puppet in &mut puppets {
        puppet.answer().expect("ok");
    }
    let queue = AUTOSAVE.open(&dir).unwrap();
    assert_eq!(queue.iter().map(Result::unwrap).count(), 80);
}
