//! Waiting for items and for room, and being woken.

use std::collections::BTreeSet;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use persist_queue::codec::Bytes;
use persist_queue::file::{FileStore, Patience};
use persist_queue::wait::{Host, Place, Thread};
use persist_queue::{Error, FileQueue, Options, Wait};

use crate::text::{MOMENT, PATIENCE, bounded, ends, folder, plain, put_all, take, take_all};

/// Runs `wait` and says whether it took about as long as it was told to.
fn takes_about<T>(time: Duration, wait: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = wait();
    let took = start.elapsed();
    assert!(took >= time, "{took:?} is too early");
    assert!(took < time + PATIENCE, "{took:?} is too late");
    result
}

#[test]
fn a_get_waits_as_long_as_it_is_told_to() {
    let folder = folder();
    let queue = plain(&folder);
    assert_eq!(takes_about(MOMENT, || queue.get_timeout(MOMENT)).unwrap(), None);
    assert_eq!(queue.get_timeout(Duration::ZERO).unwrap(), None);
    let many = takes_about(MOMENT, || queue.get_many(2, Wait::For(MOMENT)));
    assert_eq!(many.unwrap(), [] as [&str; 0]);
    put_all(&queue, &["a"]);
    assert_eq!(queue.get_timeout(Duration::MAX).unwrap().as_deref(), Some("a"));
}

#[test]
fn a_put_waits_as_long_as_it_is_told_to() {
    let folder = folder();
    let queue = bounded(&folder, 1);
    put_all(&queue, &["a"]);
    let rejected = takes_about(MOMENT, || queue.put_timeout("b".to_owned(), MOMENT)).unwrap_err();
    assert!(matches!(rejected.error, Error::Full { limit: 1, .. }), "{rejected}");
    assert_eq!(take_all(&queue), ["a"]);
}

#[test]
fn a_get_that_waits_is_woken_by_a_put() {
    let folder = folder();
    let queue = plain(&folder);
    scope(|scope| {
        let got = scope.spawn(|| queue.get());
        sleep(MOMENT);
        put_all(&queue, &["a"]);
        assert_eq!(ends(got, &queue).unwrap(), "a");
    });
}

#[test]
fn every_get_that_waits_is_woken_when_there_is_an_item_for_it() {
    let folder = folder();
    let queue = plain(&folder);
    scope(|scope| {
        let got: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.get())).collect();
        sleep(MOMENT);
        queue.put_many(["a", "b", "c"].map(str::to_owned).to_vec()).unwrap();
        let got: BTreeSet<_> = got.into_iter().map(|got| ends(got, &queue).unwrap()).collect();
        assert_eq!(got, ["a", "b", "c"].map(str::to_owned).into());
    });
}

#[test]
fn a_put_that_waits_is_woken_by_a_take() {
    let folder = folder();
    let queue = bounded(&folder, 1);
    put_all(&queue, &["a"]);
    scope(|scope| {
        let put = scope.spawn(|| queue.put("b".to_owned()));
        sleep(MOMENT);
        assert!(!put.is_finished());
        assert_eq!(take(&queue).as_deref(), Some("a"));
        ends(put, &queue).unwrap();
    });
    assert_eq!(take_all(&queue), ["b"]);
}

#[test]
fn a_put_that_waits_is_woken_by_a_purge() {
    let folder = folder();
    let queue = bounded(&folder, 1);
    put_all(&queue, &["a"]);
    scope(|scope| {
        let put = scope.spawn(|| queue.put("b".to_owned()));
        sleep(MOMENT);
        assert_eq!(queue.purge().unwrap(), 1);
        ends(put, &queue).unwrap();
    });
}

/// Room for one is no room for three, but somebody else may want just that.
#[test]
fn a_put_of_many_that_waits_does_not_keep_others_waiting() {
    let folder = folder();
    let queue = bounded(&folder, 3);
    put_all(&queue, &["a", "b", "c"]);
    scope(|scope| {
        let many = scope.spawn(|| queue.put_many(["x", "y", "z"].map(str::to_owned).to_vec()));
        sleep(MOMENT);
        let one = scope.spawn(|| queue.put("d".to_owned()));
        sleep(MOMENT);
        assert_eq!(take(&queue).as_deref(), Some("a"));
        ends(one, &queue).unwrap();
        assert!(!many.is_finished());
        for item in ["b", "c", "d"] {
            assert_eq!(take(&queue).as_deref(), Some(item));
        }
        ends(many, &queue).unwrap();
    });
    assert_eq!(take_all(&queue), ["x", "y", "z"]);
}

