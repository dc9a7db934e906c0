//! A thread that does for tasks what blocks. There is one a queue, whatever number of tasks wait: the
//! first of them to have something flushed has it flushed for all.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::error::Context as _;
use crate::process::per_process::PerProcess;
use crate::{Error, Result};

/// How long the thread stays when there is nothing to do.
const IDLE: Duration = Duration::from_secs(5);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static ATTENDS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is the thread of a worker: what waits here for another job of its waits for ever.
pub(crate) fn is_a_workers_thread() -> bool {
    ATTENDS.get()
}

/// See the module.
#[derive(Debug)]
pub struct Worker {
    /// A forked child has no thread of its parent's.
    desk: PerProcess<Desk>,
}

#[derive(Default)]
struct Desk {
    jobs: Mutex<Jobs>,
    came: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// There is a thread.
    attended: bool,
}

impl fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self { desk: PerProcess::new(Arc::default()) }
    }
}

impl Worker {
    /// Has the thread do `work`, behind what it was given before. What it gives is lost where the
    /// future is dropped; the work is done all the same, also where the future is never polled.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no thread to be had; the work was not done then.
    pub fn run<R, W>(&self, work: W) -> impl Future<Output = Result<R>> + use<R, W>
    where
        R: Send + 'static,
        W: FnOnce() -> R + Send + 'static,
    {
        let (keep, answer) = answer();
        let begun = self.start(Box::new(move || keep.put(work()))).map_err(|(error, _)| error);
        async move {
            begun?;
            answer.await.ok_or_else(|| Error::Invalid("a queue's work panicked".to_owned()))
        }
    }

    /// Has the thread do a job, behind what it was given before. Gives it back where there is no thread
    /// to be had.
    pub(crate) fn start(&self, job: Job) -> Result<(), (Error, Job)> {
        match self.desk.get(|| Ok::<_, Error>(Arc::default())) {
            Ok(desk) => desk.give(job),
            Err(error) => Err((error, job)),
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(self: Arc<Self>, job: Job) -> Result<(), (Error, Job)> {
        let mut jobs = self.lock();
        if !jobs.attended {
            let desk = Arc::clone(&self);
            let begun = std::thread::Builder::new()
                .name("persist-queue io".to_owned())
                .spawn(move || desk.work())
                .context("start a thread for", std::path::Path::new("a queue"));
            if let Err(error) = begun {
                return Err((error, job));
            }
            jobs.attended = true;
        }
        jobs.waiting.push_back(job);
        self.came.notify_one();
        Ok(())
    }

    fn work(&self) {
        ATTENDS.set(true);
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                drop(jobs);
                // Who waits for it is told when it is dropped.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                jobs = self.lock();
                continue;
            }
            let (again, waited) =
                self.came.wait_timeout(jobs, IDLE).unwrap_or_else(PoisonError::into_inner);
            jobs = again;
            if waited.timed_out() && jobs.waiting.is_empty() {
                jobs.attended = false;
                return;
            }
        }
    }
}

/// Where the work's result is put.
struct Slot<R> {
    state: Mutex<State<R>>,
}

enum State<R> {
    Open(Option<Waker>),
    Filled(R),
    /// The work ended without a result, or it was fetched.
    Empty,
}

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Open(None)) }
    }
}

impl<R> Slot<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, state: State<R>) {
        let mut guard = self.lock();
        if let State::Open(waker) = &mut *guard {
            let waker = waker.take();
            *guard = state;
            drop(guard);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// The two ends of a slot: where a result is put, and where it is awaited.
pub(crate) fn answer<R>() -> (Keep<R>, Answer<R>) {
    let slot = Arc::new(Slot::default());
    (Keep(Arc::clone(&slot)), Answer(slot))
}

/// The worker's end of a slot.
pub(crate) struct Keep<R>(Arc<Slot<R>>);

impl<R> Keep<R> {
    pub(crate) fn put(&self, result: R) {
        self.0.close(State::Filled(result));
    }

    /// Whether anybody would still take the result.
    pub(crate) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl<R> Drop for Keep<R> {
    fn drop(&mut self) {
        self.0.close(State::Empty);
    }
}

/// The task's end of it. Gives nothing where the other end was dropped without a result.
pub(crate) struct Answer<R>(Arc<Slot<R>>);

impl<R> Future for Answer<R> {
    type Output = Option<R>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<R>> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Empty) {
            State::Filled(result) => Poll::Ready(Some(result)),
            State::Empty => Poll::Ready(None),
            State::Open(_) => {
                *state = State::Open(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}
