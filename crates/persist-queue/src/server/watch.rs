//! Looking for what other machines do, for as long as somebody here waits: one thread a table asks the
//! server at intervals that grow from 5 to 100 milliseconds, and begin anew whenever there was something.
//! What this process does itself wakes its callers without it. Where the server tells of changes it is looked
//! when it does, and otherwise every two seconds.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::connect::connect;
use super::engine::Connection;
use super::engine::Statements;
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

    /// Sleeps until somebody waits, or for so long.
    fn rest(&self, shared: &Shared, time: Duration) {
        let state = lock(&self.state);
        // Who waits now has called, or calls, under this lock.
        if !shared.signals.are_awaited() {
            drop(self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner));
        }
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
    let mut ear = Ear::default();
    loop {
        let (Some(server), Some(shared)) = (server.upgrade(), shared.upgrade()) else { return };
        if !shared.signals.are_awaited() {
            shared.watch.rest(&shared, IDLE);
            if !shared.signals.are_awaited() && shared.watch.end(&shared) {
                return;
            }
            continue;
        }
        // First: what comes behind the look is heard.
        ear.listen(&server, &shared);
        let next = match look(&server, &shared, patience) {
            Ok(next) => next,
            Err(error) => {
                // Those who wait find out by themselves, and say it to their callers.
                tracing::debug!(%error, "a look for changes failed");
                shared.signals.notify_all();
                Next { due: None, quiet: false }
            }
        };
        drop(server);
        ear.wait(&shared, next);
    }
}

/// When to look again.
#[derive(Debug, Clone, Copy)]
struct Next {
    /// When something waits by itself.
    due: Option<Duration>,
    /// All that may come otherwise is told by the server, where it can.
    quiet: bool,
}

/// Wakes those for whom there is something.
fn look(server: &Server, shared: &Shared, patience: Duration) -> Result<Next> {
    let signals = &shared.signals;
    signals.space.notify_all();
    signals.done.notify_all();
    let waiting = signals.items.waiting();
    if waiting == 0 {
        return Ok(Next { due: None, quiet: false });
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
    let due = due.filter(|due| *due > 0).map(|due| Duration::from_millis(due.unsigned_abs()));
    // What is there and locked by somebody may be let go without a word.
    Ok(Next { due, quiet: there == 0 && !is_due })
}

/// What hears of changes, where the server tells them.
#[derive(Debug, Default)]
struct Ear(Option<Box<dyn Connection>>);

impl Ear {
    /// Sees to it that there is a connection that listens.
    fn listen(&mut self, server: &Server, shared: &Shared) {
        let table = &shared.table;
        if self.0.is_some() || table.dialect.tell(table).is_empty() {
            return;
        }
        // Beside those of the pool, so that it is there also when all are in use.
        let Ok(mut connection) = connect(server.address()) else { return };
        match connection.listen(table) {
            Ok(()) => self.0 = Some(connection),
            Err(error) => tracing::debug!(%error, "changes are looked for and not heard of"),
        }
    }

    /// Waits until it is time for another look.
    fn wait(&mut self, shared: &Shared, next: Next) {
        let Some(connection) = &mut self.0 else {
            return std::thread::sleep(next.due.unwrap_or(LONGEST).min(shared.watch.pause()));
        };
        let signals = &shared.signals;
        let longest = if next.quiet { UNTIL_WOKEN } else { shared.watch.pause() };
        let until = Instant::now() + next.due.unwrap_or(UNTIL_WOKEN).min(longest);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match connection.hear(left.min(LONGEST)) {
                Ok(true) => return shared.watch.stir(),
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "changes are not heard of any more");
                    self.0 = None;
                    return;
                }
            }
            // Nobody tells of room, and of the end of all work.
            let looks = signals.space.is_awaited() || signals.done.is_awaited();
            if left <= LONGEST || looks || !signals.are_awaited() {
                return;
            }
        }
    }
}
