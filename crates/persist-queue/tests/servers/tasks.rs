//! Queues for tasks on tokio.

use std::time::Duration;

use persist_queue::sql::{Kind, PutOptions, Status, Which};
use persist_queue::{Error, Wait};

use crate::server::{Database, bytes};
use crate::{AsyncQueue, Options, database_or_return};

fn open(database: &Database, options: Options) -> AsyncQueue<u64> {
    options.open(&database.address()).unwrap().into_async()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_put_and_never_share_an_item() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    let mut tasks = Vec::new();
    for task in 0..10_u64 {
        let queue = queue.clone();
        tasks.push(tokio::spawn(async move {
            for at in 0..20 {
                queue.put(task * 20 + at).await.unwrap();
            }
        }));
    }
    let mut consumers = Vec::new();
    for _ in 0..10 {
        let queue = queue.clone();
        consumers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            for _ in 0..20 {
                got.push(queue.get().await.unwrap());
            }
            got
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut got = Vec::new();
    for consumer in consumers {
        got.extend(consumer.await.unwrap());
    }
    got.sort_unstable();
    assert_eq!(got, (0..200).collect::<Vec<_>>());
    assert!(queue.is_empty().await.unwrap());
}

#[tokio::test]
async fn a_cancelled_get_leaves_its_item() {
    let database = database_or_return!();
    for auto_commit in [true, false] {
        let queue = open(&database, Options::new().auto_commit(auto_commit));
        let count = 60;
        queue.put_many((0..count).collect(), Wait::No).await.unwrap();
        queue.task_done().await.unwrap();
        let mut got = Vec::new();
        for at in 0..400 {
            let limit = Duration::from_micros(at * 20);
            if let Ok(item) = tokio::time::timeout(limit, queue.get()).await {
                got.push(item.unwrap());
            }
            if got.len() == 40 {
                break;
            }
        }
        while got.len() < usize::try_from(count).unwrap() {
            let item = queue.get_timeout(Duration::from_secs(10)).await.unwrap();
            got.push(item.expect("a cancelled get lost its item"));
        }
        queue.task_done().await.unwrap();
        assert_eq!(queue.len().await.unwrap(), 0, "{auto_commit}");
        got.sort_unstable();
        assert_eq!(got, (0..count).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_cancelled_get_of_an_acknowledged_queue_holds_nothing() {
    let database = database_or_return!();
    let queue = Options::new().open_ack::<u64>(&database.address()).unwrap().into_async();
    queue.put_many((0..50).collect(), PutOptions::default(), Wait::No).await.unwrap();
    let mut acked = 0;
    for at in 0..100 {
        let limit = Duration::from_micros(at * 40);
        if let Ok(delivery) = tokio::time::timeout(limit, queue.get()).await {
            delivery.unwrap().ack().await.unwrap();
            acked += 1;
        }
        if acked == 30 {
            break;
        }
    }
    while acked < 50 {
        let wait = Wait::For(Duration::from_secs(10));
        let delivery = queue.get_with(wait, Which::Next, None).await.unwrap().expect("lost");
        delivery.ack().await.unwrap();
        acked += 1;
    }
    assert_eq!(queue.queue().count(Status::Acked).unwrap(), 50);
    assert_eq!(queue.queue().count(Status::Held).unwrap(), 0);
}

#[tokio::test]
async fn a_thousand_tasks_wait_and_wake() {
    let database = database_or_return!();
    let queue = open(&database, Options::new());
    let mut tasks = Vec::new();
    for _ in 0..1000 {
        let queue = queue.clone();
        tasks.push(tokio::spawn(async move { queue.get().await }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Another machine puts.
    let rows = vec![format!("({}, 1)", bytes(&[1])); 1000].join(", ");
    let text = format!("INSERT INTO queue_default (data, timestamp) VALUES {rows}");
    database.connection().run(&text);
    for task in tasks {
        let item = tokio::time::timeout(Duration::from_secs(60), task).await;
        assert_eq!(item.expect("a task sleeps on").unwrap().unwrap(), 1);
    }
}

#[tokio::test]
async fn closing_ends_all_waits_and_a_delivery_can_be_dropped() {
    let database = database_or_return!();
    let options = Options::new().kind(Kind::Priority);
    let queue = options.open_ack::<u64>(&database.address()).unwrap().into_async();
    queue.put(1).await.unwrap();
    drop(queue.get().await.unwrap());
    let again = tokio::time::timeout(Duration::from_secs(5), queue.get()).await;
    again.expect("it did not come back").unwrap().ack().await.unwrap();
    let waiting = queue.clone();
    let getter = tokio::spawn(async move { waiting.get().await.map(|one| *one) });
    tokio::time::sleep(Duration::from_millis(100)).await;
    queue.close().await.unwrap();
    assert!(matches!(getter.await.unwrap(), Err(Error::Closed { .. })));
}
