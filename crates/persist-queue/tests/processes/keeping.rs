//! The helper thread of a process, as queues come and go, and folders that do.

use std::path::Path;
use std::time::Duration;

use crate::measure::alone;
use crate::puppet::{AUTOSAVE, Puppet, Spec};

/// A blocked get of this process is woken by a put of that one, and the other way round.
#[track_caller]
fn check_waking(one: &mut Puppet, other: &mut Puppet) {
    for _ in 0..2 {
        wakes(one, other);
        wakes(other, one);
    }
}

#[track_caller]
fn wakes(getter: &mut Puppet, putter: &mut Puppet) {
    getter.send("get q");
    // Long enough to be asleep, and to have given up the lock.
    std::thread::sleep(Duration::from_millis(25));
    putter.put(7);
    let answer = getter.answer_within(Duration::from_secs(2));
    assert_eq!(answer.expect("a blocked get was not woken").item().2, 7);
}

fn reopen(puppet: &mut Puppet, dir: &Path) {
    puppet.ask("close q").expect("ok");
    puppet.open("q", dir, AUTOSAVE).expect("ok");
}

#[test]
fn a_queue_that_was_closed_and_opened_again_at_once_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    for _ in 0..3 {
        reopen(&mut one, folder.path());
        check_waking(&mut one, &mut other);
    }
}

/// As above, after the helper thread had time to end.
#[test]
fn a_queue_that_was_closed_and_opened_again_later_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    for pause in [1, 8, 40] {
        one.ask("close q").expect("ok");
        // What the other one does wakes the helper thread, which finds nothing to do.
        other.put(1);
        other.get();
        std::thread::sleep(Duration::from_millis(pause));
        one.open("q", folder.path(), AUTOSAVE).expect("ok");
        check_waking(&mut one, &mut other);
    }
}

#[test]
fn a_queue_opened_while_another_one_ends_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Puppet::with(folder.path(), AUTOSAVE);
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    let aside = folder.path().join("aside");
    for _ in 0..5 {
        one.open("aside", &aside, AUTOSAVE).expect("ok");
        reopen(&mut one, folder.path());
        one.ask("close aside").expect("ok");
        check_waking(&mut one, &mut other);
    }
}

/// Queues come and go in many threads, and with the last one the helper thread.
#[test]
fn a_helper_thread_that_comes_and_goes_serves_every_queue() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let dir = folder.path().join(number.to_string());
            scope.spawn(move || {
                let mut other = Puppet::with(&dir, AUTOSAVE);
                for round in 0..40 {
                    let queue = AUTOSAVE.open(&dir).unwrap();
                    other.send("sleep 12");
                    other.send(&format!("put q 0 0 {round}"));
                    let got = queue.get_timeout(Duration::from_secs(5)).unwrap();
                    assert_eq!(got, Some((0, 0, round)));
                    drop(queue);
                    other.answer().expect("ok");
                    other.answer().expect("ok");
                }
            });
        }
    });
}

/// The kernel counts inotify instances per user, and there are few.
#[test]
fn without_inotify_a_blocked_get_is_woken_all_the_same() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    let mut blind = Puppet::new();
    blind.ask("blind").expect("ok");
    blind.open("q", folder.path(), AUTOSAVE).expect("ok");
    check_waking(&mut blind, &mut other);
}

