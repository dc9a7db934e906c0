//! How a task waits: asleep in the list of a signal and on a timer, with no thread of its own.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::worker::Worker;
use super::{Host, Place};
use crate::Error;

/// What a runtime has to bring.
pub trait Timer {
    /// Ends when the time is over. May end early.
    fn sleep(&mut self, time: Duration) -> impl Future<Output = ()>;
}

/// A task of an asynchronous program, whose errors are `E`.
#[derive(Debug)]
pub struct Task<T, E = Box<Error>> {
    timer: T,
    worker: Arc<Worker>,
    errors: PhantomData<fn() -> E>,
}

impl<T: Timer, E> Task<T, E> {
    /// A task that has `worker` do what blocks.
    pub fn new(timer: T, worker: Arc<Worker>) -> Self {
        Self { timer, worker, errors: PhantomData }
    }
}

impl<T: Timer, E: From<Error>> Host for Task<T, E> {
    type Error = E;
    const MAY_VANISH: bool = true;

    fn worker(&self) -> Option<Arc<Worker>> {
        Some(Arc::clone(&self.worker))
    }

    async fn sleep(
        &mut self,
        place: &Place<'_>,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Self::Error> {
        let changed = place.changed(seen);
        match limit {
            Some(limit) => either(changed, self.timer.sleep(limit)).await,
            None => changed.await,
        }
        Ok(())
    }

    async fn look<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Self::Error> {
        Ok(self.worker.run_if_awaited(work).await?)
    }

    async fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Self::Error> {
        Ok(self.worker.run(work).await?)
    }
}

/// Ends with the first of the two.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if one.as_mut().poll(context).is_ready() || other.as_mut().poll(context).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
