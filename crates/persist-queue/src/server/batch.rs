//! What an object keeps to itself for a while, with `auto_commit` off: items that were put, and rows that
//! were taken and are not done.
//!
//! A put is a row in memory that has its number already. A taken row stays in the table, locked by a
//! transaction of this object's own: nobody else on whatever machine takes it. One transaction deletes what
//! is done and inserts what was put.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use super::claim::read_all;
use super::engine::Statements;
use super::failure::explain;
use super::lock;
use super::pool::Pooled;
use super::schema::{BEGIN, Pick};
use super::shared::Owner;
use super::store::Attachment;
use crate::sql::{Kind, Put, Row, Which, now};
use crate::{Error, Result};

/// How many items are kept at most that are put and not stored.
pub(super) const BOUND: usize = 1000;
/// How many numbers are fetched at a time.
const NUMBERS: u8 = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Batch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) unwritten: VecDeque<Pending>,
    numbers: VecDeque<i64>,
    /// Rows that were taken and are not done, in their order, and whose they are.
    pub(super) flight: BTreeMap<u64, Flight>,
    taken: u64,
    /// The transaction that has them locked.
    pub(super) session: Option<Pooled>,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: i64,
    pub(super) timestamp: f64,
    pub(super) put: Put,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) id: i64,
    thread: u64,
}

impl Batch {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    pub(super) fn unwritten(&self) -> u64 {
        self.unwritten.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unwritten.is_empty() && self.flight.is_empty()
    }

    pub(super) fn has_unwritten(&self, id: i64) -> bool {
        self.unwritten.iter().any(|pending| pending.id == id)
    }

    /// Forgets what is not written; gives how much that was.
    pub(super) fn forget_unwritten(&mut self) -> u64 {
        let count = self.unwritten();
        self.unwritten.clear();
        count
    }

    fn has_value(&self, item: &Put) -> bool {
        let same = |pending: &Pending| {
            let other = item.also.as_ref();
            pending.put.data == item.data || other.is_some_and(|other| *other == pending.put.data)
        };
        self.unwritten.iter().any(same)
    }

    /// Ends the transaction where nothing is locked any more.
    fn rest(&mut self) {
        if self.flight.is_empty() {
            self.unlock();
        }
    }

    /// Ends the transaction: what is in flight is locked anew with the next one.
    fn unlock(&mut self) {
        if let Some(mut session) = self.session.take() {
            session.undo();
            if session.run(session.texts().plain_settings).is_err() {
                session.give_up();
            }
        }
    }
}

impl Attachment {
    /// Keeps items in memory, or writes them with all that is there already where it would be too much.
    /// Nothing where there is no room.
    pub(super) fn put_in_batch(
        &self,
        batch: &Batch,
        items: &[Put],
    ) -> Result<Option<Vec<Option<i64>>>> {
        for item in items {
            self.check_size(item.data.len())?;
        }
        let mut state = batch.state();
        let maxsize = self.options.maxsize;
        if maxsize > 0 {
            let stored = self.stored(maxsize)?.saturating_sub(state.flight.len() as u64);
            if stored + state.unwritten() + items.len() as u64 > maxsize {
                return Ok(None);
            }
        }
        let timestamp = now().as_secs_f64();
        let mut ids = Vec::with_capacity(items.len());
        for item in items {
            if self.shared.table.kind == Kind::Unique && self.waits(&state, item)? {
                ids.push(None);
                continue;
            }
            let id = self.next_number(&mut state)?;
            state.unwritten.push_back(Pending { id, timestamp, put: item.clone() });
            ids.push(Some(id));
        }
        if state.unwritten.len() > BOUND {
            self.write_batch(&mut state, &[])?;
        }
        drop(state);
        self.shared.signals.items.notify_all();
        Ok(Some(ids))
    }