#[test]
fn closing_wakes_everybody_who_waits() {
    let folder = folder();
    let empty = plain(&folder);
    scope(|scope| {
        let gets = [scope.spawn(|| empty.get()), scope.spawn(|| empty.get())];
        let get_many = scope.spawn(|| empty.get_many(2, Wait::Forever));
        sleep(MOMENT);
        empty.close().unwrap();
        for get in gets {
            assert!(matches!(ends(get, &empty), Err(Error::Closed { .. })));
        }
        assert!(matches!(ends(get_many, &empty), Err(Error::Closed { .. })));
    });
    let full = bounded(&folder, 1);
    put_all(&full, &["a"]);
    scope(|scope| {
        let put = scope.spawn(|| full.put("b".to_owned()));
        let join = scope.spawn(|| full.join());
        sleep(MOMENT);
        full.close().unwrap();
        let rejected = ends(put, &full).unwrap_err();
        assert!(matches!(rejected.error, Error::Closed { .. }), "{rejected}");
        assert_eq!(rejected.item, "b");
        assert!(matches!(ends(join, &full), Err(Error::Closed { .. })));
    });
}

#[test]
fn a_closed_queue_refuses_everything_and_closes_again() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a"]);
    take(&queue);
    queue.close().unwrap();
    queue.close().unwrap();
    assert!(matches!(queue.try_get(), Err(Error::Closed { .. })));
    assert!(matches!(queue.peek(), Err(Error::Closed { .. })));
    assert!(matches!(queue.len(), Err(Error::Closed { .. })));
    assert!(matches!(queue.task_done(), Err(Error::Closed { .. })));
    assert!(matches!(queue.join(), Err(Error::Closed { .. })));
    assert!(matches!(queue.purge(), Err(Error::Closed { .. })));
    assert!(matches!(queue.unfinished(), Err(Error::Closed { .. })));
    assert_eq!(take_all(&plain(&folder)), ["a"]);
}

/// A thread that counts how often it lets others go first, and puts an item the first time.
struct Polite<'a> {
    queue: Option<&'a FileQueue<Vec<u8>, Bytes>>,
    gave_way: u32,
    slept: u32,
}

impl Host for Polite<'_> {
    type Error = <Thread as Host>::Error;

    fn give_way(&mut self) -> bool {
        self.gave_way += 1;
        if let Some(queue) = self.queue.take() {
            queue.put(b"a".to_vec()).unwrap();
        }
        true
    }

    async fn sleep(
        &mut self,
        place: &Place<'_>,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Self::Error> {
        self.slept += 1;
        Thread.sleep(place, seen, limit).await
    }

    async fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Self::Error> {
        Thread.offload(work).await
    }
}

#[test]
fn who_must_wait_lets_others_go_first_and_looks_again_before_he_sleeps() {
    let folder = folder();
    let queue = Options::new().open_with(folder.path(), Bytes).unwrap();
    let store = FileStore::open(folder.path(), "bytes", Options::new(), Patience::Wait).unwrap();
    let take = |host: &mut Polite<'_>, wait| {
        let taken = store.take(host, 1, wait, &mut Vec::new()).now().unwrap();
        taken.map(|taken| taken.sequence())
    };

    let mut host = Polite { queue: None, gave_way: 0, slept: 0 };
    assert_eq!(take(&mut host, Wait::No), None);
    assert_eq!(take(&mut host, Wait::For(Duration::ZERO)), None);
    assert_eq!((host.gave_way, host.slept), (0, 0), "it may not wait");
    assert_eq!(take(&mut host, Wait::For(MOMENT)), None);
    assert!((1..=3).contains(&host.gave_way), "{} times", host.gave_way);
    assert!(host.slept > 0);

    let mut host = Polite { queue: Some(&queue), gave_way: 0, slept: 0 };
    assert_eq!(take(&mut host, Wait::Forever), Some(0));
    assert_eq!((host.gave_way, host.slept), (1, 0));
}
