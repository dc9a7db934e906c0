//! Several processes on one queue, all of them alive.

use std::collections::BTreeSet;
use std::time::Duration;

use persist_queue::sql::Status;

use crate::actor::{Actor, acked, plain};
use crate::measure::{Spread, alone, now};
use crate::setting;

#[test]
fn four_processes_of_four_threads_get_each_row_once() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let rows = setting("PERSIST_QUEUE_ROWS", 4000);
    let queue = plain(dir.path());
    std::thread::scope(|scope| {
        for part in 0..8 {
            let queue = &queue;
            scope.spawn(move || {
                for row in (part..rows).step_by(8) {
                    queue.put(row).unwrap();
                }
            });
        }
    });
    let actors: Vec<_> =
        (0..4).map(|actor| Actor::start(dir.path(), "drain", &format!("log{actor}"), 4)).collect();
    let got: Vec<Vec<u64>> = actors
        .into_iter()
        .map(|actor| actor.ended().iter().map(|line| line.parse().unwrap()).collect())
        .collect();
    let shares: Vec<usize> = got.iter().map(Vec::len).collect();
    eprintln!("{rows} rows, drained by four processes: {shares:?}");
    let all: Vec<u64> = got.concat();
    assert_eq!(all.len() as u64, rows, "a row was delivered twice, or lost");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), (0..rows).collect());
    assert!(queue.is_empty().unwrap());
}

#[test]
fn a_put_in_another_process_wakes_a_blocked_get() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let queue = plain(dir.path());
    let count = 100;
    let listener = Actor::start(dir.path(), "listen", "log", count);
    listener.wait_for_lines(1);
    for _ in 0..count {
        std::thread::sleep(Duration::from_millis(5));
        queue.put(now()).unwrap();
    }
    let ways = listener.ended();
    let ways = ways[1..].iter().map(|line| Duration::from_micros(line.parse().unwrap()));
    let spread = Spread::of(ways.collect());
    eprintln!("a put in another process wakes a get: {spread}");
    // Far less than the look of twice a second that a get takes by itself.
    assert!(spread.median < Duration::from_millis(50), "it is not woken");
}

#[test]
fn eight_processes_open_a_fresh_path_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new");
    std::fs::create_dir(&folder).unwrap();
    let actors: Vec<_> =
        (0..8).map(|actor| Actor::start(&folder, "open", &format!("log{actor}"), 0)).collect();
    for actor in actors {
        actor.ended();
    }
    plain(&folder).put(1).unwrap();
}

#[test]
fn opening_resumes_what_a_dead_process_held_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let queue = acked(dir.path());
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let mut dead = Actor::start(dir.path(), "hold", "dead", 0);
    dead.wait_for_lines(1);
    let alive = Actor::start(dir.path(), "hold", "alive", 0);
    alive.wait_for_lines(1);
    assert_eq!(acked(dir.path()).count(Status::Held).unwrap(), 2, "both live");
    dead.kill();
    let opened = acked(dir.path());
    assert_eq!(opened.count(Status::Held).unwrap(), 1);
    assert_eq!(*opened.get().unwrap(), 1);
    let left = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let holders = left.filter(|name| name.to_string_lossy().contains("-holder-")).count();
    assert_eq!(holders, 3, "the dead one's lock file is cleared up");
}
