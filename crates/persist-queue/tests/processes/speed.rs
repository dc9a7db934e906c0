//! What sharing costs. Only hangs and starving fail here; the numbers are for reading.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::measure::{Spread, alone};
use crate::puppet::{AUTOSAVE, PLAIN, Puppet, Spec};

fn hammering(dir: &Path, spec: Spec, threads: u64) -> Puppet {
    let mut puppet = Puppet::new();
    puppet.start("hammer", dir, spec, &threads.to_string());
    puppet.answer().expect("started");
    puppet
}

/// Puts a second, of each of some processes at the same time.
fn rates(processes: usize, spec: Spec) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let mut puppets: Vec<_> = (0..processes).map(|_| hammering(folder.path(), spec, 1)).collect();
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    puppets.iter_mut().for_each(Puppet::halt);
    let counts = puppets.iter_mut().map(|puppet| puppet.answer().numbers()[0]);
    let counts = counts.map(|count| f64::from(u32::try_from(count).unwrap()));
    counts.map(|count| count / start.elapsed().as_secs_f64()).collect()
}

#[test]
fn two_processes_that_put_at_once_get_on() {
    let _machine = alone();
    let spec = Spec { chunk: 100_000, ..AUTOSAVE };
    let alone: f64 = rates(1, spec).iter().sum();
    let each = rates(2, spec);
    let together: f64 = each.iter().sum();
    let share = each.iter().copied().fold(f64::MAX, f64::min) / together;
    eprintln!(
        "puts a second: one process {alone:.0}, two together {together:.0}, ratio {:.2}; the \
         slower one has {:.0} % of them",
        together / alone,
        share * 100.0
    );
    // Neither starves, whatever the speed.
    assert!(share > 0.02, "{each:?}");
}

/// How long a put takes now and then, while others keep the queue busy.
fn knocks(name: &str, dir: &Path, spec: Spec) -> Spread {
    let mut visitor = Puppet::new();
    visitor.start("knock", dir, spec, "200 2000");
    let answer = visitor.answer();
    assert_eq!(answer.words[0], "numbers", "{}", answer.text());
    let times = answer.numbers().into_iter().map(Duration::from_micros).collect();
    let spread = Spread::of(times);
    eprintln!("a put while {name}: {spread}");
    spread
}

/// Ends it; gives how much it did.
fn stop(mut busy: Puppet) -> u64 {
    busy.halt();
    busy.answer().numbers()[0]
}

#[test]
fn a_busy_holder_lets_another_process_in() {
    let _machine = alone();
    for threads in [1, 2, 4] {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec { chunk: 100_000, ..AUTOSAVE };
        let busy = hammering(folder.path(), spec, threads);
        let name = format!("{threads} thread(s) of another process put");
        let spread = knocks(&name, folder.path(), AUTOSAVE);
        assert!(spread.longest < Duration::from_secs(1));
        stop(busy);
    }
}

/// What is not yet on the disk is shown to nobody, so the lock is kept until it is. That must come to
/// an end although there is always a put that waits.
#[test]
fn a_busy_holder_that_writes_through_lets_another_process_in() {
    let _machine = alone();
    for threads in [1, 2, 4] {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec { disk: true, chunk: 100_000, ..AUTOSAVE };
        let busy = hammering(folder.path(), spec, threads);
        let start = Instant::now();
        let name = format!("{threads} thread(s) of another process put through to the disk");
        let spread = knocks(&name, folder.path(), AUTOSAVE);
        let time = start.elapsed();
        let flush = time / u32::try_from(stop(busy) / threads).unwrap().max(1);
        eprintln!("    while a put through to the disk takes {flush:.0?}");
        // A few flushes must be waited for; one that waits for a gap between them waits for hundreds.
        assert!(spread.median < flush * 20 + Duration::from_millis(10), "it is kept out");
        assert!(spread.longest < Duration::from_secs(2));
    }
}

/// A take keeps the lock until its item is whole. That must come to an end although there is always
/// another take.
#[test]
fn a_greedy_consumer_lets_another_process_in() {
    let _machine = alone();
    for threads in [1, 2, 4] {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec { chunk: 100_000, ..AUTOSAVE };
        let mut source = Puppet::new();
        source.start("sell", folder.path(), spec, "9 300000");
        source.answer().expect("ok");
        let mut busy = Puppet::new();
        busy.start("gorge", folder.path(), spec, &threads.to_string());
        busy.answer().expect("started");
        let name = format!("{threads} thread(s) of another process take");
        let spread = knocks(&name, folder.path(), AUTOSAVE);
        assert!(spread.longest < Duration::from_secs(1));
        stop(busy);
    }
}

/// A consumer and a producer in two processes, at full speed.
#[test]
fn a_producer_and_a_consumer_get_on() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { chunk: 100_000, ..PLAIN };
    let autosave = Spec { autosave: true, ..spec };
    let mut consumer = Puppet::new();
    consumer.start("gorge", folder.path(), autosave, "1");
    consumer.answer().expect("started");
    let mut producer = hammering(folder.path(), spec, 1);
    std::thread::sleep(Duration::from_secs(1));
    producer.halt();
    let put = producer.answer().numbers()[0];
    consumer.halt();
    let took = consumer.answer().numbers()[0];
    eprintln!("in a second one process put {put} and another one took {took}");
    assert!(put > 0 && took > 0);
}
