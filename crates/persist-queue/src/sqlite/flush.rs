//! Making durable what an object keeps in memory: in one transaction what it put is written and what
//! it finished is deleted.
//!
//! While that runs the puts stay in memory, where they can be taken. Their rows are claimed before
//! anybody can see them, so that nobody in this process takes them a second time.

use std::ops::Range;
use std::sync::Arc;

use rusqlite::{OptionalExtension, ffi, params};

use super::batch::{Batch, Pending, State};
use super::claims::{Claims, Owner};
use super::commit::Terms;
use super::connection::found_no_room;
use super::database::Shared;
use super::numbers::{GIVE_BACK, SET_HIGHEST};
use super::scan::Scan;
use super::session::Session;
use super::store::Attachment;
use crate::Result;
use crate::sql::{Kind, Status};

/// Owns rows that are being written, instead of a thread.
const WRITING: u64 = u64::MAX;

/// What one transaction does.
#[derive(Debug, Default, Clone)]
pub(super) struct Plan {
    puts: Vec<Arc<Pending>>,
    /// Rows that are finished; those of them that are in the database are deleted.
    finished: Vec<i64>,
    deletes: Vec<i64>,
}

impl Plan {
    /// All that is put, and `more`, and rows that are finished.
    pub(super) fn new(state: &State, finished: Vec<i64>, more: Vec<Arc<Pending>>) -> Self {
        let is_finished = |id: &i64| finished.binary_search(id).is_ok();
        let mut puts: Vec<_> =
            state.waiting.values().chain(state.aside.values()).cloned().collect();
        let mut deletes = finished.clone();
        if state.unwritten_flights > 0 {
            let flying = state.flight.values().filter_map(|flight| flight.unwritten.as_ref());
            puts.extend(flying.filter(|put| !is_finished(&put.rank.id)).cloned());
            let is_written = |id: &i64| state.flight.get(id).is_some_and(|f| f.unwritten.is_none());
            deletes.retain(is_written);
        }
        puts.extend(more);
        // The database is filled in the order of the numbers.
        puts.sort_unstable_by_key(|put| put.rank.id);
        Self { puts, finished, deletes }
    }

    /// The rows that are finished, each by itself.
    fn one_by_one(&self) -> impl Iterator<Item = Self> {
        let one = |id: &i64| Self {
            finished: vec![*id],
            deletes: self.deletes.binary_search(id).map(|_| *id).into_iter().collect(),
            ..Self::default()
        };
        self.finished.iter().map(one)
    }
}

impl Attachment {
    /// Writes all that is put.
    pub(super) fn flush(&self, terms: Terms) -> Result<()> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let turn = batch.turn();
        let plan = Plan::new(&batch.state(), Vec::new(), Vec::new());
        self.carry_out(batch, terms, plan)?;
        drop(turn);
        Ok(())
    }

    /// Writes all that is put, and makes final what `thread` has taken; see
    /// [`State::finished_by`].
    pub(super) fn finish(&self, terms: Terms, thread: u64) -> Result<()> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let turn = batch.turn();
        let plan = {
            let state = batch.state();
            state.fail_if_closed(self)?;
            Plan::new(&state, state.finished_by(thread), Vec::new())
        };
        let takes = if plan.puts.is_empty() { plan.clone() } else { Plan::default() };
        match self.carry_out(batch, terms, plan) {
            // On a full disk there may be room for one at a time.
            Err(error) if found_no_room(&error) && takes.finished.len() > 1 => {
                for plan in takes.one_by_one() {
                    self.carry_out(batch, terms, plan)?;
                }
            }
            done => done?,
        }
        drop(turn);
        Ok(())
    }

    /// Writes all that is put, also what is in flight; nothing can be put any more. After an error
    /// all is as before.
    pub(super) fn write_at_last(&self, terms: Terms) -> Result<()> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let turn = batch.turn();
        let plan = {
            let mut state = batch.state();
            state.closed = true;
            Plan::new(&state, Vec::new(), Vec::new())
        };
        if let Err(error) = self.carry_out(batch, terms, plan) {
            batch.state().closed = false;
            return Err(error);
        }
        let left = std::mem::take(&mut batch.state().numbers);
        if !left.is_empty()
            && let Err(error) = self.return_numbers(terms, left)
        {
            tracing::debug!(%error, "numbers that were not used are left out");
        }
        let mut state = batch.state();
        let closed = State { closed: true, ..State::default() };
        *state = closed;
        drop(state);
        drop(turn);
        Ok(())
    }

    /// Does what is planned. To be called in `batch`'s turn.
    pub(super) fn carry_out(&self, batch: &Batch, terms: Terms, plan: Plan) -> Result<()> {
        let Plan { puts, finished, deletes } = plan;
        // What is put must not use the room that is kept for taking on a full disk.
        let terms = Terms { grows: !puts.is_empty(), ..terms };
        let mut doubled = Vec::new();
        if !puts.is_empty() || !deletes.is_empty() {
            let (shared, work_puts) = (Arc::clone(&self.shared), puts.clone());
            let owner = Owner { handle: self.handle, thread: WRITING };
            let written = self.database.write(terms, move |session| {
                delete_all(session, &shared, &deletes)?;
                insert_all(session, &shared, owner, &work_puts)
            });
            doubled = written.inspect_err(|_| {
                let mut claims = self.shared.claims();
                for put in &puts {
                    claims.release(put.rank.id);
                }
            })?;
        }
        let mut scan = batch.scan();
        let mut state = batch.state();
        let mut claims = self.shared.claims();
        let mut written = Written {
            handle: self.handle,
            kind: self.shared.table.kind,
            scan: &mut scan,
            state: &mut state,
            claims: &mut claims,
        };
        for id in &finished {
            written.finish(*id);
        }
        let mut doubled = doubled.into_iter().peekable();
        for put in &puts {
            match doubled.next_if(|(id, _)| *id == put.rank.id) {
                None => written.write(put),
                Some((_, held_by)) => written.leave_out(put, held_by),
            }
        }
        if !puts.is_empty() {
            let returns = claims.note_returns();
            scan.note_returns(returns);
        }
        if state.flight.is_empty() {
            scan.restart();
        }
        drop((claims, state, scan));
        let signals = &self.shared.signals;
        if !puts.is_empty() {
            signals.items.notify_all();
        }
        if !finished.is_empty() {
            signals.done.notify_all();
            signals.space.notify_all();
        }
        Ok(())
    }

    /// Takes numbers for rows that will be written later. Nobody else gets them, persist-queue 1.x
    /// neither: AUTOINCREMENT goes on behind them.
    pub(super) fn reserve_numbers(&self, terms: Terms, count: usize) -> Result<Range<i64>> {
        let shared = Arc::clone(&self.shared);
        // A reservation that the power takes was not used: what is written later is behind it.
        let terms = Terms { full: false, ..terms };
        self.database.write(terms, move |session| {
            let (name, statements) = (&shared.table.name, &shared.table.batch);
            let connection = &session.connection;
            let last: i64 = connection
                .prepare_cached(&statements.last_number)?
                .query_row([name], |row| row.get(0))?;
            let end = last.checked_add_unsigned(count as u64 + 1).ok_or_else(out_of_numbers)?;
            let noted = params![name, end - 1];
            if connection.prepare_cached(SET_HIGHEST)?.execute(noted)? == 0 {
                connection.prepare_cached(statements.add_number)?.execute(noted)?;
            }
            Ok(last + 1..end)
        })
    }

    fn return_numbers(&self, terms: Terms, left: Range<i64>) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let terms = Terms { full: false, ..terms };
        self.database.write(terms, move |session| {
            let mut statement = session.connection.prepare_cached(GIVE_BACK)?;
            statement.execute(params![shared.table.name, left.start - 1, left.end - 1]).map(drop)
        })
    }
}

