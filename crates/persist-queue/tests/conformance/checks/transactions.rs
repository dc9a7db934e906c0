//! Puts that are a part of something larger.

use std::cell::Cell;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use persist_queue::Wait;

use super::acks::{count, put};
use super::{Check, Checked, Group, PATIENCE, Place, WOKEN, drain, fill};
use crate::backend::{End, Wanted};

pub(super) const GROUP: Group = Group {
    title: "Transactions",
    checks: &[
        Check {
            title: "a put in the program's own transaction: there when it commits, and wakes who waits",
            run: commit,
        },
        Check {
            title: "a put in the program's own transaction: never there when it rolls back",
            run: rollback,
        },
        Check {
            title: "a result put and the work acknowledged in one commit, or neither",
            run: pass_on,
        },
    ],
};

fn commit(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    scope(|scope| {
        let getter = scope.spawn(|| (queue.get(Wait::For(PATIENCE)), Instant::now()));
        sleep(Duration::from_millis(100));
        let put = Cell::new(None);
        let done = place.backend.put_in(&place.queue, "a", End::Commit, &mut || {
            sleep(Duration::from_millis(100));
            assert!(!getter.is_finished(), "it is not committed");
            put.set(Some(Instant::now()));
        });
        if done.is_err() {
            queue.close().unwrap();
            drop(getter.join());
            return done;
        }
        let (item, got) = getter.join().unwrap();
        assert_eq!(item.unwrap().unwrap(), "a");
        let took = got - put.get().expect("it was not put");
        assert!(took < WOKEN, "{took:?}");
        Ok(())
    })
}

fn rollback(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    let mut ended = false;
    place.backend.put_in(&place.queue, "a", End::Rollback, &mut || ended = true)?;
    assert!(ended && queue.is_empty().unwrap());
    fill(&*queue, &["b"]);
    assert_eq!(drain(&*queue), ["b"]);
    Ok(())
}

fn pass_on(place: &Place<'_>) -> Checked {
    let to = place.other();
    put(&*place.acks()?, &["work"]);
    place.backend.pass_on(&place.queue, &to, End::Rollback)?;
    let results = place.backend.plain(&to, Wanted::default())?;
    assert!(results.is_empty().unwrap());
    assert_eq!(place.acks()?.len().unwrap(), 1);
    place.backend.pass_on(&place.queue, &to, End::Commit)?;
    assert_eq!(drain(&*results), ["result of work"]);
    assert_eq!(count(&*place.acks()?)?, [0, 0, 0, 0, 1, 0, 0]);
    Ok(())
}
