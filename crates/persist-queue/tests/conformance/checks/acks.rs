//! Items that stay until they are acknowledged.

use std::thread::scope;

use persist_queue::sql::{Kind, PutOptions, Status};
use persist_queue::{Error, Wait};

use super::{Check, Checked, Group, PATIENCE, Place};
use crate::backend::{Acks, Held, Opened, Wanted, unless_refused};

pub(super) const GROUP: Group = Group {
    title: "Acknowledgements",
    checks: &[
        Check { title: "`ack`: the item is done, also after reopening", run: ack },
        Check { title: "`nack`: the item comes again, in its place", run: nack },
        Check {
            title: "`nack_to_back`: the item comes again, behind all others",
            run: nack_to_back,
        },
        Check { title: "dropped without a word it comes again", run: dropped },
        Check {
            title: "`fail`: the item is given up and counted, and never comes again",
            run: fail,
        },
        Check { title: "many taken and acknowledged in one call each", run: many },
        Check {
            title: "how many items wait, are held, delayed, acknowledged, failed",
            run: counts,
        },
        Check { title: "`clear_acked` removes acknowledged items but the latest", run: clear },
        Check { title: "opening brings nothing back that a live holder has", run: live_holder },
        Check { title: "threads that take at the same time: each item held once", run: threads },
        Check { title: "acknowledged and by priority", run: priorities },
        Check {
            title: "acknowledged and unique: a value can come again when it is acknowledged",
            run: unique,
        },
        Check { title: "`close` ends waits with an error", run: closed },
    ],
};

/// Puts items that must be stored, with no options.
pub(super) fn put(queue: &dyn Acks, items: &[&str]) {
    for item in items {
        assert!(queue.put(item, PutOptions::default()).unwrap(), "{item} was not stored");
    }
}

/// Takes an item that must come.
pub(super) fn get(queue: &dyn Acks) -> Box<dyn Held + '_> {
    queue.get(Wait::For(PATIENCE), None).unwrap().expect("nothing came")
}

/// Whether nothing waits.
pub(super) fn nothing(queue: &dyn Acks) -> bool {
    queue.get(Wait::No, None).unwrap().is_none()
}

/// Takes and acknowledges until nothing waits.
pub(super) fn drain(queue: &dyn Acks) -> Vec<String> {
    let take = || queue.get(Wait::No, None).unwrap();
    std::iter::from_fn(take).map(|held| held.ack().unwrap()).collect()
}

/// Those that are new, wait again, are held, delayed, acknowledged, dead, failed.
pub(super) fn count(queue: &dyn Acks) -> Opened<[u64; 7]> {
    use Status::{Acked, Dead, Delayed, Failed, New, Ready};
    let mut counts = [0; 7];
    let all = [New, Ready, Status::Held, Delayed, Acked, Dead, Failed];
    for (count, status) in counts.iter_mut().zip(all) {
        *count = unless_refused(queue.count(status))?;
    }
    Ok(counts)
}

/// How many have a status; nothing where the backend keeps no account of that.
pub(super) fn known(queue: &dyn Acks, status: Status) -> Option<u64> {
    unless_refused(queue.count(status)).ok()
}

fn ack(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b", "c"]);
    let (a, b) = (get(&*queue), get(&*queue));
    assert_eq!((a.item(), a.attempts(), b.item()), ("a", 1, "b"));
    // In any order.
    assert_eq!(b.ack().unwrap(), "b");
    assert_eq!(a.ack().unwrap(), "a");
    assert_eq!(queue.len().unwrap(), 1);
    drop(queue);
    assert_eq!(drain(&*place.acks()?), ["c"]);
    Ok(())
}

fn nack(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b"]);
    get(&*queue).nack().unwrap();
    let again = get(&*queue);
    assert_eq!((again.item(), again.attempts()), ("a", 2));
    again.nack().unwrap();
    drop(queue);
    // How often it was tried is remembered.
    let queue = place.acks()?;
    let again = get(&*queue);
    assert_eq!((again.item(), again.attempts()), ("a", 3));
    again.ack().unwrap();
    assert_eq!(drain(&*queue), ["b"]);
    Ok(())
}

fn nack_to_back(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b", "c"]);
    get(&*queue).nack_to_back()?;
    put(&*queue, &["d"]);
    assert_eq!(drain(&*queue), ["b", "c", "a", "d"]);
    Ok(())
}

fn dropped(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b"]);
    drop(get(&*queue));
    // Nothing is said of its place.
    let mut all = [(); 2].map(|()| get(&*queue).ack().unwrap());
    all.sort_unstable();
    assert_eq!(all, ["a", "b"]);
    assert_eq!(queue.count(Status::Held).unwrap(), 0);
    Ok(())
}

