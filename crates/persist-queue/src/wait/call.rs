//! A call whose first attempt was made.

use std::future::Future;

use super::now;

/// See the module. Almost every call of a queue is done with its first attempt, in less time than it
/// takes to make a future: that is made for the others.
#[derive(Debug)]
#[must_use = "a call that waits does nothing more unless it is driven"]
pub enum Call<T, F> {
    /// It is done.
    Done(T),
    /// It has to wait. Boxed by whoever makes it: a call is handed on by value, also where it is done.
    Waits(F),
}

impl<T, F: Future<Output = T>> Call<T, F> {
    /// What it gives, in the manner of a host that blocks.
    #[inline]
    pub fn now(self) -> T {
        match self {
            Self::Done(value) => value,
            Self::Waits(future) => wait_now(future),
        }
    }

    /// What it gives, for a task.
    pub async fn later(self) -> T {
        match self {
            Self::Done(value) => value,
            Self::Waits(future) => future.await,
        }
    }
}

/// Out of the way of the calls that do not wait.
#[cold]
#[inline(never)]
fn wait_now<T>(future: impl Future<Output = T>) -> T {
    now(future)
}
