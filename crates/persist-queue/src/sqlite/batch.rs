//! What an object has put and taken and not made durable yet: `auto_commit = false`.
//!
//! A put is a row in memory, with a number that was reserved for it. A taken row is in flight: in the
//! database, or in memory, it stays as it was until it is done. What becomes durable becomes so in one
//! transaction; see [`super::flush`]. Between two calls no transaction is open.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::claims::Owner;
use super::lock;
use super::scan::{Rank, Scan, claim_one};
use super::store::Attachment;
use crate::sql::{Kind, Put, Row, Which, now};
use crate::{Error, Result};

/// The most items that are put and not written.
pub(super) const BOUND: usize = 1000;

/// See the module.
///
/// Its locks are taken in this order, and none is waited for under the one of the claims. What is under
/// `scan` or `turn` waits for the database; `state` never does.
#[derive(Debug)]
pub(super) struct Batch {
    kind: Kind,
    /// Held by whoever writes, or counts what is written together with what is not.
    turn: Mutex<()>,
    /// Held by whoever takes.
    scan: Mutex<Scan>,
    state: Mutex<State>,
}

/// A row that is put and not written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) rank: Rank,
    pub(super) row: Arc<Row>,
    /// As [`Put::also`].
    pub(super) also: Option<Vec<u8>>,
}

/// A row that is taken and not done.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) thread: u64,
    rank: Rank,
    /// Its item is with the caller.
    delivered: bool,
    pub(super) unwritten: Option<Arc<Pending>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) closed: bool,
    /// What is left of the numbers that were reserved.
    pub(super) numbers: Range<i64>,
    /// Rows that wait and are not written.
    pub(super) waiting: BTreeMap<Rank, Arc<Pending>>,
    /// Their data, in a queue of [`Kind::Unique`].
    pub(super) values: HashSet<Vec<u8>>,
    /// Rows that are not written and could not be deserialized.
    pub(super) aside: BTreeMap<i64, Arc<Pending>>,
    pub(super) flight: BTreeMap<i64, Flight>,
    /// What each thread has in flight.
    pub(super) threads: HashMap<u64, BTreeSet<i64>>,
    /// How many of those in flight are not written.
    pub(super) unwritten_flights: usize,
    /// Rows that were given back since the last take.
    pub(super) returned: Vec<Rank>,
}

impl Batch {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, turn: Mutex::default(), scan: Mutex::default(), state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn scan(&self) -> MutexGuard<'_, Scan> {
        lock(&self.scan)
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Puts items in memory where nothing in the database matters for that; empties `items` then.
    pub(super) fn add(&self, items: &mut Vec<Put>) -> Option<Vec<Option<i64>>> {
        let mut state = self.state();
        let fits = !state.closed
            && state.numbers_left() >= items.len() as u64
            && state.unwritten() + items.len() <= BOUND;
        if !fits {
            return None;
        }
        let puts = state.number(self.kind, items);
        let ids = puts.iter().map(|put| Some(put.row.id)).collect();
        for put in puts {
            state.wait(self.kind, put);
        }
        Some(ids)
    }

    /// Adds the rows that wait in memory to those of the database, and takes out those in flight.
    pub(super) fn add_rows(&self, rows: &mut Vec<(Row, i64)>) {
        let state = self.state();
        rows.retain(|(row, _)| !state.flight.contains_key(&row.id));
        let unwritten = state.waiting.values().chain(state.aside.values());
        rows.extend(unwritten.map(|put| ((*put.row).clone(), 0)));
        rows.sort_by_key(|(row, _)| row.id);
    }

    /// The row that a take would be given: `stored` is the first one in the database.
    pub(super) fn first_of(&self, stored: Option<(Rank, Row)>, id: Option<i64>) -> Option<Row> {
        let state = self.state();
        let waiting = state.waiting_rank(id);
        match (stored, waiting) {
            (stored, None) => stored.map(|(_, row)| row),
            // What stands in the database is older, whatever its number.
            (Some((_, row)), Some(_)) if self.kind == Kind::Fifo => Some(row),
            (Some((rank, row)), Some(waiting)) if rank < waiting => Some(row),
            (_, Some(waiting)) => state.waiting.get(&waiting).map(|put| (*put.row).clone()),
        }
    }

