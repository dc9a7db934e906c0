//! The queues in databases for tasks.
#![cfg(all(feature = "tokio", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use persist_queue::sql::{Kind, Status};
use persist_queue::{
    AsyncSqliteAckQueue, AsyncSqliteQueue, Durability, Error, SqliteOptions, SqliteQueue, Wait,
};

const SOON: Duration = Duration::from_secs(10);

fn process() -> SqliteOptions {
    SqliteOptions::new().durability(Durability::Process)
}

fn open(dir: &Path, options: SqliteOptions) -> AsyncSqliteQueue<u64> {
    options.open(dir.join("data.db")).unwrap().into_async()
}

fn open_ack(dir: &Path, options: SqliteOptions) -> AsyncSqliteAckQueue<u64> {
    options.open_ack(dir.join("data.db")).unwrap().into_async()
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap()
}

/// Polls once, with the waker of the test.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| pin!(&mut *stream).poll_next(context)).await
}

/// Until dropped futures have given back what they had.
async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    in_time(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_get_waits_for_a_put_of_a_task_a_thread_and_a_connection_of_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process());
    let mut get = Box::pin(queue.get());
    assert!(poll_once(&mut get).await.is_pending());
    queue.put(1).await.unwrap();
    assert_eq!(in_time(get).await.unwrap(), 1);

    let thread: SqliteQueue<u64> = process().open(dir.path().join("data.db")).unwrap();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        thread.put(2).unwrap();
    });
    assert_eq!(in_time(queue.get()).await.unwrap(), 2);
    thread.join().unwrap();

    queue.put(3).await.unwrap();
    let other = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
    let data: Vec<u8> =
        other.query_row("SELECT data FROM queue_default", [], |row| row.get(0)).unwrap();
    assert_eq!(queue.get().await.unwrap(), 3);
    let mut get = Box::pin(queue.get());
    assert!(poll_once(&mut get).await.is_pending());
    tokio::time::sleep(Duration::from_millis(50)).await;
    other.execute("INSERT INTO queue_default (data, timestamp) VALUES (?1, 0)", [data]).unwrap();
    assert_eq!(in_time(get).await.unwrap(), 3);
}

#[tokio::test]
async fn join_returns_with_the_last_get() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process());
    queue.put(1).await.unwrap();
    let mut join = Box::pin(queue.join(Wait::Forever));
    for _ in 0..3 {
        assert!(poll_once(&mut join).await.is_pending());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(queue.get().await.unwrap(), 1);
    assert!(in_time(join).await.unwrap());
}

/// Gets that are dropped before, while and after an item comes, with several threads at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_times_a_hundred_cancelled_gets_lose_nothing() {
    for options in [process(), process().auto_commit(false)] {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path(), options);
        let (mut taken, mut put) = (Vec::new(), 0);
        for number in 0..300 {
            let gets: Vec<_> = (0..100)
                .map(|_| {
                    let queue = queue.clone();
                    tokio::spawn(async move { queue.get().await.unwrap() })
                })
                .collect();
            for _ in 0..10 {
                queue.put(put).await.unwrap();
                put += 1;
            }
            tokio::time::sleep(Duration::from_micros(number % 7 * 50)).await;
            for get in &gets {
                get.abort();
            }
            for get in gets {
                taken.extend(get.await.ok());
            }
        }
        let left = put - taken.len() as u64;
        until(async || queue.len().await.unwrap() == left).await;
        while let Some(item) = queue.try_get().await.unwrap() {
            taken.push(item);
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..put).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelled_gets_of_acknowledged_queues_hold_nothing_and_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_ack(dir.path(), process().max_attempts(1));
    for item in 0..100 {
        queue.put(item).await.unwrap();
    }
    let mut acked = 0;
    for number in 0..300 {
        let gets: Vec<_> = (0..100)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.get().await })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(number % 7 * 50)).await;
        for get in &gets {
            get.abort();
        }
        for get in gets {
            // One that has reached us is acknowledged, and put anew: a second attempt would be too many.
            if let Ok(delivery) = get.await {
                let item = delivery.unwrap().ack().await.unwrap();
                queue.put(item).await.unwrap();
                acked += 1;
            }
        }
    }
    let count = |status| queue.queue().count(status).unwrap();
    until(async || queue.len().await.unwrap() == 100).await;
    assert_eq!((count(Status::Held), count(Status::Dead), count(Status::Acked)), (0, 0, acked));
}

