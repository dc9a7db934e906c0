//! What a queue promises to the threads of one process.

// Helper functions outside of `#[test]` are not "in tests" for clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{ScopedJoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use persist_queue::codec::CodecError;
use persist_queue::{Codec, Error, FileQueue, FileView, Options, Wait};
use tempfile::TempDir;

/// Long enough for a thread that waits to wait.
const MOMENT: Duration = Duration::from_millis(40);
/// Nothing takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

type Queue = FileQueue<String, Picky>;

/// Text that is stored as it is, but for some.
#[derive(Debug, Clone, Copy)]
struct Picky;

const NO_ENCODING: &str = "cannot be encoded";
const NO_DECODING: &str = "cannot be decoded";
const PANIC: &str = "panics when it is decoded";

/// Whether [`Picky`] is what it says.
static PICKY: AtomicBool = AtomicBool::new(true);

impl Codec<String> for Picky {
    fn name(&self) -> &'static str {
        "text"
    }

    fn encode(&self, item: &String, into: &mut Vec<u8>) -> Result<(), CodecError> {
        into.extend_from_slice(item.as_bytes());
        if item == NO_ENCODING { Err(item.as_str().into()) } else { Ok(()) }
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        let item = String::from_utf8(bytes.to_vec())?;
        assert!(item != PANIC || !PICKY.load(Ordering::Relaxed), "as it says");
        if item == NO_DECODING && PICKY.load(Ordering::Relaxed) {
            return Err(item.into());
        }
        Ok(item)
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open_with(folder: &TempDir, options: Options) -> Queue {
    options.open_with(folder.path().join("queue"), Picky).unwrap()
}

fn plain(folder: &TempDir) -> Queue {
    open_with(folder, Options::new())
}

fn autosave(folder: &TempDir) -> Queue {
    open_with(folder, Options::new().autosave(true))
}

fn bounded(folder: &TempDir, maxsize: u64) -> Queue {
    open_with(folder, Options::new().maxsize(maxsize))
}

fn put_all(queue: &Queue, items: &[&str]) {
    for item in items {
        queue.put((*item).to_owned()).unwrap();
    }
}

/// Takes without waiting; an error is no item.
fn take(queue: &Queue) -> Option<String> {
    queue.try_get().unwrap()
}

fn take_all(queue: &Queue) -> Vec<String> {
    queue.iter().map(Result::unwrap).collect()
}

/// What somebody sees who opens the folder after this process died.
fn on_the_disk(folder: &TempDir) -> Vec<String> {
    let mut view = FileView::open(&folder.path().join("queue")).unwrap();
    let (mut found, mut bytes) = (Vec::new(), Vec::new());
    while view.next_record(&mut bytes).unwrap().is_some() {
        found.push(String::from_utf8(bytes.clone()).unwrap());
    }
    found
}

/// Fails if the thread does not end by itself.
fn ends<T>(thread: ScopedJoinHandle<'_, T>, queue: &Queue) -> T {
    let deadline = Instant::now() + PATIENCE;
    while !thread.is_finished() {
        if Instant::now() > deadline {
            // So that the test can end.
            let _ = queue.close();
            panic!("a thread waits for ever");
        }
        sleep(Duration::from_millis(1));
    }
    thread.join().unwrap()
}

#[test]
fn a_queue_can_be_shared_and_sent() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Queue>();
    // Whatever it holds: an item is with the queue only as bytes.
    is_send_and_sync::<FileQueue<std::rc::Rc<str>, Picky>>();
}

// --- one thread ---------------------------------------------------------------------------------

#[test]
fn items_come_out_as_they_went_in() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "", "b"]);
    assert_eq!((queue.len().unwrap(), queue.is_empty().unwrap()), (3, false));
    assert_eq!(queue.peek().unwrap().as_deref(), Some("a"));
    assert_eq!(take_all(&queue), ["a", "", "b"]);
    assert_eq!((queue.len().unwrap(), queue.is_empty().unwrap()), (0, true));
    assert_eq!(queue.peek().unwrap(), None);
}

#[test]
fn a_take_is_final_with_task_done() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "b", "c"]);
    assert_eq!((take(&queue), take(&queue)), (Some("a".to_owned()), Some("b".to_owned())));
    put_all(&queue, &["d"]);
    assert_eq!(on_the_disk(&folder), ["a", "b", "c", "d"]);
    queue.task_done().unwrap();
    assert_eq!(on_the_disk(&folder), ["c", "d"]);
    drop(queue);
    assert_eq!(take_all(&plain(&folder)), ["c", "d"]);
}

