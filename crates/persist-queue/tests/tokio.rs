//! The file queue for tasks.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/this_program.rs"]
mod this_program;

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use persist_queue::file::AsyncFileQueue;
use persist_queue::{Durability, Error, Options};
use this_program::this_program;

const SOON: Duration = Duration::from_secs(10);

fn open(folder: &Path, options: Options) -> AsyncFileQueue<u64> {
    options.open(folder).unwrap().into_async()
}

fn autosave() -> Options {
    Options::new().autosave(true)
}

/// Polls once, with the waker of the test.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))).await
}

#[tokio::test]
async fn a_get_waits_for_a_put_of_another_task() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let consumer = tokio::spawn({
        let queue = queue.clone();
        async move { queue.get().await.unwrap() }
    });
    tokio::task::yield_now().await;
    queue.put(7).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, consumer).await.unwrap().unwrap(), 7);
    assert_eq!(queue.get_timeout(Duration::from_millis(5)).await.unwrap(), None);
}

#[tokio::test]
async fn a_get_is_woken_by_a_thread() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let other: persist_queue::FileQueue<u64> = autosave().open(folder.path()).unwrap();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        other.put(1).unwrap();
        other
    });
    assert_eq!(tokio::time::timeout(SOON, queue.get()).await.unwrap().unwrap(), 1);
    thread.join().unwrap();
}

const FOLDER: &str = "PERSIST_QUEUE_FOLDER";

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn puts_one_in_another_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let queue: persist_queue::FileQueue<u64> = autosave().open(folder).unwrap();
        queue.put(1).unwrap();
    }
}

#[tokio::test]
async fn a_get_is_woken_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let mut get = Box::pin(queue.get());
    assert!(poll_once(&mut get).await.is_pending());
    let mut child = this_program()
        .args(["--exact", "puts_one_in_another_process", "--ignored"])
        .env(FOLDER, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(tokio::time::timeout(SOON, get).await.unwrap().unwrap(), 1);
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn tasks_are_served_in_the_order_in_which_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let mut gets: Vec<_> = (0..5).map(|_| Box::pin(queue.get())).collect();
    for get in &mut gets {
        assert!(poll_once(get).await.is_pending());
    }
    for item in 0..5 {
        queue.queue().put(item).unwrap();
    }
    for (item, get) in (0..).zip(gets) {
        assert_eq!(get.await.unwrap(), item);
    }
}

#[tokio::test]
async fn a_wake_up_of_a_dropped_get_goes_to_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let mut first = Box::pin(queue.get());
    assert!(poll_once(&mut first).await.is_pending());
    let second = tokio::spawn({
        let queue = queue.clone();
        async move { queue.get().await.unwrap() }
    });
    tokio::task::yield_now().await;
    queue.queue().put(1).unwrap();
    drop(first);
    assert_eq!(tokio::time::timeout(SOON, second).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_dropped_get_that_sleeps_wakes_nobody_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    for _ in 0..100 {
        let mut get = Box::pin(queue.get());
        assert!(poll_once(&mut get).await.is_pending());
    }
    queue.put(1).await.unwrap();
    assert_eq!(queue.len().await.unwrap(), 1);
    assert_eq!(queue.get().await.unwrap(), 1);
}

/// Gets that are dropped before, while and after an item comes, with several threads at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_times_a_hundred_cancelled_gets_lose_nothing() {
    for (round, options) in [
        Options::new().autosave(true),
        Options::new(),
        Options::new().autosave(true).durability(Durability::Disk),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = open(folder.path(), options.clone());
        let rounds = if round == 2 { 10 } else { 300 };
        let mut taken = Vec::new();
        let mut put = 0;
        for number in 0..rounds {
            let gets: Vec<_> = (0..100)
                .map(|_| {
                    let queue = queue.clone();
                    tokio::spawn(async move { queue.get().await.unwrap() })
                })
                .collect();
            let putter = tokio::spawn({
                let queue = queue.clone();
                async move {
                    for item in put..put + 50 {
                        queue.put(item).await.unwrap();
                    }
                }
            });
            put += 50;
            if number % 3 > 0 {
                tokio::time::sleep(Duration::from_micros(number % 7 * 50)).await;
            }
            for get in &gets {
                get.abort();
            }
            putter.await.unwrap();
            for get in gets {
                if let Ok(item) = get.await {
                    taken.push(item);
                }
            }
        }
        let left = put - taken.len() as u64;
        assert_eq!(queue.len().await.unwrap(), left);
        if options.is_autosave() {
            // What the disk says is the same.
            queue.close().await.unwrap();
            drop(queue);
            queue = open(folder.path(), options);
            assert_eq!(queue.len().await.unwrap(), left);
        }
        while let Some(item) = queue.try_get().await.unwrap() {
            taken.push(item);
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..put).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn ten_thousand_tasks_wait_without_a_thread_each() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let before = threads();
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get().await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    // The helper thread may come and go.
    assert!(threads() <= before + 2);
    for item in 0..10_000 {
        queue.put(item).await.unwrap();
    }
    let mut items = Vec::new();
    for task in tasks {
        items.push(tokio::time::timeout(SOON, task).await.unwrap().unwrap());
    }
    items.sort_unstable();
    assert_eq!(items, (0..10_000).collect::<Vec<_>>());
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test]
async fn at_level_disk_one_thread_flushes_for_all_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave().durability(Durability::Disk));
    queue.put(0).await.unwrap();
    let before = threads();
    let puts: Vec<_> = (1..200)
        .map(|item| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.put(item).await.unwrap() })
        })
        .collect();
    for put in puts {
        put.await.unwrap();
    }
    assert!(threads() <= before);
    for item in 0..200 {
        assert_eq!(queue.get().await.unwrap(), item);
    }
}

