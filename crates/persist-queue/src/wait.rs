//! Waiting: the one blocking loop of the project. Stores never wait for an item; whoever calls them
//! does, here, in the manner of his [`Host`]: a thread, an interpreter, a green thread.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;

/// How long a call may wait for an item, or for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// At most this long, by the monotonic clock.
    For(Duration),
    /// Until it comes.
    Forever,
}

/// How long a call that may not wait for an item still waits for another process to leave the queue.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// The first pause when another process is inside; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_micros(500);

/// Something that changes, and those who wait for it.
#[derive(Debug, Default)]
pub struct Signal {
    epoch: AtomicU32,
    waiting: AtomicU32,
}

impl Signal {
    /// A number that is another one after each change that somebody waited for.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Whether anybody waits.
    pub fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// To be called behind the lock under which the change was made and those who wait look for it:
    /// whoever is not counted yet looks later, and sees it.
    #[inline]
    pub(crate) fn notify_one(&self) {
        if self.is_awaited() {
            self.notify(1);
        }
    }

    /// As [`Signal::notify_one`], also for what is changed under no lock.
    pub(crate) fn notify_all(&self) {
        self.notify(i32::MAX as u32);
    }

    fn notify(&self, count: u32) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if self.is_awaited() {
            // Waking can only fail for addresses that are not mapped.
            let _ = futex::wake(&self.epoch, futex::Flags::PRIVATE, count);
        }
    }

    /// Sleeps in the kernel until the epoch is not `seen`, a signal handler ran, or `limit` is over.
    pub fn sleep(&self, seen: u32, limit: Option<Duration>) -> Slept {
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match futex::wait(&self.epoch, futex::Flags::PRIVATE, seen, limit.as_ref()) {
            Err(Errno::INTR) => Slept::Interrupted,
            _ => Slept::Through,
        }
    }
}

/// What callers of a queue wait for.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// An item came, or came back.
    pub(crate) items: Signal,
    /// There is room.
    pub(crate) space: Signal,
    /// An item is finished.
    pub(crate) done: Signal,
}

impl Signals {
    pub(crate) fn notify_all(&self) {
        self.items.notify_all();
        self.space.notify_all();
        self.done.notify_all();
    }

    pub(crate) fn are_awaited(&self) -> bool {
        self.items.is_awaited() || self.space.is_awaited() || self.done.is_awaited()
    }
}

/// How a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slept {
    /// By a change, or by the clock.
    Through,
    /// By a signal handler of this process.
    Interrupted,
}

/// Somebody who can wait.
pub trait Host {
    /// What ends a wait early.
    type Error;
    /// Waits until the signal's epoch is not `seen` any more or `limit` is over. May return early.
    fn sleep(
        &mut self,
        signal: &Signal,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Self::Error>;
    /// Does work that blocks in the kernel, in a way that lets others of this host go on. The work
    /// may not borrow: green threads move their stacks away while they wait.
    fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Self::Error>;
}

/// A plain thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thread;

impl Host for Thread {
    // Boxed, since a result is handed through several calls for each item.
    type Error = Box<crate::Error>;

    fn sleep(
        &mut self,
        signal: &Signal,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Self::Error> {
        signal.sleep(seen, limit);
        Ok(())
    }

    fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Self::Error> {
        Ok(work())
    }
}

thread_local! {
    static THREAD: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// A number for this thread that no other one ever has.
#[inline]
pub(crate) fn this_thread() -> u64 {
    THREAD.with(|thread| *thread)
}

/// What one try gave.
#[derive(Debug)]
pub enum Attempt<T> {
    /// What was asked for.
    Done(T),
    /// Nothing yet: nothing waits, or there is no room.
    NotYet,
    /// Nothing yet, and it may come by itself after this time.
    NotBefore(Duration),
    /// Another process is inside.
    Busy,
}

/// What a wait gave.
#[derive(Debug)]
pub enum Outcome<T> {
    /// What was asked for.
    Done(T),
    /// The time was over.
    TimedOut,
    /// The time was over and another process was inside all the while.
    Locked,
}

/// Tries until it is done or the time is over.
#[inline]
pub fn wait_for<T, H: Host>(
    host: &mut H,
    signal: &Signal,
    wait: Wait,
    mut attempt: impl FnMut(&mut H) -> Result<Attempt<T>, H::Error>,
) -> Result<Outcome<T>, H::Error> {
    match attempt(host)? {
        Attempt::Done(value) => return Ok(Outcome::Done(value)),
        Attempt::NotYet | Attempt::NotBefore(_) if wait == Wait::No => {
            return Ok(Outcome::TimedOut);
        }
        Attempt::NotYet | Attempt::NotBefore(_) | Attempt::Busy => {}
    }
    let place = Place::new(signal);
    let outcome = keep_trying(host, signal, wait, attempt);
    drop(place);
    if !matches!(outcome, Ok(Outcome::Done(_))) {
        // The wake-up that came to us in vain belongs to somebody else.
        signal.notify_one();
    }
    outcome
}

fn keep_trying<T, H: Host>(
    host: &mut H,
    signal: &Signal,
    wait: Wait,
    mut attempt: impl FnMut(&mut H) -> Result<Attempt<T>, H::Error>,
) -> Result<Outcome<T>, H::Error> {
    let start = Instant::now();
    let deadline = match wait {
        Wait::No => Some(start),
        Wait::For(time) => start.checked_add(time),
        Wait::Forever => None,
    };
    let lock_deadline = deadline.map(|deadline| deadline.max(start + LOCK_PATIENCE));
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = signal.epoch();
        let tried = attempt(host)?;
        let limit = match tried {
            Attempt::Done(value) => return Ok(Outcome::Done(value)),
            Attempt::NotYet | Attempt::NotBefore(_) => {
                pause = FIRST_PAUSE;
                let limit = match remaining(deadline) {
                    Some(Duration::ZERO) => return Ok(Outcome::TimedOut),
                    limit => limit,
                };
                match tried {
                    Attempt::NotBefore(time) => Some(limit.map_or(time, |limit| limit.min(time))),
                    _ => limit,
                }
            }
            Attempt::Busy => match remaining(lock_deadline) {
                Some(Duration::ZERO) => return Ok(Outcome::Locked),
                limit => {
                    let this = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    Some(limit.map_or(this, |limit| limit.min(this)))
                }
            },
        };
        host.sleep(signal, seen, limit)?;
    }
}

fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Counts one who waits for as long as it lives.
struct Place<'a>(&'a Signal);

impl<'a> Place<'a> {
    fn new(signal: &'a Signal) -> Self {
        signal.waiting.fetch_add(1, Ordering::SeqCst);
        Self(signal)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
