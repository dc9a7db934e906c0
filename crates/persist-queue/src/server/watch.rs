//! Looking for what other machines do, for as long as somebody here waits: one thread a table asks the
//! server at intervals that grow from 5 to 100 milliseconds, and begin anew whenever there was something.
//! What this process does itself wakes its callers without it.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::lock;
use super::open_server::Server;
use super::shared::Shared;
use super::value::column;
use crate::Result;

/// The shortest pause between two looks; each is a quarter longer than the one before.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(100);
/// How long the thread stays when nobody waits.
const IDLE: Duration = Duration::from_secs(2);
/// What is waited for without a look of one's own.
pub(super) const UNTIL_WOKEN: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// There is a thread.
    attended: bool,
    pause: Duration,
}

impl Default for State {
    fn default() -> Self {
        Self { attended: false, pause: SHORTEST }
    }
}

impl Watch {
    /// To be called by whoever is about to wait.
    pub(super) fn attend(&self, server: &Arc<Server>, shared: &Arc<Shared>, patience: Duration) {
        let mut state = lock(&self.state);
        if state.attended {
            self.changed.notify_all();
            return;
        }
        let (server, theirs) = (Arc::downgrade(server), Arc::downgrade(shared));
        let started = std::thread::Builder::new()
            .name("persist-queue watch".to_owned())
            .spawn(move || watch(&server, &theirs, patience));
        match started {
            Ok(_) => state.attended = true,
            Err(error) => {
                tracing::warn!(%error, "no thread to watch a queue; waits look by themselves");
            }
        }
    }

    /// Something came or went: more may do so soon.
    pub(super) fn stir(&self) {
        lock(&self.state).pause = SHORTEST;
    }

    fn rest(&self, time: Duration) {
        let state = lock(&self.state);
        drop(self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner));
    }

    /// The pause before the next look.
    fn pause(&self) -> Duration {
        let mut state = lock(&self.state);
        let pause = state.pause;
        state.pause = (pause * 5 / 4).min(LONGEST);
        pause
    }

    fn end(&self, shared: &Shared) -> bool {
        let mut state = lock(&self.state);
        // Who waits now has called, or calls, under this lock.
        state.attended = shared.signals.are_awaited();
        !state.attended
    }
}

fn watch(server: &Weak<Server>, shared: &Weak<Shared>, patience: Duration) {
    loop {
        let (Some(server), Some(shared)) = (server.upgrade(), shared.upgrade()) else { return };
        if !shared.signals.are_awaited() {
            shared.watch.rest(IDLE);
            if !shared.signals.are_awaited() && shared.watch.end(&shared) {
                return;
            }
            continue;
        }
        let next = match look(&server, &shared, patience) {
            Ok(next) => next,
            Err(error) => {
                // Those who wait find out by themselves, and say it to their callers.
                tracing::debug!(%error, "a look for changes failed");
                shared.signals.notify_all();
                LONGEST
            }
        };
        drop(server);
        std::thread::sleep(next.min(shared.watch.pause()));
    }
}

/// Wakes those for whom there is something; gives when there may be more.
fn look(server: &Server, shared: &Shared, patience: Duration) -> Result<Duration> {
    let signals = &shared.signals;
    signals.space.notify_all();
    signals.done.notify_all();
    let waiting = signals.items.waiting();
    if waiting == 0 {
        return Ok(LONGEST);
    }
    let except = shared.except();
    let (there, due) = server.repeat("look for items in", patience, |session| {
        let mut text = shared.table.waiting(waiting, &except);
        if shared.table.acks {
            text = format!("{}; {text}", shared.table.next_due());
        }
        let mut gave = session.run(&text)?.into_iter().flat_map(|one| one.rows);
        let mut due = None;
        if shared.table.acks
            && let Some(mut row) = gave.next()
        {
            due = column::<Option<i64>>(&mut row, 0)?;
        }
        let there = gave.next().map(|mut row| column::<usize>(&mut row, 0)).transpose()?;
        Ok((there.unwrap_or(0), due))
    })?;
    let is_due = due.is_some_and(|due| due <= 0);
    for _ in 0..there.max(usize::from(is_due)) {
        signals.items.notify_one();
    }
    let until_due = due.filter(|due| *due > 0).map(|due| Duration::from_millis(due.unsigned_abs()));
    Ok(until_due.unwrap_or(LONGEST))
}
