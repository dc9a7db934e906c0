//! Takes that are final with `task_done`.

use std::thread::{scope, sleep};
use std::time::Duration;

use persist_queue::Wait;

use super::{Check, Checked, Group, PATIENCE, Place, drain, fill};
use crate::backend::{Opened, Plain, Wanted};

pub(super) const GROUP: Group = Group {
    title: "Takes that `task_done` makes final (`autosave` or `auto_commit` off)",
    checks: &[
        Check {
            title: "what was taken and not done comes back after reopening, in order",
            run: comes_back,
        },
        Check { title: "what was done stays away after reopening", run: done },
        Check {
            title: "`task_done` finishes what this thread took, and not what another one has",
            run: threads,
        },
        Check { title: "`join` waits until all is done", run: join },
    ],
};

fn open(place: &Place<'_>) -> Opened<Box<dyn Plain>> {
    place.plain_with(Wanted { batch: true, ..Wanted::default() })
}

fn get(queue: &dyn Plain) -> String {
    queue.get(Wait::For(PATIENCE)).unwrap().unwrap()
}

/// Closed, so that what was put is stored where it was kept in memory.
fn close(queue: Box<dyn Plain>) {
    queue.close().unwrap();
    drop(queue);
}

fn comes_back(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    fill(&*queue, &["a", "b", "c"]);
    close(queue);
    for end in ["drop", "close"] {
        let queue = open(place)?;
        assert_eq!([get(&*queue), get(&*queue)], ["a", "b"], "{end}");
        if end == "close" { close(queue) } else { drop(queue) }
    }
    assert_eq!(drain(&*open(place)?), ["a", "b", "c"]);
    Ok(())
}

fn done(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    fill(&*queue, &["a", "b", "c", "d"]);
    assert_eq!([get(&*queue), get(&*queue)], ["a", "b"]);
    queue.task_done().unwrap();
    assert_eq!(get(&*queue), "c");
    // A later put does not make it final.
    fill(&*queue, &["e"]);
    close(queue);
    assert_eq!(drain(&*open(place)?), ["c", "d", "e"]);
    Ok(())
}

fn threads(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    fill(&*queue, &["a", "b", "c"]);
    assert_eq!(get(&*queue), "a");
    scope(|scope| {
        let other = scope.spawn(|| {
            assert_eq!(get(&*queue), "b");
            queue.task_done().unwrap();
        });
        other.join().unwrap();
    });
    close(queue);
    assert_eq!(drain(&*open(place)?), ["a", "c"]);
    Ok(())
}

fn join(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    fill(&*queue, &["a", "b"]);
    scope(|scope| {
        let joiner = scope.spawn(|| queue.join());
        for item in ["a", "b"] {
            assert_eq!(get(&*queue), item);
            sleep(Duration::from_millis(50));
            assert!(!joiner.is_finished(), "{item} is not done");
            queue.task_done().unwrap();
        }
        joiner.join().unwrap().unwrap();
    });
    assert!(queue.is_empty().unwrap());
    Ok(())
}