fn fail(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b"]);
    get(&*queue).fail().unwrap();
    assert_eq!(queue.len().unwrap(), 1);
    drop(queue);
    let queue = place.acks()?;
    assert_eq!(drain(&*queue), ["b"]);
    // Where failed ones are not told from other dead letters, it is one of those.
    let failed = known(&*queue, Status::Failed).map_or_else(|| queue.count(Status::Dead), Ok);
    assert_eq!(failed.unwrap(), 1);
    Ok(())
}

fn many(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b", "c", "d"]);
    assert_eq!(queue.get_and_ack_many(3).unwrap(), ["a", "b", "c"]);
    assert_eq!(queue.get_and_ack_many(3).unwrap(), ["d"]);
    assert!(queue.get_and_ack_many(3).unwrap().is_empty());
    assert_eq!(known(&*queue, Status::Acked).unwrap_or(4), 4);
    drop(queue);
    assert!(nothing(&*place.acks()?));
    Ok(())
}

fn counts(place: &Place<'_>) -> Checked {
    let (queue, other) = (place.acks()?, place.acks()?);
    put(&*queue, &["a", "b", "c", "d"]);
    let delay = Some(PATIENCE * 60);
    assert!(unless_refused(queue.put("later", PutOptions { delay, ..PutOptions::default() }))?);
    assert_eq!(count(&*other)?, [4, 0, 0, 1, 0, 0, 0]);
    get(&*queue).ack().unwrap();
    get(&*queue).fail().unwrap();
    get(&*queue).nack().unwrap();
    let held = get(&*queue);
    assert_eq!(held.item(), "c");
    assert_eq!(count(&*other)?, [1, 0, 1, 1, 1, 0, 1]);
    held.nack().unwrap();
    assert_eq!(count(&*other)?, [1, 1, 0, 1, 1, 0, 1]);
    // What waits for its time is not what waits.
    assert_eq!(other.len().unwrap(), 2);
    Ok(())
}

fn clear(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b", "c", "d"]);
    assert_eq!(queue.get_and_ack_many(3).unwrap().len(), 3);
    assert_eq!(queue.clear_acked(1)?, 2);
    assert_eq!(count(&*queue)?, [1, 0, 0, 0, 1, 0, 0]);
    assert_eq!(drain(&*queue), ["d"]);
    Ok(())
}

fn live_holder(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a", "b"]);
    let held = get(&*queue);
    let other = place.acks()?;
    assert_eq!(drain(&*other), ["b"]);
    assert_eq!(held.ack().unwrap(), "a");
    assert!(nothing(&*other));
    Ok(())
}

fn threads(place: &Place<'_>) -> Checked {
    let queues = [place.acks()?, place.acks()?];
    let mut items: Vec<String> = (0..120).map(|at| at.to_string()).collect();
    for item in &items {
        put(&*queues[0], &[item]);
    }
    let mut got: Vec<String> = scope(|scope| {
        let takers: Vec<_> = (0..4)
            .map(|at| {
                scope.spawn({
                    let queue = &queues[at % 2];
                    move || drain(&**queue)
                })
            })
            .collect();
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
    });
    got.sort_unstable();
    items.sort_unstable();
    assert_eq!(got, items);
    assert_eq!(known(&*queues[1], Status::Acked).unwrap_or(120), 120);
    Ok(())
}

fn priorities(place: &Place<'_>) -> Checked {
    let queue = place.acks_with(Wanted { kind: Kind::Priority, ..Wanted::default() })?;
    for (item, priority) in [("b", 0), ("c", 2), ("a", -1)] {
        assert!(queue.put(item, PutOptions { priority, ..PutOptions::default() }).unwrap());
    }
    get(&*queue).nack().unwrap();
    assert_eq!(drain(&*queue), ["a", "b", "c"]);
    Ok(())
}

fn unique(place: &Place<'_>) -> Checked {
    let queue = place.acks_with(Wanted { kind: Kind::Unique, ..Wanted::default() })?;
    let put = || queue.put("a", PutOptions::default()).unwrap();
    assert_eq!([put(), put()], [true, false]);
    let held = get(&*queue);
    assert!(!put(), "it is held and may come again");
    held.ack().unwrap();
    assert!(put());
    assert_eq!(drain(&*queue), ["a"]);
    Ok(())
}

fn closed(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    scope(|scope| {
        let getter =
            scope.spawn(|| queue.get(Wait::For(PATIENCE), None).map(|held| held.is_some()));
        std::thread::sleep(std::time::Duration::from_millis(100));
        queue.close().unwrap();
        let ended = getter.join().unwrap();
        assert!(matches!(ended, Err(Error::Closed { .. })), "{ended:?}");
    });
    Ok(())
}