#[test]
fn without_inotify_a_busy_process_lets_others_in() {
    let _machine = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut blind = Puppet::new();
    blind.ask("blind").expect("ok");
    blind.start("hammer", folder.path(), AUTOSAVE, "1");
    blind.answer().expect("started");
    let mut other = Puppet::with(folder.path(), AUTOSAVE);
    for number in 0..20 {
        let took = other.ask(&format!("put q 0 0 {number}")).took;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    blind.halt();
    blind.answer();
}

/// A process that goes on with a queue whose folder was replaced is told, and does no harm to what
/// is there now.
#[test]
fn a_replaced_folder_is_noticed_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("queue");
    let spec = Spec { chunk: 4, ..AUTOSAVE };
    let mut old = Puppet::with(&dir, spec);
    for number in 0..10 {
        old.put(number);
    }
    std::thread::sleep(Duration::from_millis(30));
    std::fs::remove_dir_all(&dir).unwrap();
    let mut new = Puppet::with(&dir, spec);
    for number in 100..110 {
        new.put(number);
    }
    std::thread::sleep(Duration::from_millis(30));
    for _ in 0..10 {
        let put = old.ask("put q 0 0 0").text();
        assert!(put.starts_with("error"), "{put}");
        let got = old.ask("try_get q").text();
        assert!(got.starts_with("error"), "{got}");
    }
    for number in 100..110 {
        assert_eq!(new.get(), number);
    }
    // The same process opens what is there now.
    old.open("q", &dir, spec).expect("ok");
    check_waking(&mut old, &mut new);
}

/// Somebody takes lock files for remains of a process that died, and removes them under one that lives.
#[cfg(unix)]
#[test]
fn a_removed_lock_file_is_noticed() {
    for name in ["lock", "lock.turn", "lock.consumer"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let mut old = Puppet::with(dir, AUTOSAVE);
        (0..10).for_each(|number| old.put(number));
        std::thread::sleep(Duration::from_millis(30));
        std::fs::remove_file(dir.join(name)).unwrap();
        let mut new = Puppet::with(dir, AUTOSAVE);
        (10..20).for_each(|number| new.put(number));
        let put = old.ask("put q 0 0 99").text();
        assert!(put.starts_with("error"), "without {name}: {put}");
        old.ask("close q").expect("ok");
        (20..30).for_each(|number| new.put(number));
        old.open("q", dir, AUTOSAVE).expect("ok");
        for number in 0..15 {
            assert_eq!((new.get(), old.get()), (2 * number, 2 * number + 1), "without {name}");
        }
        check_waking(&mut old, &mut new);
    }
}

/// As above, where the process is in the middle of its work.
#[cfg(unix)]
#[test]
fn a_lock_file_that_is_removed_under_a_busy_process_costs_no_item() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (mut old, mut new) = (Puppet::with(dir, AUTOSAVE), Puppet::new());
    let busy = std::thread::spawn(move || {
        let put = |number: &u64| old.ask(&format!("put q 1 0 {number}")).text() == "ok";
        (0..200_000).take_while(put).count() as u64
    });
    std::thread::sleep(Duration::from_millis(30));
    std::fs::remove_file(dir.join("lock")).unwrap();
    new.open("q", dir, AUTOSAVE).expect("ok");
    (0..1000).for_each(|number| new.put(number));
    let stored = busy.join().unwrap();
    let mut got: Vec<_> = (0..stored + 1000).map(|_| new.ask("try_get q").item()).collect();
    new.ask("try_get q").expect("none");
    got.sort_unstable();
    let own = (0..1000).map(|number| (0, 0, number));
    assert_eq!(got, own.chain((0..stored).map(|number| (1, 0, number))).collect::<Vec<_>>());
}

/// Two objects of one process on one folder, and a folder under two names.
#[cfg(unix)]
#[test]
fn objects_on_one_folder_share_what_they_know() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, link) = (folder.path().join("queue"), folder.path().join("link"));
    let mut puppet = Puppet::with(&dir, AUTOSAVE);
    std::os::unix::fs::symlink(&dir, &link).unwrap();
    puppet.open("link", &link, AUTOSAVE).expect("ok");
    puppet.put(1);
    puppet.ask("get link").expect("item 0 0 1");
    puppet.ask("close q").expect("ok");
    puppet.ask("put link 0 0 2").expect("ok");
    let mut other = Puppet::with(&dir, AUTOSAVE);
    assert_eq!(other.get(), 2);
}
