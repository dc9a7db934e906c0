//! Rows that are claimed in one transaction for one or several callers of this process. Each caller makes
//! an item of his row, and says then whether he takes it; the last of them deletes all that are taken,
//! and commits, in one round trip.
//!
//! The transaction's locks keep others from looking at the rows; whether a row was taken is decided by
//! what its DELETE says. So nothing depends on the locks: who takes too long is left behind by the others
//! of his transaction, and deletes his row by himself.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::desk::Turn;
use super::engine::Statements;
use super::failure::{Said, explain};
use super::lock;
use super::open_server::{Server, Unmade};
use super::pool::Pooled;
use super::schema::{BEGIN, COMMIT};
use super::shared::{Owner, Shared};
use super::value::numbers;
use crate::Error;
use crate::sql::{Row, aside};
use crate::wait::Worker;

/// How long those who are ready wait for those who are not.
const STRAGGLING: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Trip {
    pub(super) server: Arc<Server>,
    pub(super) shared: Arc<Shared>,
    patience: Duration,
    /// What the rows are claimed under where the server does not lock them.
    owner: Owner,
    state: Mutex<State>,
    changed: Condvar,
    /// Where it was claimed for several callers.
    _turn: Option<Turn<Claimed>>,
}

#[derive(Debug)]
struct State {
    /// The connection with the open transaction; nothing where the rows are not locked, and at the end.
    session: Option<Pooled>,
    /// How many rows nobody has decided on.
    undecided: usize,
    wanted: Vec<i64>,
    /// Somebody is at it.
    ending: bool,
    fates: HashMap<i64, Fate>,
}

/// What became of a row.
#[derive(Debug)]
pub(super) enum Fate {
    Taken,
    /// Somebody else was faster.
    Lost,
    /// It is gone, and the connection broke before it was said who took it.
    Unknown(String),
    Failed(Error),
}

impl Trip {
    /// For rows that are locked in the transaction of `session`, or not at all.
    pub(super) fn begin(
        server: &Arc<Server>,
        shared: &Arc<Shared>,
        patience: Duration,
        owner: Owner,
        session: Option<Pooled>,
        rows: Vec<Row>,
        turn: Option<Turn<Claimed>>,
    ) -> Vec<Claimed> {
        let state = State {
            session,
            undecided: rows.len(),
            wanted: Vec::new(),
            ending: false,
            fates: HashMap::new(),
        };
        let trip = Arc::new(Self {
            server: Arc::clone(server),
            shared: Arc::clone(shared),
            patience,
            owner,
            state: Mutex::new(state),
            changed: Condvar::new(),
            _turn: turn,
        });
        rows.into_iter()
            .map(|row| Claimed { trip: Arc::clone(&trip), row, decided: false })
            .collect()
    }

    /// Notes rows that are taken; [`Trip::end`] takes them.
    fn want(&self, ids: &[i64]) {
        let mut state = lock(&self.state);
        state.wanted.extend(ids);
        state.undecided -= ids.len();
        if state.undecided == 0 {
            self.changed.notify_all();
        }
    }