#[tokio::test]
async fn a_delivery_is_settled_once_and_comes_back_when_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_ack(dir.path(), process());
    for item in 1..=3 {
        queue.put(item).await.unwrap();
    }
    let (one, two, three) =
        (queue.get().await.unwrap(), queue.get().await.unwrap(), queue.get().await.unwrap());
    assert_eq!((*one, *two, *three), (1, 2, 3));
    drop(two);
    until(async || queue.len().await.unwrap() == 1).await;
    one.nack().await.unwrap();
    let one = in_time(queue.get()).await.unwrap();
    assert_eq!((*one, one.attempts()), (1, 2));
    assert_eq!(one.ack().await.unwrap(), 1);
    three.fail().await.unwrap();
    let two = in_time(queue.get()).await.unwrap();
    assert_eq!(*two, 2);
    // A future that is dropped at its start changes nothing but that.
    drop(two.ack());
    until(async || queue.len().await.unwrap() == 1).await;
    assert_eq!(queue.queue().count(Status::Failed).unwrap(), 1);
}

#[tokio::test]
async fn a_lease_that_ends_wakes_a_task_that_waited_before_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_ack(dir.path(), process().lease(Duration::from_millis(200)));
    let mut waits = Box::pin(queue.get());
    for _ in 0..3 {
        assert!(poll_once(&mut waits).await.is_pending());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    queue.queue().put(1).unwrap();
    let late = queue.queue().try_get().unwrap().unwrap();
    let again = tokio::time::timeout(Duration::from_secs(3), waits).await.unwrap().unwrap();
    assert_eq!(*again, 1);
    assert!(matches!(late.ack(), Err(Error::NotHeld { .. })));
}

/// So many that what each does for each of the others would be noticed.
const CROWD: u64 = 10_000;

async fn a_crowd_takes_one_item_each(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process().kind(kind));
    queue.put(0).await.unwrap();
    queue.get().await.unwrap();
    let before = threads();
    let tasks: Vec<_> = (0..CROWD)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get().await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(threads() <= before + 1, "{} threads after {before}", threads());
    queue.put_many((0..CROWD).collect(), Wait::Forever).await.unwrap();
    let mut items = Vec::new();
    for task in tasks {
        items.push(tokio::time::timeout(6 * SOON, task).await.unwrap().unwrap());
    }
    items.sort_unstable();
    assert_eq!(items, (0..CROWD).collect::<Vec<_>>());
}

#[tokio::test]
async fn ten_thousand_tasks_wait_without_a_thread_each_and_cost_each_other_nothing() {
    a_crowd_takes_one_item_each(Kind::Fifo).await;
}

#[tokio::test]
async fn ten_thousand_tasks_wait_for_the_last_item_first() {
    a_crowd_takes_one_item_each(Kind::Filo).await;
}

