//! What `task_done` finishes, and whom that wakes.

use std::thread::{scope, sleep};

use persist_queue::Error;

use crate::text::{MOMENT, ends, folder, on_the_disk, plain, put_all, take};

#[test]
fn task_done_is_refused_when_nothing_is_unfinished() {
    let folder = folder();
    let queue = plain(&folder);
    assert!(matches!(queue.task_done(), Err(Error::NothingUnfinished { .. })));
    put_all(&queue, &["a"]);
    take(&queue);
    queue.task_done().unwrap();
    assert!(matches!(queue.task_done(), Err(Error::NothingUnfinished { .. })));
}

#[test]
fn task_done_finishes_what_its_thread_took_and_not_what_another_works_on() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "b", "c", "d"]);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    scope(|scope| {
        scope.spawn(|| {
            assert_eq!((take(&queue), take(&queue)), (Some("b".into()), Some("c".into())));
            queue.task_done().unwrap();
        });
    });
    assert_eq!(on_the_disk(&folder), ["a", "d"]);
    assert_eq!(queue.unfinished().unwrap(), 3);
    queue.task_done().unwrap();
    assert_eq!(on_the_disk(&folder), ["d"]);
}

#[test]
fn a_thread_that_holds_nothing_finishes_the_oldest_item_in_flight() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "b", "c"]);
    assert_eq!((take(&queue), take(&queue)), (Some("a".into()), Some("b".into())));
    scope(|scope| {
        scope.spawn(|| queue.task_done().unwrap());
    });
    assert_eq!(on_the_disk(&folder), ["b", "c"]);
}

#[test]
fn a_join_ends_with_the_last_task_done() {
    let folder = folder();
    let queue = plain(&folder);
    queue.join().unwrap();
    put_all(&queue, &["a", "b"]);
    scope(|scope| {
        let joined = scope.spawn(|| queue.join());
        for _ in 0..2 {
            take(&queue);
            sleep(MOMENT);
            assert!(!joined.is_finished());
            queue.task_done().unwrap();
        }
        ends(joined, &queue).unwrap();
    });
}