    fn waits(&self, state: &State, item: &Put) -> Result<bool> {
        if state.has_value(item) {
            return Ok(true);
        }
        let text = self.shared.table.with_data();
        for data in [Some(&item.data), item.also.as_ref()].into_iter().flatten() {
            let waits = self.server.repeat("look into", self.options.timeout, |session| {
                let gave = session.execute(&text, vec![data.as_slice().into()])?;
                Ok(!gave.rows.is_empty())
            })?;
            if waits {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn next_number(&self, state: &mut State) -> Result<i64> {
        if let Some(id) = state.numbers.pop_front() {
            return Ok(id);
        }
        let table = &self.shared.table;
        let text = table.dialect.give_numbers(table, NUMBERS);
        let numbers = self.server.repeat("put an item into", self.options.timeout, |session| {
            let gave = session.run_last(&text)?;
            self.server.numbers(session, gave, usize::from(NUMBERS))
        })?;
        state.numbers.extend(numbers);
        let first = state.numbers.pop_front();
        first.ok_or_else(|| Error::Invalid("the server gives no numbers".to_owned()))
    }

    /// Takes up to `most` rows that nobody has, and locks them.
    pub(super) fn take_in_batch(
        &self,
        batch: &Batch,
        thread: u64,
        which: Which,
        most: usize,
    ) -> Result<Vec<Row>> {
        let mut state = batch.state();
        let stands_behind = matches!(self.shared.table.kind, Kind::Fifo | Kind::Unique);
        let by_number = !matches!(which, Which::Next);
        if (!stands_behind || by_number) && !state.unwritten.is_empty() {
            self.write_batch(&mut state, &[])?;
        }
        let mut rows = self.lock_rows(&mut state, which, most)?;
        if rows.is_empty() && !state.unwritten.is_empty() {
            self.write_batch(&mut state, &[])?;
            rows = self.lock_rows(&mut state, which, most)?;
        }
        let owner = Owner { handle: self.handle, thread };
        let mut claims = self.shared.claims();
        rows.retain(|row| claims.claim(row.id, owner));
        drop(claims);
        for row in &rows {
            state.taken += 1;
            let at = state.taken;
            state.flight.insert(at, Flight { id: row.id, thread });
        }
        state.rest();
        Ok(rows)
    }

    fn lock_rows(&self, state: &mut State, which: Which, most: usize) -> Result<Vec<Row>> {
        let only = match which {
            Which::Next => None,
            Which::Id(id) | Which::Behind(id) => Some(id),
        };
        for _ in 0..TRIALS {
            let except = self.shared.except();
            let lock = self.server.abilities.skips_locked;
            let pick = Pick { most, only, behind: None, except: &except, lock };
            let select = self.shared.table.select(pick);
            let session = self.session(state)?;
            match session.run_last(&select) {
                Ok(gave) => {
                    return read_all(gave.rows, self.shared.table.kind)
                        .map_err(|error| explain(TAKE, self.server.address(), error));
                }
                Err(error) => {
                    session.undo();
                    state.session = None;
                    if error.is_refused() {
                        return Err(explain(TAKE, self.server.address(), error));
                    }
                }
            }
        }
        Ok(Vec::new())
    }

    /// The connection with the open transaction. Where it is a new one, what is in flight is locked anew.
    pub(super) fn session<'a>(&self, state: &'a mut State) -> Result<&'a mut Pooled> {
        if let Some(session) = state.session.take() {
            return Ok(state.session.insert(session));
        }
        let ids: Vec<_> = state.flight.values().map(|flight| flight.id).collect();
        let settings = self.shared.table.dialect.texts().batch_settings;
        let mut text = format!("{settings}; {BEGIN}");
        if !ids.is_empty() && self.server.abilities.skips_locked {
            text = format!("{text}; {}", self.shared.table.lock_again(&ids));
        }
        let session = self.server.repeat(TAKE, self.options.timeout, |session| {
            session.run(&text)?;
            Ok(session.hand_on())
        })?;
        Ok(state.session.insert(session))
    }

    /// It is not in flight any more, and waits again unless no item could be made of it.
    pub(super) fn give_back_in_batch(&self, batch: &Batch, ids: &[i64], broken: bool) {
        let mut state = batch.state();
        state.flight.retain(|_, flight| !ids.contains(&flight.id));
        let mut claims = self.shared.claims();
        for id in ids {
            claims.release(*id);
            if broken {
                claims.set_aside(*id, self.handle);
            }
        }
        drop(claims);
        state.unlock();
        drop(state);
        if !broken {
            self.shared.signals.items.notify_all();
        }
    }

    /// Makes final what `thread` has taken, or else the oldest row in flight, and stores all that was put.
    pub(super) fn finish_batch(&self, batch: &Batch, thread: u64) -> Result<()> {
        let mut state = batch.state();
        let mut done: Vec<_> = state
            .flight
            .iter()
            .filter(|(_, flight)| flight.thread == thread)
            .map(|(at, flight)| (*at, flight.id))
            .collect();
        if done.is_empty() {
            done.extend(state.flight.iter().next().map(|(at, flight)| (*at, flight.id)));
        }
        let ids: Vec<_> = done.iter().map(|(_, id)| *id).collect();
        self.write_batch(&mut state, &ids)?;
        for (at, _) in done {
            state.flight.remove(&at);
        }
        let mut claims = self.shared.claims();
        for id in &ids {
            claims.release(*id);
        }
        drop(claims);
        state.rest();
        drop(state);
        self.shared.signals.tell_of_a_take();
        Ok(())
    }

    /// Stores all that was put.
    pub(super) fn flush_batch(&self, batch: &Batch) -> Result<()> {
        let mut state = batch.state();
        self.write_batch(&mut state, &[])?;
        state.rest();
        Ok(())
    }

    /// Stores what was put, and gives back what is in flight.
    pub(super) fn end_batch(&self, batch: &Batch) -> Result<()> {
        let mut state = batch.state();
        self.write_batch(&mut state, &[])?;
        state.flight.clear();
        state.rest();
        Ok(())
    }
}

const TAKE: &str = "take an item from";
/// How often a broken connection is replaced.
pub(super) const TRIALS: u32 = 3;
