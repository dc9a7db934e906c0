//! One process at a time consumes without autosave.

use crate::puppet::{AUTOSAVE, PLAIN, Puppet};

#[test]
fn a_second_plain_consumer_is_told_who_the_first_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Puppet::with(folder.path(), PLAIN);
    let mut second = Puppet::with(folder.path(), PLAIN);
    first.put(1);
    first.put(2);
    assert_eq!(first.get(), 1);
    let elsewhere = format!("elsewhere {}", first.pid());
    for take in ["try_get q", "get q", "get_timeout q 20"] {
        second.ask(take).expect(&elsewhere);
    }
}

#[test]
fn a_plain_consumer_that_closed_leaves_what_it_did_not_finish() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Puppet::with(folder.path(), PLAIN);
    let mut second = Puppet::with(folder.path(), PLAIN);
    for number in 0..4 {
        first.put(number);
    }
    assert_eq!(first.get(), 0);
    first.ask("done q").expect("ok");
    assert_eq!(first.get(), 1);
    first.ask("close q").expect("ok");
    assert_eq!([second.get(), second.get(), second.get()], [1, 2, 3]);
    second.ask("try_get q").expect("none");
    first.open("q", folder.path(), PLAIN).expect("ok");
    first.ask("try_get q").expect(&format!("elsewhere {}", second.pid()));
}

#[test]
fn a_plain_consumer_that_was_killed_leaves_what_it_did_not_finish() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Puppet::with(folder.path(), PLAIN);
    let mut second = Puppet::with(folder.path(), PLAIN);
    for number in 0..3 {
        first.put(number);
    }
    assert_eq!(first.get(), 0);
    first.ask("done q").expect("ok");
    assert_eq!(first.get(), 1);
    first.kill();
    assert_eq!([second.get(), second.get()], [1, 2]);
}

/// Between a consumer and what it finished, other consumers come and go.
#[test]
fn plain_consumers_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let mut puppets = [Puppet::with(folder.path(), PLAIN), Puppet::with(folder.path(), PLAIN)];
    for number in 0..12 {
        puppets[0].put(number);
    }
    for turn in 0..6 {
        let puppet = &mut puppets[turn % 2];
        // Takes two, finishes one of them, and gives the other one back.
        assert_eq!(puppet.get(), turn as u64);
        puppet.ask("done q").expect("ok");
        assert_eq!(puppet.get(), turn as u64 + 1);
        puppet.ask("close q").expect("ok");
        puppet.open("q", folder.path(), PLAIN).expect("ok");
    }
}

#[test]
fn an_autosave_take_is_refused_while_a_plain_consumer_lives_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = Puppet::with(folder.path(), PLAIN);
    let mut autosave = Puppet::with(folder.path(), AUTOSAVE);
    plain.put(1);
    plain.put(2);
    assert_eq!(plain.get(), 1);
    let elsewhere = format!("elsewhere {}", plain.pid());
    autosave.ask("try_get q").expect(&elsewhere);
    autosave.ask("get q").expect(&elsewhere);
    plain.kill();
    assert_eq!([autosave.get(), autosave.get()], [1, 2]);
}

/// It waits before there is a plain consumer, and learns of it then.
#[test]
fn an_autosave_take_that_waits_is_refused_when_a_plain_consumer_comes() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = Puppet::with(folder.path(), PLAIN);
    let mut autosave = Puppet::with(folder.path(), AUTOSAVE);
    plain.ask("try_get q").expect("none");
    autosave.ask("get q").expect(&format!("elsewhere {}", plain.pid()));
}

#[test]
fn others_put_while_a_plain_consumer_holds_items() {
    let folder = tempfile::tempdir().unwrap();
    let mut consumer = Puppet::with(folder.path(), PLAIN);
    let mut producer = Puppet::with(folder.path(), PLAIN);
    producer.put(0);
    assert_eq!(consumer.get(), 0);
    for number in 1..300 {
        producer.put(number);
    }
    consumer.ask("done q").expect("ok");
    for number in 1..300 {
        assert_eq!(consumer.get(), number);
    }
    consumer.kill();
    // None of the producer's puts made anything final.
    let mut next = Puppet::with(folder.path(), PLAIN);
    assert_eq!(next.get(), 1);
}