/// As SQLite itself says it.
fn out_of_numbers() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None)
}

/// Before rows are inserted: that frees the values of a queue of [`Kind::Unique`].
fn delete_all(session: &mut Session, shared: &Shared, ids: &[i64]) -> rusqlite::Result<()> {
    let mut deleted = 0;
    {
        let mut statement = session.connection.prepare_cached(&shared.table.delete)?;
        for id in ids {
            deleted += statement.execute([id])?;
        }
    }
    session.remove(&shared.table, Status::New, deleted);
    Ok(())
}

/// Gives the numbers of those that were left out because another row holds their value, with that
/// row's number.
fn insert_all(
    session: &mut Session,
    shared: &Shared,
    owner: Owner,
    puts: &[Arc<Pending>],
) -> rusqlite::Result<Vec<(i64, Option<i64>)>> {
    let table = &shared.table;
    {
        let mut claims = shared.claims();
        for put in puts {
            claims.claim(put.rank.id, owner);
        }
    }
    let mut doubled = Vec::new();
    {
        let mut insert = session.connection.prepare_cached(&table.insert)?;
        let nothing = None::<i64>;
        let mut holding = session.connection.prepare_cached(&table.batch.holding)?;
        for put in puts {
            let (row, priority) = (&put.row, put.rank.priority());
            if let Some(other) = put.other_value() {
                let held_by = holding.query_row([other], |row| row.get(0)).optional()?;
                if held_by.is_some() {
                    doubled.push((row.id, held_by));
                    continue;
                }
            }
            let values =
                params![row.value(), row.timestamp, priority, nothing, nothing, nothing, row.id];
            if insert.execute(values)? == 0 {
                let held_by = holding.query_row([row.value()], |row| row.get(0)).optional()?;
                doubled.push((row.id, held_by));
            }
        }
    }
    session.add(table, Status::New, puts.len() - doubled.len());
    Ok(doubled)
}

/// Notes what a transaction did.
struct Written<'a> {
    handle: u64,
    kind: Kind,
    scan: &'a mut Scan,
    state: &'a mut State,
    claims: &'a mut Claims,
}

impl Written<'_> {
    fn finish(&mut self, id: i64) {
        self.state.land(id);
        self.claims.release(id);
    }

    /// A row stands in the database now.
    fn write(&mut self, put: &Pending) {
        let id = put.rank.id;
        self.claims.release(id);
        if let Some(flight) = self.state.flight.get_mut(&id) {
            flight.unwritten = None;
            self.state.unwritten_flights -= 1;
            self.claims.claim(id, Owner { handle: self.handle, thread: flight.thread });
        } else if self.state.aside.remove(&id).is_some() {
            self.claims.claim(id, Owner { handle: self.handle, thread: WRITING });
            self.claims.set_aside(id);
        } else {
            self.state.no_longer_waits(self.kind, put.rank);
            self.scan.note(put.rank);
        }
    }

    /// The value of a row stands in the database already. Where that row is in flight here, this one
    /// waits on in memory: it can be written when that one is done.
    fn leave_out(&mut self, put: &Arc<Pending>, held_by: Option<i64>) {
        let id = put.rank.id;
        self.claims.release(id);
        if self.state.flight.contains_key(&id) {
            return;
        }
        self.state.aside.remove(&id);
        self.state.no_longer_waits(self.kind, put.rank);
        if held_by.is_some_and(|id| self.state.flight.contains_key(&id)) {
            self.state.wait(self.kind, Arc::clone(put));
        }
    }
}
