//! What tasks on tokio need: its clock, numbers for owners, and a stream.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::Timer;
use crate::{Error, Result};

/// Tokio's clock.
pub(crate) struct Clock;

impl Timer for Clock {
    fn sleep(&mut self, time: Duration) -> impl Future<Output = ()> {
        ::tokio::time::sleep(time)
    }
}

/// A number that no other owner of items has.
pub(crate) fn next_owner() -> u64 {
    // Threads have numbers too, and may hold items of the queue that this was made of.
    static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

type Next<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// What comes out of a queue, one after the other, until it is closed: a [`Stream`].
pub struct Arrivals<T> {
    get: Box<dyn FnMut() -> Next<T> + Send>,
    next: Option<Next<T>>,
}

impl<T> Arrivals<T> {
    pub(crate) fn new<F>(mut get: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Self { get: Box::new(move || Box::pin(get())), next: None }
    }
}

impl<T> fmt::Debug for Arrivals<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Arrivals").finish_non_exhaustive()
    }
}

impl<T> Stream for Arrivals<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let this = &mut *self;
        let next = this.next.get_or_insert_with(&mut this.get);
        let Poll::Ready(arrived) = next.as_mut().poll(context) else { return Poll::Pending };
        this.next = None;
        Poll::Ready(match arrived {
            Err(Error::Closed { .. }) => None,
            arrived => Some(arrived),
        })
    }
}
