//! Queues that hold so many items at most.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use persist_queue::{Error, Wait};

use super::{Check, Checked, Group, PATIENCE, Place, WOKEN, drain, fill};
use crate::backend::{Plain, Wanted};

pub(super) const GROUP: Group = Group {
    title: "A largest size",
    checks: &[
        Check { title: "a full queue refuses a put, and stores nothing", run: full },
        Check { title: "a put of many that has no room stores none of them", run: all_or_none },
        Check {
            title: "a put waits for room, and is woken by a get through another object",
            run: room,
        },
    ],
};

/// Two items.
fn two() -> Wanted {
    Wanted { maxsize: 2, ..Wanted::default() }
}

fn is_full(queue: &dyn Plain, wait: Wait) {
    let refused = queue.put("too much", wait);
    assert!(matches!(refused, Err(Error::Full { limit: 2, .. })), "{refused:?}");
}

fn full(place: &Place<'_>) -> Checked {
    let queue = place.plain_with(two())?;
    fill(&*queue, &["a", "b"]);
    is_full(&*queue, Wait::No);
    let (start, time) = (Instant::now(), Duration::from_millis(100));
    is_full(&*queue, Wait::For(time));
    assert!((time..WOKEN).contains(&start.elapsed()), "{:?}", start.elapsed());
    drop(queue);
    // What another opening stored counts too.
    let queue = place.plain_with(two())?;
    is_full(&*queue, Wait::No);
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "a");
    fill(&*queue, &["c"]);
    is_full(&*queue, Wait::No);
    assert_eq!(drain(&*queue), ["b", "c"]);
    Ok(())
}

fn all_or_none(place: &Place<'_>) -> Checked {
    let queue = place.plain_with(two())?;
    let refused = queue.put_many(&["a", "b", "c"]);
    assert!(matches!(refused, Err(Error::Full { limit: 2, .. })), "{refused:?}");
    assert_eq!(queue.len().unwrap(), 0);
    queue.put_many(&["d", "e"]).unwrap();
    is_full(&*queue, Wait::No);
    assert_eq!(drain(&*queue), ["d", "e"]);
    Ok(())
}

fn room(place: &Place<'_>) -> Checked {
    let (queue, other) = (place.plain_with(two())?, place.plain_with(two())?);
    fill(&*queue, &["a", "b"]);
    scope(|scope| {
        let putter = scope.spawn(|| queue.put("c", Wait::For(PATIENCE)));
        sleep(Duration::from_millis(100));
        assert!(!putter.is_finished(), "it had no room");
        let start = Instant::now();
        assert_eq!(other.get(Wait::No).unwrap().unwrap(), "a");
        assert!(putter.join().unwrap().unwrap());
        assert!(start.elapsed() < WOKEN);
    });
    assert_eq!(drain(&*other), ["b", "c"]);
    Ok(())
}
