//! Items that come later, and holders that come too late.

use std::thread::sleep;
use std::time::{Duration, Instant};

use persist_queue::sql::{PutOptions, Status};
use persist_queue::{Error, Wait};

use super::acks::{get, known, nothing, put};
use super::{Check, Checked, Group, PATIENCE, Place, WOKEN};
use crate::backend::{Missing, Wanted, unless_refused};

pub(super) const GROUP: Group = Group {
    title: "Delays and leases (queues with acknowledgements)",
    checks: &[
        Check { title: "an item that is put with a delay comes when it is over", run: put_later },
        Check { title: "`nack_after`: the item comes again after a delay", run: nack_later },
        Check {
            title: "a lease that is over: the item comes again, and wakes who waits",
            run: lease,
        },
        Check { title: "a late `ack`, `nack`, `fail` or `extend` is refused", run: late },
        Check { title: "`extend` keeps the item for longer", run: extend },
        Check {
            title: "an item that waited longer than its time to live is a dead letter",
            run: time_to_live,
        },
    ],
};

const SHORT: Duration = Duration::from_millis(300);

fn delayed(delay: Duration) -> PutOptions {
    PutOptions { delay: Some(delay), ..PutOptions::default() }
}

/// Clocks of servers and rounding may differ by a little.
fn is_about(took: Duration, time: Duration) {
    assert!(
        (time.saturating_sub(Duration::from_millis(20))..time + WOKEN).contains(&took),
        "{took:?} and not {time:?}"
    );
}

fn put_later(place: &Place<'_>) -> Checked {
    let queue = match place.acks() {
        Err(Missing::NoType) => return place.refused_by_any(delayed(SHORT)),
        queue => queue?,
    };
    let start = Instant::now();
    assert!(unless_refused(queue.put("later", delayed(SHORT)))?);
    put(&*queue, &["now"]);
    let now = get(&*queue);
    // The next one wakes by itself.
    let later = get(&*queue);
    is_about(start.elapsed(), SHORT);
    assert_eq!((now.item(), later.item()), ("now", "later"));
    now.ack().unwrap();
    later.ack().unwrap();
    // Also after reopening.
    assert!(queue.put("never", delayed(PATIENCE * 60)).unwrap());
    drop(queue);
    assert!(nothing(&*place.acks()?));
    Ok(())
}

fn nack_later(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a"]);
    let start = Instant::now();
    get(&*queue).nack_after(SHORT).unwrap();
    assert_eq!(known(&*queue, Status::Delayed).unwrap_or(1), 1);
    let again = get(&*queue);
    is_about(start.elapsed(), SHORT);
    assert_eq!((again.item(), again.attempts()), ("a", 2));
    Ok(())
}

fn lease(place: &Place<'_>) -> Checked {
    let queue = place.acks_with(Wanted { lease: Some(SHORT), ..Wanted::default() })?;
    put(&*queue, &["a"]);
    let start = Instant::now();
    let first = get(&*queue);
    let second = queue.get(Wait::For(PATIENCE), Some(PATIENCE)).unwrap().unwrap();
    is_about(start.elapsed(), SHORT);
    assert_eq!((second.item(), second.attempts()), ("a", 2));
    assert!(matches!(first.ack(), Err(Error::NotHeld { .. })), "two hold it");
    assert_eq!(second.ack().unwrap(), "a");
    assert!(nothing(&*queue));
    Ok(())
}

/// Also where nobody else took the item meanwhile.
fn late(place: &Place<'_>) -> Checked {
    let lease = Duration::from_millis(500);
    let queue = place.acks_with(Wanted { lease: Some(lease), ..Wanted::default() })?;
    put(&*queue, &["a", "b", "c", "d"]);
    let take = || get(&*queue);
    let (a, b, c, d) = (take(), take(), take(), take());
    sleep(2 * lease);
    let late = |refused: Result<(), Error>| {
        assert!(matches!(refused, Err(Error::NotHeld { .. })), "{refused:?}");
    };
    late(a.ack().map(drop));
    late(b.nack());
    late(c.fail());
    late(d.extend(PATIENCE));
    drop(d);
    let all: Vec<_> = (0..4).map(|_| get(&*queue)).collect();
    let all: Vec<_> = all.iter().map(|held| (held.item(), held.attempts())).collect();
    assert_eq!(all, [("a", 2), ("b", 2), ("c", 2), ("d", 2)]);
    Ok(())
}

fn extend(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    put(&*queue, &["a"]);
    let held = queue.get(Wait::No, Some(PATIENCE)).unwrap().unwrap();
    // A lease is what was said last, not the sum.
    held.extend(Duration::from_millis(1500)).unwrap();
    held.extend(PATIENCE).unwrap();
    sleep(Duration::from_millis(1700));
    assert!(nothing(&*queue));
    assert_eq!(held.ack().unwrap(), "a");
    Ok(())
}

fn time_to_live(place: &Place<'_>) -> Checked {
    let ttl = Some(Duration::from_millis(100));
    let queue = place.acks_with(Wanted { ttl, ..Wanted::default() })?;
    put(&*queue, &["old"]);
    let options = PutOptions { ttl: Some(PATIENCE), ..PutOptions::default() };
    assert!(queue.put("young", options).unwrap());
    sleep(Duration::from_millis(250));
    assert_eq!(get(&*queue).ack().unwrap(), "young");
    assert!(nothing(&*queue));
    assert_eq!(queue.count(Status::Dead).unwrap(), 1);
    Ok(())
}
