//! How a call has the thread of the connections do its work, and waits for it in the manner of its host.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::runtime;
use crate::wait::{Attempt, Host, Outcome, Signal, Thread, Wait, Waiting, now};
use crate::{Error, Result};

/// What the two ends share.
struct Desk<R> {
    state: Mutex<State<R>>,
    signal: Signal,
    gone: Arc<Notify>,
}

enum State<R> {
    Open,
    Filled(R),
    /// The work ended without a result.
    Lost,
}

impl<R> Desk<R> {
    fn set(&self, state: State<R>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.signal.notify_all();
    }
}

/// The end of the work. Dropped before there is a result, it says so.
struct Keep<R>(Option<Arc<Desk<R>>>);

impl<R> Drop for Keep<R> {
    fn drop(&mut self) {
        if let Some(desk) = self.0.take() {
            desk.set(State::Lost);
        }
    }
}

/// The end of the caller. Dropped, it tells the work that nobody waits for it any more.
struct Awaited<R>(Arc<Desk<R>>);

impl<R> Drop for Awaited<R> {
    fn drop(&mut self) {
        self.0.gone.notify_one();
    }
}

impl<R> Awaited<R> {
    fn look(&self) -> Attempt<Option<R>> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Lost) {
            State::Filled(result) => Attempt::Done(Some(result)),
            State::Lost => Attempt::Done(None),
            State::Open => {
                *state = State::Open;
                Attempt::NotYet
            }
        }
    }
}

/// Has `work` done. It is told where its caller is gone, and then may end early: what it gives is dropped.
pub(super) async fn ask<R, F, H>(
    host: &mut H,
    work: impl FnOnce(Arc<Notify>) -> F,
) -> Result<R, H::Error>
where
    R: Send + 'static,
    F: Future<Output = Result<R>> + Send + 'static,
    H: Host,
    H::Error: From<Error>,
{
    let gone = Arc::<Notify>::default();
    let work = work(Arc::clone(&gone));
    let state = Mutex::new(State::Open);
    let awaited = Awaited(Arc::new(Desk { state, signal: Signal::default(), gone }));
    let mut keep = Keep(Some(Arc::clone(&awaited.0)));
    runtime::handle()?.spawn(async move {
        let result = work.await;
        if let Some(desk) = keep.0.take() {
            desk.set(State::Filled(result));
        }
    });
    let mut waiting = Waiting::new(&awaited.0.signal, Wait::Forever);
    loop {
        let ended = waiting.pace(host, awaited.look()).await?;
        match ended {
            None => {}
            Some(Outcome::Done(Some(result))) => return result.map_err(Into::into),
            Some(_) => return Err(Error::Invalid("a queue's work panicked".to_owned()).into()),
        }
    }
}

/// As [`ask`], for a thread.
pub(super) fn block<R, F>(work: F) -> Result<R>
where
    R: Send + 'static,
    F: Future<Output = Result<R>> + Send + 'static,
{
    Ok(now(ask(&mut Thread, |_| work))?)
}
