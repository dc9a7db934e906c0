//! Waiting: the one waiting loop of the project. Stores never wait for an item; whoever calls them
//! does, here, in the manner of his [`Host`]: a thread, an interpreter, a green thread, a task.
//!
//! The loop is a future. A host that blocks does so while it is polled, so that its futures are ready
//! with the first poll, [`now`]; a task's sleep is a future like any other.

mod call;
mod signal;
#[cfg_attr(windows, path = "windows/sleepers.rs")]
mod sleepers;
mod sync;
mod task;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;
mod worker;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[cfg(feature = "tokio")]
pub use self::tokio::Arrivals;
pub use call::Call;
pub(crate) use signal::Signals;
pub use signal::{Changed, Place, Signal, Slept};
pub use task::{Task, Timer};
pub use worker::Worker;
pub(crate) use worker::{Job, answer};

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

/// How often who must wait looks again behind others whom he lets go first, before he stands to be woken:
/// to be woken costs him and whoever wakes him a system call each.
const LOOKS: u32 = 3;
/// Nothing more of that once it has taken so long, as it does where others have the core.
const LOOKING: Duration = Duration::from_micros(50);

/// Somebody who can wait.
///
/// Not `Send` in itself: the futures of a store can be sent where those of the host can.
pub trait Host {
    /// What ends a wait early.
    type Error;
    /// Whether its futures may be dropped before they are ready.
    const MAY_VANISH: bool = false;
    /// The thread that does what blocks, where [`Host::offload`] has one do it.
    fn worker(&self) -> Option<Arc<Worker>> {
        None
    }
    /// Lets others run who may be about to make what is waited for, where that is cheap. Says whether it did.
    fn give_way(&mut self) -> bool {
        false
    }
    /// Waits until the epoch of the place's signal is not `seen` any more or `limit` is over. May
    /// return early.
    fn sleep(
        &mut self,
        place: &Place<'_>,
        seen: u32,
        limit: Option<Duration>,
    ) -> impl Future<Output = Result<(), Self::Error>>;
    /// As [`Host::offload`], for work that is in vain where its future is dropped: it may be left out
    /// then.
    fn look<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Self::Error>> {
        self.offload(work)
    }
    /// Does work that blocks in the kernel, in a way that lets others of this host go on. The work
    /// may not borrow: green threads move their stacks away while they wait. It is done also where
    /// its future is dropped.
    fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Self::Error>>;
}

/// A plain thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thread;

impl Host for Thread {
    // Boxed, since a result is handed through several calls for each item.
    type Error = Box<crate::Error>;

    fn give_way(&mut self) -> bool {
        std::thread::yield_now();
        true
    }

    async fn sleep(
        &mut self,
        place: &Place<'_>,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Self::Error> {
        place.signal().sleep(seen, limit);
        Ok(())
    }

    async fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Self::Error> {
        Ok(work())
    }
}

/// What a future gives that waits in the manner of a host that blocks.
#[inline]
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            // Of another host; it is asked again until it is ready.
            Poll::Pending => std::thread::yield_now(),
        }
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

/// Who tries until it is done or the time is over. After each attempt [`Waiting::pace`] says whether
/// that was the last one, and if not, sleeps for as long as another one would be in vain.
#[derive(Debug)]
pub struct Waiting<'a> {
    signal: &'a Signal,
    wait: Wait,
    /// How many more looks there are before he stands to be woken.
    looks: u32,
    /// When the first of them was.
    looking_since: Option<Instant>,
    /// Since the first attempt: almost every call is done with it.
    waits: Option<Waits<'a>>,
}

#[derive(Debug)]
struct Waits<'a> {
    place: Place<'a>,
    deadline: Option<Instant>,
    lock_deadline: Option<Instant>,
    pause: Duration,
    /// The epoch before the attempt that goes on.
    seen: u32,
}

impl<'a> Waiting<'a> {
    /// Begins before the first attempt.
    pub fn new(signal: &'a Signal, wait: Wait) -> Self {
        Self { signal, wait, looks: 0, looking_since: None, waits: None }
    }

    /// Lets others go first and looks again before it stands to be woken, where an attempt costs less than that.
    #[must_use]
    pub fn looking_again(self) -> Self {
        let looks = if self.wait == Wait::For(Duration::ZERO) { 0 } else { LOOKS };
        Self { looks, ..self }
    }

    /// Whether others were let go first, so that it is worth another attempt.
    fn gave_way<H: Host>(&mut self, host: &mut H) -> bool {
        let Some(left) = self.looks.checked_sub(1) else { return false };
        self.looks = left;
        match self.looking_since {
            Some(since) if since.elapsed() > LOOKING => return false,
            Some(_) => {}
            None => self.looking_since = Some(Instant::now()),
        }
        host.give_way()
    }

    /// What the wait gave, or nothing where it is time for another attempt.
    pub async fn pace<T, H: Host>(
        &mut self,
        host: &mut H,
        tried: Attempt<T>,
    ) -> Result<Option<Outcome<T>>, H::Error> {
        if let Attempt::Done(value) = tried {
            if let Some(waits) = self.waits.take() {
                waits.place.leave_content();
            }
            return Ok(Some(Outcome::Done(value)));
        }
        let Some(waits) = &mut self.waits else {
            if self.wait == Wait::No && !matches!(tried, Attempt::Busy) {
                return Ok(Some(Outcome::TimedOut));
            }
            if matches!(tried, Attempt::NotYet) && self.gave_way(host) {
                return Ok(None);
            }
            // Who does not stand there yet may have missed something: he looks again.
            self.waits = Some(Waits::new(self.signal, self.wait));
            return Ok(None);
        };
        let limit = match waits.limit(&tried) {
            Ok(limit) => limit,
            Err(TimeIsUp) if matches!(tried, Attempt::Busy) => return Ok(Some(Outcome::Locked)),
            Err(TimeIsUp) => return Ok(Some(Outcome::TimedOut)),
        };
        host.sleep(&waits.place, waits.seen, limit).await?;
        waits.seen = self.signal.epoch();
        Ok(None)
    }
}

struct TimeIsUp;

impl<'a> Waits<'a> {
    fn new(signal: &'a Signal, wait: Wait) -> Self {
        let start = Instant::now();
        let deadline = match wait {
            Wait::No => Some(start),
            Wait::For(time) => start.checked_add(time),
            Wait::Forever => None,
        };
        Self {
            place: Place::new(signal),
            lock_deadline: deadline.map(|deadline| deadline.max(start + LOCK_PATIENCE)),
            deadline,
            pause: FIRST_PAUSE,
            seen: signal.epoch(),
        }
    }

    /// How long to sleep after an attempt.
    fn limit<T>(&mut self, tried: &Attempt<T>) -> Result<Option<Duration>, TimeIsUp> {
        let busy = matches!(tried, Attempt::Busy);
        let left = remaining(if busy { self.lock_deadline } else { self.deadline });
        if left == Some(Duration::ZERO) {
            return Err(TimeIsUp);
        }
        let own = match tried {
            Attempt::NotBefore(time) => Some(*time),
            Attempt::Busy => Some(self.pause),
            Attempt::NotYet | Attempt::Done(_) => None,
        };
        self.pause = if busy { (self.pause * 2).min(LONGEST_PAUSE) } else { FIRST_PAUSE };
        Ok([left, own].into_iter().flatten().min())
    }
}

fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