    /// Takes rows that are wanted.
    fn end(&self, ids: &[i64]) -> Vec<Fate> {
        let deadline = Instant::now() + STRAGGLING;
        let mut state = lock(&self.state);
        loop {
            if !state.ending {
                let left = deadline.saturating_duration_since(Instant::now());
                if state.session.is_none() || state.undecided == 0 || left.is_zero() {
                    let (session, wanted) =
                        (state.session.take(), std::mem::take(&mut state.wanted));
                    state.ending = true;
                    drop(state);
                    let fates = self.delete(session, wanted);
                    state = lock(&self.state);
                    state.ending = false;
                    state.fates.extend(fates);
                    self.changed.notify_all();
                } else {
                    state = self
                        .changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    continue;
                }
            }
            if ids.iter().all(|id| state.fates.contains_key(id)) {
                let fate = |id| state.fates.remove(id).unwrap_or(Fate::Lost);
                return ids.iter().map(fate).collect();
            }
            if state.ending {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn delete(&self, session: Option<Pooled>, wanted: Vec<i64>) -> Vec<(i64, Fate)> {
        let Some(mut session) = session else {
            return wanted
                .into_iter()
                .map(|id| (id, self.server.delete(&self.shared, id, self.patience)))
                .collect();
        };
        let mut statements: Vec<_> =
            wanted.iter().map(|id| self.shared.table.delete(*id)).collect();
        statements.push(COMMIT.to_owned());
        match session.run(&statements.join("; ")) {
            Ok(gave) => {
                let fate = |affected| if affected > 0 { Fate::Taken } else { Fate::Lost };
                wanted.into_iter().zip(gave.iter().map(|one| fate(one.affected))).collect()
            }
            Err(error) => {
                session.undo();
                drop(session);
                if error.is_broken() {
                    return self.server.resolve(&self.shared, &wanted, self.patience, &error);
                }
                wanted
                    .into_iter()
                    .map(|id| (id, self.server.delete(&self.shared, id, self.patience)))
                    .collect()
            }
        }
    }

    /// Rows that are not taken wait again.
    fn leave(self: &Arc<Self>, ids: &[i64], worker: Option<&Arc<Worker>>) {
        {
            let mut claims = self.shared.claims();
            for id in ids {
                claims.release(*id);
            }
        }
        let mut state = lock(&self.state);
        state.undecided -= ids.len();
        if state.undecided > 0 {
            return;
        }
        if !state.wanted.is_empty() || state.ending {
            self.changed.notify_all();
            return;
        }
        let Some(mut session) = state.session.take() else { return };
        drop(state);
        let trip = Arc::clone(self);
        aside(worker, move || {
            session.undo();
            trip.shared.signals.items.notify_one();
            Ok(())
        });
    }
}

impl Server {
    /// Deletes one row by itself.
    fn delete(&self, shared: &Shared, id: i64, patience: Duration) -> Fate {
        let text = shared.table.delete(id);
        match self.once(patience, |session| session.run_last(&text)) {
            Ok(gave) if gave.affected > 0 => Fate::Taken,
            Ok(_) => Fate::Lost,
            Err(Unmade::Refused(error)) => Fate::Failed(error),
            Err(Unmade::Said(error)) => {
                Fate::Failed(explain("take an item from", self.address(), error))
            }
            Err(Unmade::Unknown(error)) => {
                let fates = self.resolve(shared, &[id], patience, &error);
                fates.into_iter().next().map_or(Fate::Lost, |(_, fate)| fate)
            }
        }
    }

    /// The connection broke while rows were deleted: takes those that are still there. Of those that are
    /// not it cannot be told who took them.
    fn resolve(
        &self,
        shared: &Shared,
        ids: &[i64],
        patience: Duration,
        broke: &Said,
    ) -> Vec<(i64, Fate)> {
        let there = self.repeat("look what became of a take in", patience, |session| {
            let text = format!("{BEGIN}; {}", shared.table.still_there(ids));
            let there = numbers(session.run_last(&text)?)?;
            let mut statements: Vec<_> = there.iter().map(|id| shared.table.delete(*id)).collect();
            statements.push(COMMIT.to_owned());
            session.run(&statements.join("; "))?;
            Ok(there)
        });
        let (there, said) = match there {
            Ok(there) => (there, broke.to_string()),
            Err(error) => (Vec::new(), format!("{broke}; then: {error}")),
        };
        // All were deleted, or none.
        let fate = |id: &i64| {
            let fate = match (there.is_empty(), there.contains(id)) {
                (true, _) => Fate::Unknown(said.clone()),
                (false, true) => Fate::Taken,
                (false, false) => Fate::Lost,
            };
            (*id, fate)
        };
        ids.iter().map(fate).collect()
    }
}

/// A row that is claimed: it waits again where this is dropped.
#[derive(Debug)]
pub(super) struct Claimed {
    trip: Arc<Trip>,
    pub(super) row: Row,
    decided: bool,
}

/// Rows that are wanted, and not yet deleted.
pub(super) struct Wanted {
    trip: Arc<Trip>,
    rows: Vec<Row>,
}

impl Claimed {
    /// From now on the row is taken with the next end of its transaction. All must be of one.
    pub(super) fn want(claimed: Vec<Self>) -> Option<Wanted> {
        let trip = Arc::clone(&claimed.first()?.trip);
        let ids: Vec<_> = claimed.iter().map(|one| one.row.id).collect();
        trip.want(&ids);
        let rows = claimed
            .into_iter()
            .map(|mut one| {
                one.decided = true;
                std::mem::take(&mut one.row)
            })
            .collect();
        Some(Wanted { trip, rows })
    }

    /// It waits again, and `worker` says so to the server.
    pub(super) fn leave(mut self, worker: Option<&Arc<Worker>>) {
        self.decided = true;
        self.trip.leave(&[self.row.id], worker);
    }

    /// Nobody here tries again.
    pub(super) fn set_aside(self, worker: Option<&Arc<Worker>>) {
        let (id, handle) = (self.row.id, self.trip.owner.handle);
        self.trip.shared.claims().set_aside(id, handle);
        self.leave(worker);
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.decided {
            let worker = self.trip.server.worker();
            self.trip.leave(&[self.row.id], Some(&worker));
        }
    }
}

impl Wanted {
    /// Takes them, and says what became of each.
    pub(super) fn end(self) -> Vec<(Row, Fate)> {
        let ids: Vec<_> = self.rows.iter().map(|row| row.id).collect();
        let fates = self.trip.end(&ids);
        let mut claims = self.trip.shared.claims();
        for id in &ids {
            claims.release(*id);
        }
        drop(claims);
        self.rows.into_iter().zip(fates).collect()
    }
}