#[tokio::test]
async fn what_is_read_for_others_who_wait_is_not_for_who_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process().kind(Kind::Filo));
    for round in 0..200 {
        queue.put_many((0..20).collect(), Wait::Forever).await.unwrap();
        let (mut gets, mut early) = (Vec::new(), 0);
        for _ in 0..10 {
            let mut get = Box::pin(queue.get());
            match poll_once(&mut get).await {
                Poll::Pending => gets.push(get),
                Poll::Ready(item) => early += item.map(|_| 1).unwrap(),
            }
        }
        let newest = 1000 + round;
        if round % 2 == 0 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        // Some are not there any more when it is their turn.
        gets.truncate(5);
        queue.put(newest).await.unwrap();
        let mut taken = vec![in_time(queue.get()).await.unwrap()];
        for get in gets {
            taken.push(in_time(get).await.unwrap());
        }
        assert!(taken.contains(&newest), "{newest} waits though {taken:?} were taken later");
        let left = 21 - early - taken.len() as u64;
        until(async || queue.len().await.unwrap() == left).await;
        queue.get_many(100, Wait::No).await.unwrap();
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test]
async fn tasks_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process());
    queue.put(0).await.unwrap();
    // Each commit adds a page to the log at least.
    let log = dir.path().join("data.db-wal");
    let pages = || std::fs::metadata(&log).unwrap().len() / 4096;
    let before = pages();
    // Whatever threads the system lets run first: nothing is committed before all have asked for it.
    let other = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut puts: Vec<_> = (1..=1000).map(|item| Box::pin(queue.put(item))).collect();
    for put in &mut puts {
        assert!(poll_once(put).await.is_pending());
    }
    other.execute_batch("ROLLBACK").unwrap();
    for put in puts {
        put.await.unwrap();
    }
    let written = pages() - before;
    assert!(written < 200, "{written} pages for 1000 puts");
    assert_eq!(queue.len().await.unwrap(), 1001);
}

#[tokio::test]
async fn a_put_waits_for_room_and_a_dropped_one_has_put_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process().maxsize(1));
    queue.put(1).await.unwrap();
    {
        let mut put = Box::pin(queue.put(2));
        for _ in 0..3 {
            assert!(poll_once(&mut put).await.is_pending());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let refused = queue.put_with(3, 0, Wait::For(Duration::from_millis(5))).await.unwrap_err();
    assert!(matches!(refused.error, Error::Full { limit: 1, .. }));
    let waits = tokio::spawn({
        let queue = queue.clone();
        async move { queue.put(4).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(queue.get().await.unwrap(), 1);
    in_time(waits).await.unwrap();
    assert_eq!(queue.get().await.unwrap(), 4);
    assert!(queue.is_empty().await.unwrap());
}

#[tokio::test]
async fn tasks_and_threads_get_each_item_once() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path(), process());
    let threads: Arc<SqliteQueue<u64>> =
        Arc::new(process().open(dir.path().join("data.db")).unwrap());
    let mut takers: Vec<std::thread::JoinHandle<Vec<u64>>> = Vec::new();
    for _ in 0..2 {
        let queue = Arc::clone(&threads);
        takers.push(std::thread::spawn(move || {
            std::iter::from_fn(|| queue.get_timeout(Duration::from_millis(500)).unwrap()).collect()
        }));
    }
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let mut items = Vec::new();
                while let Some(item) = queue.get_timeout(Duration::from_millis(500)).await.unwrap()
                {
                    items.push(item);
                }
                items
            })
        })
        .collect();
    for item in 0..500 {
        queue.put(item).await.unwrap();
    }
    let mut items = Vec::new();
    for task in tasks {
        items.extend(task.await.unwrap());
    }
    for taker in takers {
        items.extend(taker.join().unwrap());
    }
    items.sort_unstable();
    assert_eq!(items, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_gives_what_comes_until_the_queue_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_ack(dir.path(), process());
    let reader = tokio::spawn({
        let mut stream = queue.stream();
        async move {
            let mut items = Vec::new();
            while let Some(delivery) = next(&mut stream).await {
                items.push(delivery.unwrap().ack().await.unwrap());
            }
            items
        }
    });
    for item in 0..10 {
        queue.put(item).await.unwrap();
    }
    until(async || queue.queue().count(Status::Acked).unwrap() == 10).await;
    queue.close().await.unwrap();
    assert_eq!(in_time(reader).await.unwrap(), (0..10).collect::<Vec<_>>());
    assert!(matches!(queue.get().await, Err(Error::Closed { .. })));
}