#[test]
fn a_take_is_final_at_once_with_autosave() {
    let folder = folder();
    let queue = autosave(&folder);
    put_all(&queue, &["a", "b"]);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    assert_eq!(on_the_disk(&folder), ["b"]);
}

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
fn many_are_put_and_taken_at_once() {
    let folder = folder();
    let queue = plain(&folder);
    let items: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    queue.put_many(items.clone()).unwrap();
    queue.put_many(Vec::new()).unwrap();
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), items[..3]);
    assert_eq!(queue.get_many(100, Wait::Forever).unwrap(), items[3..]);
    assert_eq!(queue.get_many(100, Wait::No).unwrap(), [] as [String; 0]);
    assert_eq!(queue.get_many(0, Wait::Forever).unwrap(), [] as [String; 0]);
}

#[test]
fn an_iteration_consumes_until_nothing_waits() {
    let folder = folder();
    let queue = autosave(&folder);
    put_all(&queue, &["a", "b", "c"]);
    let mut taken = Vec::new();
    for item in &queue {
        taken.push(item.unwrap());
    }
    assert_eq!(taken, ["a", "b", "c"]);
    assert_eq!(on_the_disk(&folder), [] as [&str; 0]);
}

#[test]
fn a_purge_removes_what_waits_and_nothing_else() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", "b", "c"]);
    take(&queue);
    assert_eq!(queue.purge().unwrap(), 2);
    assert_eq!(queue.unfinished().unwrap(), 1);
    assert_eq!(on_the_disk(&folder), ["a"]);
}

#[test]
fn another_serializer_is_refused_before_anything_is_touched() {
    let folder = folder();
    let path = folder.path().join("queue");
    put_all(&plain(&folder), &["a"]);
    let refused = Options::new().open_with::<Vec<u8>, _>(&path, persist_queue::codec::Bytes);
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(&error, Error::CodecMismatch { stored, .. } if stored == "text"), "{error}");
    assert_eq!(take_all(&plain(&folder)), ["a"]);
}

#[test]
fn a_drained_queue_holds_less_than_two_chunks() {
    let folder = folder();
    let chunk = 4096;
    let queue = open_with(&folder, Options::new().autosave(true).chunk_bytes(chunk));
    for number in 0..2000 {
        queue.put(format!("{number:0100}")).unwrap();
    }
    assert_eq!(take_all(&queue).len(), 2000);
    let size: u64 = segments(folder.path()).iter().map(|segment| segment.1).sum();
    assert!(size < 2 * chunk, "{:?}", segments(folder.path()));
}

fn segments(folder: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(folder.join("queue")).unwrap().map(Result::unwrap);
    let sizes = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()));
    sizes.filter(|(name, _)| name.starts_with('q')).collect()
}

// --- items that are refused ---------------------------------------------------------------------

#[test]
fn an_item_that_is_refused_is_handed_back() {
    let folder = folder();
    let queue = bounded(&folder, 1);
    let rejected = queue.put(NO_ENCODING.to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Encode(_)), "{rejected}");
    assert_eq!(rejected.item, NO_ENCODING);
    put_all(&queue, &["a"]);
    let rejected = queue.try_put("b".to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Full { limit: 1, .. }), "{rejected}");
    assert_eq!(rejected.item, "b");
    let rejected = queue.put_many(vec!["c".to_owned(), "d".to_owned()]).unwrap_err();
    assert!(matches!(rejected.error, Error::Full { limit: 1, .. }), "{rejected}");
    assert_eq!(rejected.item, ["c", "d"]);
    queue.close().unwrap();
    let rejected = queue.put("e".to_owned()).unwrap_err();
    assert!(matches!(rejected.error, Error::Closed { .. }), "{rejected}");
    assert_eq!(rejected.item, "e");
    assert_eq!(on_the_disk(&folder), ["a"]);
}

#[test]
fn of_many_items_none_is_put_when_one_cannot_be() {
    let folder = folder();
    let queue = plain(&folder);
    let items = vec!["a".to_owned(), NO_ENCODING.to_owned(), "b".to_owned()];
    let rejected = queue.put_many(items.clone()).unwrap_err();
    assert!(matches!(rejected.error, Error::Encode(_)), "{rejected}");
    assert_eq!(rejected.item, items);
    assert_eq!((queue.len().unwrap(), queue.unfinished().unwrap()), (0, 0));
}

/// These share a switch for the codec, so they are one test.
#[test]
fn what_cannot_be_decoded_is_set_aside_until_the_queue_is_opened_again() {
    for autosave in [false, true] {
        for bad in [NO_DECODING, PANIC] {
            PICKY.store(true, Ordering::Relaxed);
            is_set_aside(autosave, bad);
        }
    }
    PICKY.store(true, Ordering::Relaxed);
    an_error_behind_the_first_of_many_is_left_to_the_next_call();
}

