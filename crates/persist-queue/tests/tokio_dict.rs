//! The dictionary in a database for tasks.
#![cfg(all(feature = "tokio", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::task::Poll;
use std::time::{Duration, Instant};

use persist_queue::sqlite::Position;
use persist_queue::{AsyncSqliteDict, DictOptions, Durability, Error, SqliteDict};

fn blocking(dir: &Path) -> SqliteDict<String, u64> {
    DictOptions::new().durability(Durability::Process).open(dir.join("data.db")).unwrap()
}

fn open(dir: &Path) -> AsyncSqliteDict<String, u64> {
    blocking(dir).into_async()
}

fn key(number: u64) -> String {
    format!("key {number}")
}

#[tokio::test]
async fn a_task_and_a_thread_see_one_dictionary() {
    let dir = tempfile::tempdir().unwrap();
    let (dict, other) = (open(dir.path()), blocking(dir.path()));
    dict.set(&key(1), &1).await.unwrap();
    other.set(&key(2), &2).unwrap();
    assert_eq!(other.get(&key(1)).unwrap(), Some(1));
    assert_eq!(dict.get(&key(2)).await.unwrap(), Some(2));
    assert_eq!(dict.get(&key(3)).await.unwrap(), None);
    assert_eq!(dict.set_default(&key(2), &9).await.unwrap(), Some(2));
    assert_eq!(dict.set_default(&key(3), &3).await.unwrap(), None);
    assert!(dict.contains(&key(3)).await.unwrap());
    assert_eq!(dict.len().await.unwrap(), 3);
    assert_eq!(dict.pop_last().await.unwrap(), Some((key(3), 3)));
    assert_eq!(dict.pop(&key(2)).await.unwrap(), Some(2));
    assert_eq!(dict.pop(&key(2)).await.unwrap(), None);
    assert!(dict.remove(&key(1)).await.unwrap());
    assert!(!dict.remove(&key(1)).await.unwrap());
    dict.set_many([(&key(4), &4), (&key(5), &5)]).await.unwrap();
    assert_eq!(other.len().unwrap(), 2);
    dict.clear().await.unwrap();
    assert!(dict.is_empty().await.unwrap());
    dict.close().await.unwrap();
    dict.close().await.unwrap();
    assert!(matches!(dict.get(&key(1)).await, Err(Error::Closed { .. })));
    assert!(dict.pop_last().await.is_err());
    assert!(other.is_empty().unwrap());
}

#[tokio::test]
async fn pages_give_every_entry_once() {
    let dir = tempfile::tempdir().unwrap();
    let dict = open(dir.path());
    let all: Vec<_> = (0..1000).map(|number| (key(number), number)).collect();
    dict.set_many(all.iter().map(|(key, value)| (key, value))).await.unwrap();
    let (mut met, mut next) = (Vec::new(), Some(Position::default()));
    while let Some(start) = next {
        let (entries, behind) = dict.page(start).await.unwrap();
        met.extend(entries);
        next = behind;
    }
    assert_eq!(met, all);
}

/// Polls a future some times, a little apart, and drops it if it is not ready by then.
async fn begin<T>(future: impl Future<Output = T>, polls: u64) -> Option<T> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(value) = polled {
            return Some(value);
        }
        tokio::time::sleep(Duration::from_micros(50)).await;
    }
    None
}

#[tokio::test]
async fn a_dropped_pop_has_taken_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dict = open(dir.path());
    let all: Vec<_> = (0..300).map(|number| (key(number), number)).collect();
    dict.set_many(all.iter().map(|(key, value)| (key, value))).await.unwrap();
    let mut popped = HashSet::new();
    for number in 0..300 {
        if let Some(value) = begin(dict.pop(&key(number)), number % 8).await {
            popped.insert(value.unwrap().unwrap());
        }
    }
    assert!(!popped.is_empty() && popped.len() < 300, "{} of 300 were dropped", 300 - popped.len());
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<_> = dict.dict().iter().map(|entry| entry.unwrap().1).collect();
        let expected: Vec<_> = (0..300).filter(|number| !popped.contains(number)).collect();
        if left == expected {
            break;
        }
        assert!(Instant::now() < deadline, "left {left:?}, popped {popped:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
