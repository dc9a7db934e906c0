//! Several processes, some of which are killed. They are this test program again, with only the test `child`.

use std::collections::BTreeSet;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use persist_queue::Wait;

use super::acks::put;
use super::child::Child;
use super::{Check, Checked, Group, PATIENCE, Place, drain, fill};
use crate::backend::{Opened, Wanted};

pub(super) const GROUP: Group = Group {
    title: "Processes",
    checks: &[
        Check {
            title: "several processes of several threads put and take: each item once",
            run: share,
        },
        Check {
            title: "a producer that is killed: what was put is there, in order and once",
            run: producer,
        },
        Check {
            title: "a consumer that is killed: what it acknowledged stays away, all else comes",
            run: acknowledging,
        },
        Check {
            title: "a consumer that is killed: what `task_done` finished stays away, all else comes",
            run: finishing,
        },
    ],
};

/// How many processes, threads in each, and items for all of them.
pub(super) fn extent() -> (usize, usize, usize) {
    if std::env::var_os("PERSIST_QUEUE_CONFORMANCE_LONG").is_some() {
        (4, 4, 20_000)
    } else {
        (2, 2, 400)
    }
}

/// What ends a child's thread; no item is called so.
pub(super) const END: &str = "end";

fn share(place: &Place<'_>) -> Checked {
    let (processes, threads, count) = extent();
    let queue = place.plain()?;
    let mut children: Vec<_> = (0..processes).map(|_| Child::start(place, "take")).collect();
    let putter = Child::start(place, "put-all");
    for at in 0..count / 2 {
        fill(&*queue, &[&at.to_string()]);
    }
    // It puts the other half.
    putter.end();
    queue.put_many(&vec![END; processes * threads]).unwrap();
    let mut got: Vec<usize> = children.iter_mut().flat_map(Child::numbers).collect();
    children.into_iter().for_each(Child::end);
    got.sort_unstable();
    assert_eq!(got, (0..count).collect::<Vec<_>>());
    assert!(queue.is_empty().unwrap());
    Ok(())
}

fn producer(place: &Place<'_>) -> Checked {
    for round in 0..3_u64 {
        let mut child = Child::start(place, "put");
        assert_eq!(child.line().unwrap(), "ready");
        sleep(Duration::from_millis(40 + 30 * round));
        child.kill();
        let told = child.numbers().len();
        let all: Vec<String> = drain(&*place.plain()?);
        // One may be stored and not told.
        assert!((told..=told + 1).contains(&all.len()), "{} of {told}", all.len());
        assert_eq!(all, (0..all.len()).map(|at| at.to_string()).collect::<Vec<_>>());
        assert!(told > 0, "it did nothing");
    }
    Ok(())
}

fn acknowledging(place: &Place<'_>) -> Checked {
    let queue = place.acks()?;
    let items: Vec<String> = (0..ITEMS).map(|at| at.to_string()).collect();
    put(&*queue, &items.iter().map(String::as_str).collect::<Vec<_>>());
    drop(queue);
    kill_consumers(place, "work", &|| {
        let queue = place.acks()?;
        let wait = Wait::For(Duration::from_millis(100));
        let take = || queue.get(wait, None).unwrap().map(|held| held.ack().unwrap());
        Ok(std::iter::from_fn(take).collect())
    })
}

fn finishing(place: &Place<'_>) -> Checked {
    let queue = place.plain_with(Wanted { batch: true, ..Wanted::default() })?;
    let items: Vec<String> = (0..ITEMS).map(|at| at.to_string()).collect();
    queue.put_many(&items.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    queue.close().unwrap();
    drop(queue);
    kill_consumers(place, "finish", &|| {
        let queue = place.plain()?;
        let wait = Wait::For(Duration::from_millis(100));
        Ok(std::iter::from_fn(|| queue.get(wait).unwrap()).collect())
    })
}

/// So many that no child comes to their end before it is killed.
const ITEMS: usize = 2000;
const KILLS: usize = 3;

/// Children take an item that they keep, and others that they finish and tell, until they are killed. `rest` opens the
/// queue and takes what is there.
fn kill_consumers(
    place: &Place<'_>,
    role: &str,
    rest: &dyn Fn() -> Opened<Vec<String>>,
) -> Checked {
    let (mut kept, mut done) = (Vec::new(), Vec::new());
    for round in 0..KILLS {
        let mut child = Child::start(place, role);
        let line = child.line().unwrap();
        kept.push(line.strip_prefix("kept ").unwrap().parse::<usize>().unwrap());
        sleep(Duration::from_millis(40 + 30 * round as u64));
        child.kill();
        done.extend(child.numbers());
    }
    let finished: BTreeSet<usize> = done.iter().copied().collect();
    assert_eq!(finished.len(), done.len(), "finished twice");
    assert!(finished.len() > KILLS, "they did nothing");
    let mut left = BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        for item in rest()? {
            let item = item.parse().unwrap();
            assert!(!finished.contains(&item), "{item} was finished and came again");
            assert!(left.insert(item), "{item} came twice");
        }
        let kept = kept.iter().all(|item| finished.contains(item) || left.contains(item));
        // One was finished and not told, of each child.
        if kept && finished.len() + left.len() + KILLS >= ITEMS {
            break;
        }
        // A server may still be about to see that somebody is gone.
        assert!(
            Instant::now() < deadline,
            "lost: {} finished, {} left",
            finished.len(),
            left.len()
        );
    }
    Ok(())
}

pub(super) fn in_threads(count: usize, work: &(dyn Fn() + Sync)) {
    scope(|scope| (0..count).for_each(|_| drop(scope.spawn(work))));
}