fn is_set_aside(autosave: bool, bad: &str) {
    let folder = folder();
    let options = || Options::new().autosave(autosave).chunk_records(2);
    let queue = open_with(&folder, options());
    put_all(&queue, &["a", bad, "b", "c", "d"]);
    assert_eq!(take(&queue).as_deref(), Some("a"));
    fails_to_decode(&queue, bad);
    assert_eq!(take_all(&queue), ["b", "c", "d"]);
    assert_eq!(queue.len().unwrap(), 0);
    queue.task_done().unwrap();
    put_all(&queue, &["e"]);
    assert_eq!(on_the_disk(&folder), [bad, "e"], "autosave {autosave}");
    assert_eq!(take(&queue).as_deref(), Some("e"));
    queue.task_done().unwrap();
    PICKY.store(false, Ordering::Relaxed);
    // The old object may still be there, as where somebody forgot it.
    let old = (bad == PANIC).then_some(queue);
    let queue = open_with(&folder, options());
    assert_eq!(queue.len().unwrap(), 1);
    assert_eq!(take_all(&queue), [bad], "autosave {autosave}");
    drop(old);
}

fn fails_to_decode(queue: &Queue, bad: &str) {
    if bad == PANIC {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.try_get()));
        assert!(panicked.is_err());
    } else {
        let error = queue.try_get().unwrap_err();
        assert!(matches!(error, Error::Decode { sequence: 1, .. }), "{error}");
    }
}

fn an_error_behind_the_first_of_many_is_left_to_the_next_call() {
    let folder = folder();
    let queue = plain(&folder);
    put_all(&queue, &["a", NO_DECODING, "b"]);
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), ["a"]);
    let error = queue.get_many(3, Wait::No).unwrap_err();
    assert!(matches!(error, Error::Decode { sequence: 1, .. }), "{error}");
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), ["b"]);
}

// --- many threads -------------------------------------------------------------------------------

const PRODUCERS: u64 = 4;
const EACH: u64 = 1000;

fn produce(queue: &Queue, producer: u64) {
    for number in 0..EACH {
        queue.put(format!("{producer} {number}")).unwrap();
    }
}

/// Takes until all were taken by somebody.
fn consume(queue: &Queue, taken: &AtomicU64, done: bool) -> Vec<(u64, u64)> {
    let mut items = Vec::new();
    while taken.load(Ordering::Relaxed) < PRODUCERS * EACH {
        let Some(item) = queue.get_timeout(Duration::from_millis(2)).unwrap() else { continue };
        taken.fetch_add(1, Ordering::Relaxed);
        let (producer, number) = item.split_once(' ').unwrap();
        items.push((producer.parse().unwrap(), number.parse().unwrap()));
        if done {
            queue.task_done().unwrap();
        }
    }
    items
}

fn each_item_is_delivered_once(queue: &Queue, done: bool) {
    let taken = AtomicU64::new(0);
    let all: Vec<Vec<(u64, u64)>> = scope(|scope| {
        let taken = &taken;
        let consumers: Vec<_> =
            (0..4).map(|_| scope.spawn(move || consume(queue, taken, done))).collect();
        (0..PRODUCERS).for_each(|producer| drop(scope.spawn(move || produce(queue, producer))));
        consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect()
    });
    for items in &all {
        for producer in 0..PRODUCERS {
            let numbers = items.iter().filter(|item| item.0 == producer);
            assert!(numbers.is_sorted(), "a consumer sees the items of one producer in order");
        }
    }
    let distinct: BTreeSet<_> = all.iter().flatten().collect();
    assert_eq!(all.iter().map(Vec::len).sum::<usize>() as u64, PRODUCERS * EACH);
    assert_eq!(distinct.len() as u64, PRODUCERS * EACH);
}

#[test]
fn many_threads_share_a_queue_with_autosave() {
    let folder = folder();
    let queue = open_with(&folder, Options::new().autosave(true).chunk_records(50));
    each_item_is_delivered_once(&queue, false);
    drop(queue);
    assert_eq!(autosave(&folder).len().unwrap(), 0);
}

#[test]
fn many_threads_share_a_queue_and_finish_what_they_took() {
    let folder = folder();
    let queue = open_with(&folder, Options::new().chunk_records(50));
    scope(|scope| {
        let joined = scope.spawn(|| {
            sleep(MOMENT / 4);
            queue.join()
        });
        each_item_is_delivered_once(&queue, true);
        ends(joined, &queue).unwrap();
    });
    assert_eq!(queue.unfinished().unwrap(), 0);
    drop(queue);
    assert_eq!(plain(&folder).len().unwrap(), 0);
}

