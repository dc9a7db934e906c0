//! A queue across fork(2): the child can use it, and never stands in its parent's way.
//!
//! Each test runs in a process of its own (this binary again, with only that test), so that no thread
//! of the test harness is in the middle of anything when it forks.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unsafe_code)]

#[path = "support/this_program.rs"]
mod this_program;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persist_queue::{Error, FileQueue, Options};
use this_program::this_program;

type Queue = FileQueue<u64>;

const ROLE: &str = "PERSIST_QUEUE_FORK";
/// Far more than a forked child needs; one that takes longer hangs.
const HANGS: Duration = Duration::from_secs(20);

/// Runs `body` in a process of its own.
fn in_own_process(name: &str, body: impl FnOnce(&Path)) {
    if let Some(dir) = std::env::var_os(ROLE) {
        body(Path::new(&dir));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = this_program()
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ROLE, folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprint!("{said}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A forked child.
struct Child {
    pid: libc::pid_t,
    since: Instant,
}

impl Child {
    /// Forks; the child does `work` and ends, without touching anything of the test harness.
    fn fork(work: impl FnOnce()) -> Self {
        // SAFETY: the child runs `work`, which is the point of these tests, and leaves with `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "cannot fork");
        if pid > 0 {
            return Self { pid, since: Instant::now() };
        }
        let done = catch_unwind(AssertUnwindSafe(work));
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(done.is_err())) }
    }

    /// Its exit status, once it has ended.
    fn ended(&self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: `status` is a valid place for the status of a child of ours.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        (pid == self.pid).then_some(status)
    }

    /// Waits until it has ended well.
    #[track_caller]
    fn join(self) {
        loop {
            if let Some(status) = self.ended() {
                assert_eq!(status, 0, "the child failed");
                return;
            }
            if self.since.elapsed() > HANGS {
                kill(self.pid);
                panic!("the child hangs");
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

fn kill(pid: libc::pid_t) {
    // SAFETY: a signal to a process of ours.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

fn this_process() -> libc::pid_t {
    libc::pid_t::try_from(std::process::id()).unwrap()
}

fn autosave(dir: &Path) -> Queue {
    Options::new().autosave(true).chunk_records(500).open(dir).unwrap()
}

fn plain(dir: &Path) -> Queue {
    Options::new().chunk_records(500).open(dir).unwrap()
}

/// Lets the lock be given up, which takes a few milliseconds without use.
fn idle() {
    std::thread::sleep(Duration::from_millis(40));
}

fn take(queue: &Queue, limit: Duration) -> u64 {
    queue.get_timeout(limit).unwrap().expect("an item in time")
}

#[test]
fn both_use_a_queue_that_was_opened_before_the_fork() {
    in_own_process("both_use_a_queue_that_was_opened_before_the_fork", |dir| {
        let queue = autosave(dir);
        queue.put(1).unwrap();
        idle();
        let sign = dir.join("taken");
        let child = Child::fork(|| {
            assert_eq!(take(&queue, HANGS), 1);
            std::fs::write(&sign, "").unwrap();
            for number in 10..60 {
                queue.put(number).unwrap();
            }
        });
        wait_for(&sign);
        for number in 10..60 {
            assert_eq!(take(&queue, HANGS), number);
        }
        child.join();
    });
}

/// What was put before is there for the child although its parent had not let go of the lock.
#[test]
fn a_fork_while_the_parent_keeps_the_lock() {
    in_own_process("a_fork_while_the_parent_keeps_the_lock", |dir| {
        let queue = autosave(dir);
        for round in 0..20 {
            queue.put(round).unwrap();
            let child = Child::fork(|| {
                assert_eq!(take(&queue, HANGS), round);
                queue.put(round + 100).unwrap();
            });
            // The parent goes on using what it still has.
            queue.len().unwrap();
            child.join();
            assert_eq!(take(&queue, HANGS), round + 100);
            assert_eq!(queue.len().unwrap(), 0);
        }
    });
}

/// The kernel's locks belong to the parent alone: they are free when it dies.
#[test]
fn a_child_that_outlives_its_parent_blocks_nobody() {
    in_own_process("a_child_that_outlives_its_parent_blocks_nobody", |dir| {
        for parent_is_plain in [false, true] {
            let dir = dir.join(if parent_is_plain { "plain" } else { "autosave" });
            outlive(&dir, parent_is_plain);
        }
    });
}

fn outlive(dir: &Path, parent_is_plain: bool) {
    let signs = dir.with_extension("signs");
    std::fs::create_dir_all(&signs).unwrap();
    let (ready, go, done) = (signs.join("ready"), signs.join("go"), signs.join("done"));
    let parent = Child::fork(|| {
        let queue = if parent_is_plain { plain(dir) } else { autosave(dir) };
        for number in 0..3 {
            queue.put(number).unwrap();
        }
        assert_eq!(take(&queue, HANGS), 0);
        queue.put(3).unwrap();
        // The lock is kept right now, and without autosave the right to consume for longer.
        Child::fork(|| {
            std::fs::write(&ready, "").unwrap();
            wait_for(&go);
            queue.put(4).unwrap();
            std::fs::write(&done, "").unwrap();
            idle();
        });
        kill(this_process());
    });
    wait_for(&ready);
    while parent.ended().is_none() {}
    // The child has touched nothing yet: it has no more than what it inherited.
    let queue = if parent_is_plain { plain(dir) } else { autosave(dir) };
    let start = Instant::now();
    queue.put(9).unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "blocked by what a child inherited");
    let first = u64::from(!parent_is_plain);
    for number in first..4 {
        assert_eq!(take(&queue, HANGS), number);
    }
    std::fs::write(&go, "").unwrap();
    wait_for(&done);
    assert_eq!([take(&queue, HANGS), take(&queue, HANGS)], [9, 4]);
}

fn wait_for(sign: &Path) {
    let start = Instant::now();
    while !sign.exists() {
        assert!(start.elapsed() < HANGS, "{} does not appear", sign.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_child_of_a_plain_consumer_puts_and_may_not_take() {
    in_own_process("the_child_of_a_plain_consumer_puts_and_may_not_take", |dir| {
        let queue = plain(dir);
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        assert_eq!(take(&queue, HANGS), 1);
        let parent = std::process::id();
        let child = Child::fork(|| {
            queue.put(3).unwrap();
            for _ in 0..2 {
                let refused = queue.try_get().unwrap_err();
                assert!(
                    matches!(refused, Error::ConsumedElsewhere { pid: Some(pid), .. } if pid == parent),
                    "{refused}"
                );
            }
        });
        child.join();
        // What the parent had in flight is still its own.
        queue.task_done().unwrap();
        assert_eq!([take(&queue, HANGS), take(&queue, HANGS)], [2, 3]);
        assert_eq!(queue.try_get().unwrap(), None);
        // When it is done with consuming, a child may.
        queue.close().unwrap();
        let reopened = plain(dir);
        Child::fork(|| assert_eq!([take(&reopened, HANGS), take(&reopened, HANGS)], [2, 3])).join();
    });
}

/// A child that ends, or drops what it inherited, takes nothing from its parent.
#[test]
fn a_child_that_drops_the_queue_leaves_the_parents_alone() {
    in_own_process("a_child_that_drops_the_queue_leaves_the_parents_alone", |dir| {
        let mut queue = Some(plain(dir));
        queue.as_ref().unwrap().put(1).unwrap();
        assert_eq!(take(queue.as_ref().unwrap(), HANGS), 1);
        for use_it_first in [false, true] {
            Child::fork(|| {
                let queue = queue.take().unwrap();
                if use_it_first {
                    queue.put(2).unwrap();
                }
                drop(queue);
                // What it opens now must not share a descriptor with what it dropped.
                let again = plain(dir);
                again.put(3).unwrap();
                again.close().unwrap();
            })
            .join();
        }
        let queue = queue.unwrap();
        let elsewhere = Child::fork(|| {
            let other = plain(dir);
            assert!(matches!(other.try_get(), Err(Error::ConsumedElsewhere { .. })));
        });
        elsewhere.join();
        queue.task_done().unwrap();
        let rest: Vec<_> = queue.iter().map(Result::unwrap).collect();
        assert_eq!(rest, [3, 2, 3]);
    });
}

#[test]
fn a_grandchild_uses_the_queue_too() {
    in_own_process("a_grandchild_uses_the_queue_too", |dir| {
        let queue = autosave(dir);
        queue.put(0).unwrap();
        Child::fork(|| {
            assert_eq!(take(&queue, HANGS), 0);
            queue.put(1).unwrap();
            Child::fork(|| {
                assert_eq!(take(&queue, HANGS), 1);
                queue.put(2).unwrap();
                Child::fork(|| queue.put(3).unwrap()).join();
            })
            .join();
            queue.put(4).unwrap();
        })
        .join();
        assert_eq!([2, 3, 4].map(|_| take(&queue, HANGS)), [2, 3, 4]);
    });
}

/// A blocked get in the child is woken by the parent, and the other way round: each has a helper
/// thread of its own.
#[test]
fn parent_and_child_wake_each_other() {
    in_own_process("parent_and_child_wake_each_other", |dir| {
        let (there, back) = (autosave(&dir.join("there")), autosave(&dir.join("back")));
        let child = Child::fork(|| {
            for _ in 0..200 {
                back.put(take(&there, HANGS)).unwrap();
            }
        });
        let start = Instant::now();
        for round in 0..200 {
            if round % 50 == 0 {
                idle();
            }
            there.put(round).unwrap();
            assert_eq!(take(&back, HANGS), round);
        }
        eprintln!("to and fro between parent and child: {:.0?} a round", start.elapsed() / 200);
        child.join();
    });
}

/// Another thread may hold any of the queue's locks when the process forks, and never lets go of
/// them in the child.
#[test]
fn children_forked_in_the_middle_of_puts_never_hang() {
    in_own_process("children_forked_in_the_middle_of_puts_never_hang", |dir| {
        fork_amid(dir, 200, |queue| queue.put(1).map_err(|rejected| rejected.error).unwrap());
    });
}

#[test]
fn children_forked_in_the_middle_of_takes_never_hang() {
    in_own_process("children_forked_in_the_middle_of_takes_never_hang", |dir| {
        fork_amid(dir, 100, |queue| {
            queue.put(1).unwrap();
            queue.get_timeout(Duration::from_millis(1)).unwrap();
        });
    });
}

/// Queues are opened and closed, so that the registry and the helper thread are busy, too.
#[test]
fn children_forked_in_the_middle_of_openings_never_hang() {
    in_own_process("children_forked_in_the_middle_of_openings_never_hang", |dir| {
        let aside = dir.join("aside");
        fork_amid(dir, 100, |_| {
            autosave(&aside).put(1).unwrap();
        });
    });
}

/// What a child keeps open of a lock file, its parent's death does not free.
#[test]
fn children_forked_in_the_middle_of_openings_inherit_no_lock_file() {
    in_own_process("children_forked_in_the_middle_of_openings_inherit_no_lock_file", |dir| {
        let aside = dir.join("aside");
        let open_and_close = |_: &Queue| drop(autosave(&aside));
        fork_children_amid(dir, 500, open_and_close, |_| {
            let open: Vec<_> = open_files().filter(|path| is_lock_file(path)).collect();
            assert!(open.is_empty(), "{open:?}");
        });
    });
}

fn open_files() -> impl Iterator<Item = PathBuf> {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
}

fn is_lock_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lock"))
}

/// Forks children that use the queue while two threads do `busy` all the time.
fn fork_amid(dir: &Path, times: u64, busy: impl Fn(&Queue) + Sync) {
    fork_children_amid(dir, times, busy, |queue| {
        queue.put(2).unwrap();
        assert!(queue.len().is_ok());
        take(queue, HANGS);
    });
}

fn fork_children_amid(
    dir: &Path,
    times: u64,
    busy: impl Fn(&Queue) + Sync,
    child: impl Fn(&Queue),
) {
    let queue = autosave(&dir.join("queue"));
    let (over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    busy(&queue);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let start = Instant::now();
        // The busy threads end, too, where a child fails.
        let forked = catch_unwind(AssertUnwindSafe(|| {
            (0..times).for_each(|_| Child::fork(|| child(&queue)).join());
        }));
        over.store(true, Ordering::Relaxed);
        forked.unwrap_or_else(|panic| resume_unwind(panic));
        let calls = done.load(Ordering::Relaxed);
        eprintln!("{times} forks in {:.1?}, amid {calls} calls", start.elapsed());
    });
}

/// Each generation opens the queue anew; the descriptors that it inherits must not add up.
#[test]
fn generations_of_children_do_not_pile_up_descriptors() {
    in_own_process("generations_of_children_do_not_pile_up_descriptors", |dir| {
        let queue = autosave(dir);
        queue.put(0).unwrap();
        let before = descriptors();
        descend(&queue, 8, before);
    });
}

/// Each child uses the queue and forks the next one.
fn descend(queue: &Queue, generations: u64, before: usize) {
    if generations == 0 {
        let now = descriptors();
        eprintln!("{before} descriptors before eight forks, {now} behind them");
        assert!(now <= before + 40);
        return;
    }
    Child::fork(|| {
        queue.put(generations).unwrap();
        descend(queue, generations - 1, before);
    })
    .join();
}

fn descriptors() -> usize {
    open_files().count()
}
