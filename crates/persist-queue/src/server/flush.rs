//! Writing what an object has kept to itself: see [`super::batch`].

use super::batch::{Pending, State, TRIALS};
use super::engine::Statements;
use super::failure::{Said, explain};
use super::schema::{BEGIN, COMMIT};
use super::store::Attachment;
use super::value::{Value, numbers};
use crate::sql::Kind;
use crate::{Error, Result};

/// How many rows one statement puts.
const ROWS: usize = 100;

/// How a transaction failed.
struct Unwritten {
    error: Said,
    /// The commit was sent: it may have come through.
    sent: bool,
}

impl From<Said> for Unwritten {
    fn from(error: Said) -> Self {
        Self { error, sent: false }
    }
}

impl Attachment {
    /// Inserts what was put and deletes rows, in one transaction. After an error nothing is done, and all is
    /// kept; after [`Error::PutUnknown`] it may be done, and nothing is kept of what was put.
    pub(super) fn write_batch(&self, state: &mut State, done: &[i64]) -> Result<()> {
        if state.unwritten.is_empty() && done.is_empty() {
            return Ok(());
        }
        let mut trial = 0;
        loop {
            let Err(Unwritten { error, sent }) = self.try_write(state, done)? else { break };
            trial += 1;
            if let Some(mut session) = state.session.take() {
                session.undo();
            }
            if sent && error.is_broken() {
                match self.is_written(state, done)? {
                    Some(true) => break,
                    Some(false) => {}
                    None => {
                        state.unwritten.clear();
                        let path = self.server.address().path();
                        return Err(Error::PutUnknown { path, source: error.source });
                    }
                }
            }
            if error.is_refused() || trial > TRIALS {
                return Err(explain("write to", self.server.address(), error));
            }
        }
        state.unwritten.clear();
        Ok(())
    }

    fn try_write(&self, state: &mut State, done: &[i64]) -> Result<Result<(), Unwritten>> {
        self.session(state)?;
        let State { unwritten, flight, session, .. } = state;
        let Some(session) = session else { return Ok(Ok(())) };
        let table = &self.shared.table;
        let most = if table.kind == Kind::Unique { 1 } else { ROWS };
        let unwritten = unwritten.make_contiguous();
        let largest = unwritten.iter().map(|one| one.put.data.len()).max().unwrap_or(0);
        let fit = self.server.abilities.packet / 2 / (largest + 64);
        let insert = |session: &mut super::pool::Pooled| -> Result<(), Said> {
            for chunk in unwritten.chunks(most.min(fit.max(1))) {
                let values =
                    chunk.iter().flat_map(|one| values(table.kind, one)).collect::<Vec<_>>();
                match session.execute(&table.insert_numbered(chunk.len()), values) {
                    // Somebody else put an equal one meanwhile.
                    Err(error) if table.kind == Kind::Unique && error.is_duplicate() => {}
                    put => drop(put?),
                }
            }
            Ok(())
        };
        if let Err(error) = insert(session) {
            return Ok(Err(error.into()));
        }
        let mut statements: Vec<_> = done.iter().map(|id| table.delete(*id)).collect();
        statements.push(COMMIT.to_owned());
        statements.push(BEGIN.to_owned());
        // The commit ends all locks: what stays in flight is locked at once again.
        let left: Vec<_> =
            flight.values().map(|one| one.id).filter(|id| !done.contains(id)).collect();
        if !left.is_empty() && self.server.abilities.skips_locked {
            statements.push(table.lock_again(&left));
        }
        let sent = |error| Unwritten { error, sent: true };
        Ok(session.run(&statements.join("; ")).map(drop).map_err(sent))
    }

    /// Whether a transaction came through whose answer was lost; nothing where it cannot be told.
    fn is_written(&self, state: &State, done: &[i64]) -> Result<Option<bool>> {
        let put: Vec<_> = state.unwritten.iter().map(|one| one.id).collect();
        let all: Vec<_> = put.iter().chain(done).copied().collect();
        let text = format!("{BEGIN}; {}", self.shared.table.still_there(&all));
        let there = self.server.repeat(
            "look what became of a batch in",
            self.options.timeout,
            |session| {
                let there = numbers(session.run_last(&text)?)?;
                session.undo();
                Ok(there)
            },
        )?;
        Ok(
            match (
                put.iter().any(|id| there.contains(id)),
                done.iter().any(|id| there.contains(id)),
            ) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                // Nothing was put: what was to be deleted is gone.
                (false, false) if put.is_empty() => Some(true),
                (false, false) => None,
            },
        )
    }
}

fn values(kind: Kind, pending: &Pending) -> Vec<Value> {
    let Pending { id, timestamp, put } = pending;
    let mut values =
        vec![Value::Int(*id), Value::Bytes(put.data.clone()), Value::Double(*timestamp)];
    if kind == Kind::Priority {
        values.push(Value::Int(put.options.priority));
    }
    values
}