    /// Forgets all that waits in memory; gives how many items that were.
    pub(super) fn drop_waiting(&self) -> u64 {
        let mut state = self.state();
        let dropped = state.unwritten_waiting();
        state.waiting.clear();
        state.values.clear();
        state.aside.clear();
        dropped
    }

    /// Takes a row for `thread`. It is in flight until [`Batch::settle`].
    pub(super) fn take(
        &self,
        attached: &Attachment,
        patience: Duration,
        thread: u64,
        which: Which,
    ) -> Result<Option<Arc<Row>>> {
        let owner = Owner { handle: attached.handle, thread };
        let mut scan = self.scan();
        match which {
            Which::Next => self.take_next(attached, patience, owner, &mut scan),
            Which::Id(id) | Which::Behind(id) => {
                if let Some(row) = self.state().take_waiting(self.kind, Some(id), thread) {
                    return Ok(Some(row));
                }
                let found = attached.database.read(patience, |connection| {
                    claim_one(connection, &attached.shared, owner, id)
                })?;
                Ok(found.map(|(rank, row)| self.state().fly(rank, row, thread)))
            }
        }
    }

    fn take_next(
        &self,
        attached: &Attachment,
        patience: Duration,
        owner: Owner,
        scan: &mut Scan,
    ) -> Result<Option<Arc<Row>>> {
        let shared = &attached.shared;
        let bound = {
            let mut state = self.state();
            state.returned.drain(..).for_each(|rank| scan.note(rank));
            match self.kind {
                // What stands in the database is older, whatever its number.
                Kind::Fifo => None,
                Kind::Filo | Kind::Priority | Kind::Unique => state.waiting.keys().next().copied(),
            }
        };
        for again in [false, true] {
            let found = attached
                .database
                .read(patience, |connection| scan.next(connection, shared, owner, bound))?;
            let mut state = self.state();
            if let Some((rank, row)) = found {
                return Ok(Some(state.fly(rank, row, owner.thread)));
            }
            if let Some(row) = state.take_waiting(self.kind, None, owner.thread) {
                return Ok(Some(row));
            }
            drop(state);
            // Another process may have written rows below, with numbers that it had reserved.
            if again || !scan.has_passed_rows() || !something_waits(attached, patience)? {
                break;
            }
            scan.restart();
        }
        Ok(None)
    }

    /// Says what became of a row that was taken.
    pub(super) fn settle(&self, attached: &Attachment, id: i64, fate: Fate) {
        let mut state = self.state();
        match fate {
            Fate::Delivered => {
                // Closing gives back what was not delivered yet.
                let Some(flight) = state.flight.get_mut(&id) else { return };
                flight.delivered = true;
                let thread = flight.thread;
                state.threads.entry(thread).or_default().insert(id);
            }
            Fate::Undecodable | Fate::GivenBack => {
                let Some(flight) = state.land(id) else { return };
                match (flight.unwritten, fate) {
                    (Some(put), Fate::Undecodable) => {
                        state.aside.insert(id, put);
                    }
                    (Some(put), _) => state.wait(self.kind, put),
                    (None, Fate::Undecodable) => attached.shared.claims().set_aside(id),
                    (None, _) => {
                        attached.shared.claims().release(id);
                        state.returned.push(flight.rank);
                    }
                }
            }
        }
    }
}

/// What became of a row that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its item is with the caller.
    Delivered,
    /// Nobody here tries again.
    Undecodable,
    /// It waits again, in its place.
    GivenBack,
}

/// Whether there are rows that nobody in this process has.
fn something_waits(attached: &Attachment, patience: Duration) -> Result<bool> {
    let shared = &attached.shared;
    let counts = attached
        .database
        .with_session("count", patience, |session| session.counts(&shared.table))?;
    Ok(counts.stored() > shared.claims().known())
}

impl State {
    /// How many items are put and not written.
    pub(super) fn unwritten(&self) -> usize {
        self.waiting.len() + self.aside.len() + self.unwritten_flights
    }

    /// How many of them wait.
    pub(super) fn unwritten_waiting(&self) -> u64 {
        (self.waiting.len() + self.aside.len()) as u64
    }

