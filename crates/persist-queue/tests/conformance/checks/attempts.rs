//! Items that were tried too often.

use std::time::{Duration, Instant};

use persist_queue::sql::Status;

use super::acks::{get, nothing, put};
use super::{Check, Checked, Group, Place, WOKEN};
use crate::backend::{Acks, Opened, Wanted};

pub(super) const GROUP: Group = Group {
    title: "Attempts and dead letters (queues with acknowledgements)",
    checks: &[
        Check {
            title: "an item that was tried too often is a dead letter, and comes no more",
            run: too_often,
        },
        Check { title: "dead letters can be read, also after reopening", run: read },
        Check { title: "dead letters can be put back to work, or dropped", run: requeued },
        Check {
            title: "a failed attempt is followed by a rest, each time twice as long",
            run: backoff,
        },
    ],
};

fn open(place: &Place<'_>) -> Opened<Box<dyn Acks>> {
    place.acks_with(Wanted { max_attempts: Some(2), ..Wanted::default() })
}

/// Has items tried twice each.
fn kill(queue: &dyn Acks, items: &[&str]) {
    put(queue, items);
    for item in items {
        for attempt in 1..=2 {
            let held = get(queue);
            assert_eq!((held.item(), held.attempts()), (*item, attempt));
            held.nack().unwrap();
        }
    }
}

fn too_often(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    kill(&*queue, &["a"]);
    assert!(nothing(&*queue));
    assert_eq!((queue.len().unwrap(), queue.count(Status::Dead).unwrap()), (0, 1));
    // An acknowledgement at the last attempt counts.
    put(&*queue, &["b"]);
    get(&*queue).nack().unwrap();
    assert_eq!(get(&*queue).ack().unwrap(), "b");
    assert_eq!(queue.count(Status::Dead).unwrap(), 1);
    Ok(())
}

fn texts(queue: &dyn Acks) -> Vec<String> {
    queue.dead_letters().unwrap().into_iter().map(|(_, item)| item).collect()
}

fn read(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    assert!(texts(&*queue).is_empty());
    kill(&*queue, &["a", "b"]);
    assert_eq!(texts(&*queue), ["a", "b"]);
    drop(queue);
    let queue = open(place)?;
    assert!(nothing(&*queue));
    assert_eq!(texts(&*queue), ["a", "b"]);
    Ok(())
}

fn requeued(place: &Place<'_>) -> Checked {
    let queue = open(place)?;
    kill(&*queue, &["a", "b"]);
    let ids: Vec<i64> = queue.dead_letters().unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(queue.requeue_dead(&ids[..1]).unwrap(), 1);
    assert_eq!(queue.drop_dead(&ids[1..]).unwrap(), 1);
    // Each is one no more.
    assert_eq!((queue.drop_dead(&ids).unwrap(), queue.requeue_dead(&ids).unwrap()), (0, 0));
    assert!(texts(&*queue).is_empty());
    let again = get(&*queue);
    assert_eq!((again.item(), again.attempts()), ("a", 1));
    again.ack().unwrap();
    assert!(nothing(&*queue));
    Ok(())
}

fn backoff(place: &Place<'_>) -> Checked {
    let first = Duration::from_millis(150);
    let queue = place.acks_with(Wanted { backoff: Some(first), ..Wanted::default() })?;
    put(&*queue, &["a"]);
    for rest in [first, first * 2] {
        let start = Instant::now();
        get(&*queue).nack().unwrap();
        let again = get(&*queue);
        let took = start.elapsed();
        assert!(
            (rest.saturating_sub(Duration::from_millis(20))..rest + WOKEN).contains(&took),
            "{took:?} and not {rest:?}"
        );
        drop(again);
    }
    Ok(())
}