#[test]
fn many_threads_share_a_small_queue() {
    let folder = folder();
    let queue = open_with(&folder, Options::new().autosave(true).maxsize(3).chunk_records(7));
    each_item_is_delivered_once(&queue, false);
}

/// A consumer may be faster than the producer's put returns.
#[test]
fn who_took_an_item_can_always_finish_it() {
    let folder = folder();
    let queue = plain(&folder);
    scope(|scope| {
        scope.spawn(|| (0..20_000).for_each(|_| put_all(&queue, &["a"])));
        for _ in 0..20_000 {
            while take(&queue).is_none() {
                std::hint::spin_loop();
            }
            queue.task_done().unwrap();
        }
    });
}

#[test]
fn of_many_threads_that_finish_one_item_one_succeeds() {
    let folder = folder();
    let queue = plain(&folder);
    for _ in 0..500 {
        put_all(&queue, &["a"]);
        take(&queue);
        let barrier = Barrier::new(4);
        let done: usize = scope(|scope| {
            let done = || {
                barrier.wait();
                usize::from(queue.task_done().is_ok())
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(done)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(done, 1);
    }
    put_all(&queue, &["a"]);
    assert_eq!(queue.unfinished().unwrap(), 1);
}

// --- what a thread finishes ---------------------------------------------------------------------

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

// --- waiting ------------------------------------------------------------------------------------

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

#[test]
fn closing_one_object_leaves_the_others_alone() {
    let folder = folder();
    let (one, other) = (plain(&folder), plain(&folder));
    scope(|scope| {
        let got = scope.spawn(|| other.get());
        sleep(MOMENT);
        one.close().unwrap();
        sleep(MOMENT);
        assert!(!got.is_finished());
        put_all(&other, &["a"]);
        assert_eq!(ends(got, &other).unwrap(), "a");
    });
}

// --- several objects, and opening again ---------------------------------------------------------

#[test]
fn the_limit_holds_after_opening_again() {
    let folder = folder();
    put_all(&bounded(&folder, 2), &["a", "b"]);
    let queue = bounded(&folder, 2);
    assert!(queue.try_put("c".to_owned()).is_err());
    take(&queue);
    put_all(&queue, &["c"]);
    drop(queue);
    // What was in flight is back; there is no room for it, and it is not lost.
    let queue = bounded(&folder, 2);
    assert_eq!(queue.len().unwrap(), 3);
    assert!(queue.try_put("d".to_owned()).is_err());
    assert_eq!(take_all(&queue), ["a", "b", "c"]);
}

#[test]
fn the_limit_holds_for_two_objects_together() {
    let folder = folder();
    let (one, other) = (bounded(&folder, 2), bounded(&folder, 2));
    put_all(&one, &["a"]);
    put_all(&other, &["b"]);
    assert!(one.try_put("c".to_owned()).is_err());
    assert!(other.try_put("c".to_owned()).is_err());
    scope(|scope| {
        let put = scope.spawn(|| other.put("c".to_owned()));
        sleep(MOMENT);
        // Until it is done it may come back to the other one.
        assert_eq!(take(&one).as_deref(), Some("a"));
        one.task_done().unwrap();
        ends(put, &other).unwrap_or_else(|rejected| panic!("{rejected}"));
    });
}

#[test]
fn a_second_object_starts_from_what_is_final_and_takes_over() {
    let folder = folder();
    let old = plain(&folder);
    put_all(&old, &["a", "b", "c"]);
    assert_eq!((take(&old), take(&old)), (Some("a".into()), Some("b".into())));
    let new = plain(&folder);
    assert_eq!((new.len().unwrap(), new.unfinished().unwrap()), (3, 3));
    assert_eq!(new.peek().unwrap().as_deref(), Some("a"));
    assert_eq!(take(&new).as_deref(), Some("a"));
    // From here on they share one cursor.
    assert_eq!(take(&old).as_deref(), Some("b"));
    // It does not hold "a" any more.
    old.task_done().unwrap();
    assert_eq!(on_the_disk(&folder), ["a", "c"]);
    new.task_done().unwrap();
    assert_eq!(take_all(&new), ["c"]);
    assert_eq!(on_the_disk(&folder), ["c"]);
}

#[test]
fn what_an_object_has_in_flight_comes_back_when_it_is_dropped() {
    let folder = folder();
    let (one, other) = (plain(&folder), plain(&folder));
    put_all(&one, &["a", "b"]);
    assert_eq!(take(&other).as_deref(), Some("a"));
    scope(|scope| {
        assert_eq!(take(&one).as_deref(), Some("a"), "the first take takes over");
        assert_eq!(take(&other).as_deref(), Some("b"));
        let got = scope.spawn(|| one.get());
        sleep(MOMENT);
        drop(other);
        assert_eq!(ends(got, &one).unwrap(), "b");
    });
}