    /// Whether nothing is put and not written, or taken and not done.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.aside.is_empty() && self.flight.is_empty()
    }

    pub(super) fn has_unwritten(&self, id: i64) -> bool {
        self.has_waiting(id)
            || self.flight.get(&id).is_some_and(|flight| flight.unwritten.is_some())
    }

    /// Whether a row waits in memory, or could not be made into an item.
    pub(super) fn has_waiting(&self, id: i64) -> bool {
        self.waiting_rank(Some(id)).is_some() || self.aside.contains_key(&id)
    }

    /// Where the first row in memory stands, or the one with a number.
    fn waiting_rank(&self, id: Option<i64>) -> Option<Rank> {
        match id {
            None => self.waiting.keys().next().copied(),
            Some(id) => self.waiting.keys().find(|rank| rank.id == id).copied(),
        }
    }

    pub(super) fn numbers_left(&self) -> u64 {
        (self.numbers.end - self.numbers.start).unsigned_abs()
    }

    /// Makes rows of items, with numbers of which there must be enough.
    pub(super) fn number(&mut self, kind: Kind, items: &mut Vec<Put>) -> Vec<Arc<Pending>> {
        let timestamp = now().as_secs_f64();
        let numbers = &mut self.numbers;
        let rows = std::mem::take(items).into_iter().zip(numbers).map(|(item, id)| {
            let rank = Rank::new(kind, id, item.options.priority);
            let Put { data, text, also, .. } = item;
            let row = Row { id, data, timestamp, text, priority: Some(rank.priority()) };
            Arc::new(Pending { rank, row: Arc::new(row), also })
        });
        rows.collect()
    }

    /// Has a row wait in memory.
    pub(super) fn wait(&mut self, kind: Kind, put: Arc<Pending>) {
        if kind == Kind::Unique {
            self.values.insert(put.row.data.clone());
        }
        self.waiting.insert(put.rank, put);
    }

    /// Takes a row out of those that wait in memory.
    pub(super) fn no_longer_waits(&mut self, kind: Kind, rank: Rank) -> Option<Arc<Pending>> {
        let put = self.waiting.remove(&rank)?;
        if kind == Kind::Unique {
            self.values.remove(&put.row.data);
        }
        Some(put)
    }

    /// Has the first row in memory fly, or the one with a number.
    fn take_waiting(&mut self, kind: Kind, id: Option<i64>, thread: u64) -> Option<Arc<Row>> {
        let rank = self.waiting_rank(id)?;
        let put = self.no_longer_waits(kind, rank)?;
        let row = Arc::clone(&put.row);
        self.unwritten_flights += 1;
        let flight = Flight { thread, rank, delivered: false, unwritten: Some(put) };
        self.flight.insert(rank.id, flight);
        Some(row)
    }

    /// Has a row of the database fly that is claimed.
    fn fly(&mut self, rank: Rank, row: Row, thread: u64) -> Arc<Row> {
        let flight = Flight { thread, rank, delivered: false, unwritten: None };
        self.flight.insert(rank.id, flight);
        Arc::new(row)
    }

    /// Takes a row out of those in flight.
    pub(super) fn land(&mut self, id: i64) -> Option<Flight> {
        let flight = self.flight.remove(&id)?;
        if flight.unwritten.is_some() {
            self.unwritten_flights -= 1;
        }
        if let Some(rows) = self.threads.get_mut(&flight.thread) {
            rows.remove(&id);
            if rows.is_empty() {
                self.threads.remove(&flight.thread);
            }
        }
        Some(flight)
    }

    /// What `thread` makes final: what it has, or else the oldest row that anybody has.
    pub(super) fn finished_by(&self, thread: u64) -> Vec<i64> {
        if let Some(rows) = self.threads.get(&thread) {
            return rows.iter().copied().collect();
        }
        let oldest = self.flight.iter().find(|(_, flight)| flight.delivered);
        oldest.map(|(id, _)| *id).into_iter().collect()
    }

    pub(super) fn fail_if_closed(&self, attached: &Attachment) -> Result<()> {
        if self.closed {
            return Err(Error::Closed { path: attached.database.place.path().to_owned() });
        }
        Ok(())
    }
}
