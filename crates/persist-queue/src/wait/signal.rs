//! Something that changes, and those who wait for it: threads, in the kernel, and tasks, by their
//! wakers.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::sleepers::Sleepers;
use super::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use super::sync::{Mutex, MutexGuard};

/// See the module.
#[derive(Debug, Default)]
pub struct Signal {
    epoch: AtomicU32,
    waiting: AtomicU32,
    threads: Sleepers,
    /// How many tasks are asleep: while it is 0 nobody touches their list.
    asleep: AtomicU32,
    tasks: Mutex<Tasks>,
}

/// The tasks that sleep, in the order in which they came to wait.
#[derive(Debug, Default)]
struct Tasks {
    last: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Signal {
    /// A number that is another one after each change that somebody waited for.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst) as usize
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
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        let epoch = self.epoch.fetch_add(1, Ordering::SeqCst);
        // In turn, so that neither threads nor tasks have to wait for all of the others.
        let tasks_first = epoch.is_multiple_of(2) && self.wake_first_task();
        if !tasks_first && !self.wake_threads(1) {
            self.wake_first_task();
        }
    }

    /// As [`Signal::notify_one`], also for what is changed under no lock.
    pub(crate) fn notify_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if self.is_awaited() {
            self.wake_threads(i32::MAX as u32);
            self.wake_all_tasks();
        }
    }

    fn wake_threads(&self, count: u32) -> bool {
        self.threads.wake(&self.epoch, count)
    }

    // Wakers are called, and dropped, outside of the list's lock: they are somebody else's code.

    fn wake_first_task(&self) -> bool {
        if self.asleep.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let Some((_, first)) = self.tasks().wakers.pop_first() else { return false };
        self.asleep.fetch_sub(1, Ordering::SeqCst);
        first.wake();
        true
    }

    fn wake_all_tasks(&self) {
        if self.asleep.load(Ordering::SeqCst) == 0 {
            return;
        }
        let all = std::mem::take(&mut self.tasks().wakers);
        for waker in all.into_values() {
            self.asleep.fetch_sub(1, Ordering::SeqCst);
            waker.wake();
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps in the kernel until the epoch is not `seen`, a signal handler ran, or `limit` is over.
    pub fn sleep(&self, seen: u32, limit: Option<Duration>) -> Slept {
        self.threads.sleep(&self.epoch, seen, limit)
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
    /// An item went.
    pub(crate) fn tell_of_a_take(&self) {
        self.space.notify_all();
        self.done.notify_all();
    }

    pub(crate) fn notify_all(&self) {
        self.items.notify_all();
        self.space.notify_all();
        self.done.notify_all();
    }

    pub(crate) fn are_awaited(&self) -> bool {
        self.items.is_awaited() || self.space.is_awaited() || self.done.is_awaited()
    }
}

/// A place among those who wait for a signal, for as long as it lives. Who leaves it without what he
/// waited for hands the wake-up that he may have got on to somebody else.
#[derive(Debug)]
pub struct Place<'a> {
    signal: &'a Signal,
    /// A task's number in the list, kept from sleep to sleep; 0 before the first one.
    ticket: AtomicU64,
    /// A wake-up may have come here. A thread cannot tell.
    woken: AtomicBool,
}

impl<'a> Place<'a> {
    pub(super) fn new(signal: &'a Signal) -> Self {
        signal.waiting.fetch_add(1, Ordering::SeqCst);
        Self { signal, ticket: AtomicU64::new(0), woken: AtomicBool::new(true) }
    }

    /// What is waited for.
    pub fn signal(&self) -> &'a Signal {
        self.signal
    }

    /// To be called by who got what he waited for.
    pub(super) fn leave_content(self) {
        self.woken.store(false, Ordering::Relaxed);
    }

    /// Ends when the signal's epoch is not `seen`: how a task sleeps.
    pub fn changed(&self, seen: u32) -> Changed<'_> {
        Changed { place: self, seen, asleep: false }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.signal.waiting.fetch_sub(1, Ordering::SeqCst);
        if self.woken.load(Ordering::Relaxed) {
            self.signal.notify_one();
        }
    }
}

/// See [`Place::changed`].
#[derive(Debug)]
pub struct Changed<'a> {
    place: &'a Place<'a>,
    seen: u32,
    asleep: bool,
}

impl Changed<'_> {
    /// Has the task woken with the next change, unless there was one since.
    fn fall_asleep(&mut self, waker: &Waker) {
        let Place { signal, ticket, woken } = self.place;
        let mut tasks = signal.tasks();
        // Counted before the look: who notifies changes the epoch before he looks here.
        signal.asleep.fetch_add(1, Ordering::SeqCst);
        if signal.epoch() != self.seen {
            signal.asleep.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        if ticket.load(Ordering::Relaxed) == 0 {
            tasks.last += 1;
            ticket.store(tasks.last, Ordering::Relaxed);
            woken.store(false, Ordering::Relaxed);
        }
        tasks.wakers.insert(ticket.load(Ordering::Relaxed), waker.clone());
        self.asleep = true;
    }

    /// Leaves the list, where nobody may be who looks: a wake-up would be lost.
    fn wake_up(&mut self) {
        if !std::mem::take(&mut self.asleep) {
            return;
        }
        let Place { signal, ticket, woken } = self.place;
        let waker = signal.tasks().wakers.remove(&ticket.load(Ordering::Relaxed));
        match waker {
            Some(_) => drop(signal.asleep.fetch_sub(1, Ordering::SeqCst)),
            None => woken.store(true, Ordering::Relaxed),
        }
    }
}

impl Future for Changed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.wake_up();
        self.fall_asleep(context.waker());
        if self.asleep { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        self.wake_up();
    }
}