#[cfg(feature = "simulation")]
#[tokio::test]
async fn at_level_disk_the_takes_of_many_tasks_share_their_flushes() {
    use persist_queue::storage::{Fault, SimulatedDisk};
    let disk = SimulatedDisk::new();
    let options =
        autosave().durability(Durability::Disk).storage(std::sync::Arc::new(disk.clone()));
    let queue = open(Path::new("/queue"), options);
    for item in 0..200 {
        queue.put(item).await.unwrap();
    }
    disk.arm_syncs(Fault::Error { at: 100, part: 0, errno: libc::EIO, lasting: false });
    let gets: Vec<_> = (0..200)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get().await.unwrap() })
        })
        .collect();
    let mut items = Vec::new();
    for get in gets {
        items.push(get.await.unwrap());
    }
    items.sort_unstable();
    assert_eq!(items, (0..200).collect::<Vec<_>>());
    assert!(!disk.fired(), "200 takes flushed 100 times or more often");
}

#[tokio::test]
async fn a_put_waits_for_room_and_a_dropped_one_has_put_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave().maxsize(1));
    queue.put(1).await.unwrap();
    {
        let mut put = pin!(queue.put(2));
        let poll = poll_fn(|context| Poll::Ready(put.as_mut().poll(context))).await;
        assert!(poll.is_pending());
    }
    let refused = queue.put_timeout(3, Duration::from_millis(5)).await.unwrap_err();
    assert!(matches!(refused.error, Error::Full { limit: 1, .. }));
    let waits = tokio::spawn({
        let queue = queue.clone();
        async move { queue.put(4).await.unwrap() }
    });
    tokio::task::yield_now().await;
    assert_eq!(queue.get().await.unwrap(), 1);
    waits.await.unwrap();
    assert_eq!(queue.get().await.unwrap(), 4);
}

#[tokio::test]
async fn each_clone_finishes_what_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let one = open(folder.path(), Options::new());
    let other = one.clone();
    one.put(1).await.unwrap();
    one.put(2).await.unwrap();
    assert_eq!((one.get().await.unwrap(), other.get().await.unwrap()), (1, 2));
    other.task_done().await.unwrap();
    drop((one, other));
    let again = open(folder.path(), Options::new());
    assert_eq!(again.get().await.unwrap(), 1);
    assert_eq!(again.try_get().await.unwrap(), None);
}

#[tokio::test]
async fn join_ends_with_the_last_task_done() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), Options::new());
    queue.put(1).await.unwrap();
    let joined = tokio::spawn({
        let queue = queue.clone();
        async move { queue.join().await.unwrap() }
    });
    queue.get().await.unwrap();
    tokio::task::yield_now().await;
    assert!(!joined.is_finished());
    queue.task_done().await.unwrap();
    tokio::time::timeout(SOON, joined).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_gives_the_items_until_the_queue_is_closed() {
    use futures_core::Stream;
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), autosave());
    let reader = tokio::spawn({
        let mut stream = queue.stream();
        async move {
            let mut items = Vec::new();
            while let Some(item) = poll_fn(|context| pin!(&mut stream).poll_next(context)).await {
                items.push(item.unwrap());
            }
            items
        }
    });
    for item in 0..10 {
        queue.put(item).await.unwrap();
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    while !queue.is_empty().await.unwrap() && start.elapsed() < SOON {
        tokio::task::yield_now().await;
    }
    queue.close().await.unwrap();
    let items = tokio::time::timeout(SOON, reader).await.unwrap().unwrap();
    assert_eq!(items, (0..10).collect::<Vec<_>>());
    assert!(matches!(queue.get().await, Err(Error::Closed { .. })));
}
