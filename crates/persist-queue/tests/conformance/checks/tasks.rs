//! Queues for tasks on tokio.

use std::time::{Duration, Instant};

use persist_queue::Error;
use persist_queue::sql::Status;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::{Check, Checked, Group, PATIENCE, Place, WOKEN};
use crate::backend::{Fate, unless_refused};

pub(super) const GROUP: Group = Group {
    title: "Tasks on tokio",
    checks: &[
        Check { title: "tasks put, and one that waits is woken", run: woken },
        Check { title: "a get that is cancelled takes no item with it", run: cancelled },
        Check { title: "`close` ends the waits of tasks with an error", run: closed },
        Check { title: "tasks take, acknowledge, nack, fail and drop", run: acknowledged },
    ],
};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn woken(place: &Place<'_>) -> Checked {
    let (queue, other) = (place.backend.tasks(&place.queue)?, place.backend.tasks(&place.queue)?);
    runtime().block_on(async {
        let getter = tokio::spawn(async move {
            let first = timeout(PATIENCE, queue.get()).await.expect("it was not woken").unwrap();
            (first, Instant::now(), queue)
        });
        sleep(Duration::from_millis(100)).await;
        let put = Instant::now();
        other.put("a").await.unwrap();
        let (item, got, queue) = getter.await.unwrap();
        assert_eq!(item, "a");
        assert!(got - put < WOKEN, "{:?}", got - put);
        assert_eq!(queue.get_timeout(Duration::from_millis(50)).await.unwrap(), None);
        for item in ["b", "c"] {
            queue.put(item).await.unwrap();
        }
        assert_eq!(other.len().await.unwrap(), 2);
        assert_eq!([queue.get().await.unwrap(), other.get().await.unwrap()], ["b", "c"]);
    });
    Ok(())
}

/// Gets that end at all moments: before, within and after their work.
fn cancelled(place: &Place<'_>) -> Checked {
    let queue = place.backend.tasks(&place.queue)?;
    runtime().block_on(async {
        let all: Vec<String> = (0..40).map(|at| at.to_string()).collect();
        for item in &all {
            queue.put(item).await.unwrap();
        }
        let mut got = Vec::new();
        for at in 0..200 {
            let limit = Duration::from_micros(at * 37 % 2000);
            if let Ok(item) = timeout(limit, queue.get()).await {
                got.push(item.unwrap());
            }
            if got.len() == 30 {
                break;
            }
        }
        while got.len() < all.len() {
            let item = queue.get_timeout(WOKEN).await.unwrap();
            got.push(item.expect("a cancelled get took an item with it"));
        }
        assert_eq!(queue.len().await.unwrap(), 0);
        got.sort_by_key(|item| item.parse::<u32>().unwrap());
        assert_eq!(got, all);
    });
    Ok(())
}

fn closed(place: &Place<'_>) -> Checked {
    let queue = place.backend.tasks(&place.queue)?;
    runtime().block_on(async {
        let getters = [(); 3].map(|()| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get_timeout(PATIENCE).await })
        });
        sleep(Duration::from_millis(100)).await;
        let start = Instant::now();
        queue.close().await.unwrap();
        for getter in getters {
            let ended = getter.await.unwrap();
            assert!(matches!(ended, Err(Error::Closed { .. })), "{ended:?}");
        }
        assert!(start.elapsed() < WOKEN);
    });
    Ok(())
}

fn acknowledged(place: &Place<'_>) -> Checked {
    let queue = place.backend.ack_tasks(&place.queue)?;
    let settle = async |fate| timeout(PATIENCE, queue.get_and(fate)).await.unwrap().unwrap();
    runtime().block_on(async {
        let waits = {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get_and(Fate::Nack).await })
        };
        sleep(Duration::from_millis(50)).await;
        queue.put("a").await.unwrap();
        let woken = timeout(PATIENCE, waits).await.expect("it was not woken");
        assert_eq!(woken.unwrap().unwrap(), ("a".to_owned(), 1));
        assert_eq!(settle(Fate::Drop).await, ("a".to_owned(), 2));
        // Nothing is said of when it is back.
        assert_eq!(settle(Fate::Ack).await.0, "a");
        queue.put("b").await.unwrap();
        assert_eq!(settle(Fate::Fail).await, ("b".to_owned(), 1));
    });
    assert_eq!(queue.count(Status::New).unwrap(), 0);
    for (status, wanted) in [(Status::Ready, 0), (Status::Acked, 1), (Status::Failed, 1)] {
        // Not every backend keeps account of all.
        assert_eq!(unless_refused(queue.count(status)).unwrap_or(wanted), wanted);
    }
    Ok(())
}
