//! Finding the next row that nobody in this process has, without passing all those in flight each
//! time: an object remembers how far it came.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row as SqlRow, Rows, params};

use super::claims::Owner;
use super::database::Shared;
use super::get::read;
use super::schema::Table;
use crate::sql::{Kind, Row};

/// How many new rows are looked at one by one, some batches of another object; where there are more,
/// the scan starts anew.
const NEW_ROWS: u32 = 10_000;

/// Where a row stands in the order of its kind: the lowest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    priority: i64,
    order: i64,
    pub(super) id: i64,
}

impl Rank {
    pub(super) fn new(kind: Kind, id: i64, priority: i64) -> Self {
        match kind {
            Kind::Fifo | Kind::Unique => Self { priority: 0, order: id, id },
            Kind::Filo => Self { priority: 0, order: -id, id },
            Kind::Priority => Self { priority, order: id, id },
        }
    }

    pub(super) fn priority(self) -> i64 {
        self.priority
    }

    pub(super) fn of(kind: Kind, row: &SqlRow<'_>, priority_at: usize) -> rusqlite::Result<Self> {
        let priority = match row.get_ref(priority_at)? {
            ValueRef::Integer(priority) => priority,
            ValueRef::Real(priority) => priority.floor() as i64,
            // NULL comes first, text and bytes come last.
            ValueRef::Null => i64::MIN,
            ValueRef::Text(_) | ValueRef::Blob(_) => i64::MAX,
        };
        Ok(Self::new(kind, row.get(0)?, priority))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The last row that it came to.
    reached: Option<Rank>,
    /// The highest number when it last looked for new rows.
    newest: i64,
    /// Rows before `reached` that wait all the same: they came, or came back, later.
    before: BTreeSet<Rank>,
    /// What [`super::claims::Claims::returns`] said when it started.
    returns: u64,
}

impl Scan {
    /// Starts anew at the first row.
    pub(super) fn restart(&mut self) {
        self.reached = None;
        self.before.clear();
    }

    /// Whether there may be rows that it passed.
    pub(super) fn has_passed_rows(&self) -> bool {
        self.reached.is_some()
    }

    /// Notes a row that waits again, or from now on.
    pub(super) fn note(&mut self, rank: Rank) {
        if self.reached.is_some_and(|reached| rank <= reached) {
            self.before.insert(rank);
        }
    }

    /// Notes that others were told of what this object brought by itself.
    pub(super) fn note_returns(&mut self, returns: u64) {
        if self.returns + 1 == returns {
            self.returns = returns;
        }
    }

    /// Claims the next row, unless it comes behind `bound`.
    pub(super) fn next(
        &mut self,
        connection: &Connection,
        shared: &Shared,
        owner: Owner,
        bound: Option<Rank>,
    ) -> rusqlite::Result<Option<(Rank, Row)>> {
        let returns = shared.claims().returns();
        if self.returns != returns {
            self.restart();
            self.returns = returns;
        }
        self.look_at_new_rows(connection, &shared.table)?;
        while let Some(rank) = self.before.first().copied() {
            if bound.is_some_and(|bound| bound < rank) {
                return Ok(None);
            }
            let found = claim_one(connection, shared, owner, rank.id)?;
            self.before.remove(&rank);
            if found.is_some() {
                return Ok(found);
            }
        }
        self.go_on(connection, shared, owner, bound)
    }

    fn go_on(
        &mut self,
        connection: &Connection,
        shared: &Shared,
        owner: Owner,
        bound: Option<Rank>,
    ) -> rusqlite::Result<Option<(Rank, Row)>> {
        let statements = &shared.table.batch;
        let Some(from) = self.reached else {
            let mut statement = connection.prepare_cached(&statements.first)?;
            let step = self.pick(statement.query([])?, shared, owner, bound)?;
            return Ok(step.found());
        };
        let mut statement = connection.prepare_cached(&statements.after)?;
        if shared.table.kind != Kind::Priority {
            let step = self.pick(statement.query([from.id])?, shared, owner, bound)?;
            return Ok(step.found());
        }
        let rows = statement.query([from.id, from.priority])?;
        let step = self.pick(rows, shared, owner, bound)?;
        if !matches!(step, Step::End) {
            return Ok(step.found());
        }
        let mut statement = connection.prepare_cached(&statements.after_priority)?;
        let step = self.pick(statement.query([from.priority])?, shared, owner, bound)?;
        Ok(step.found())
    }

    /// Claims the first of `rows` that nobody has.
    fn pick(
        &mut self,
        mut rows: Rows<'_>,
        shared: &Shared,
        owner: Owner,
        bound: Option<Rank>,
    ) -> rusqlite::Result<Step> {
        while let Some(row) = rows.next()? {
            let rank = Rank::of(shared.table.kind, row, 3)?;
            if bound.is_some_and(|bound| bound < rank) {
                return Ok(Step::TooFar);
            }
            if !claim(shared, rank.id, owner) {
                self.reached = Some(rank);
                continue;
            }
            let row = read(row).inspect_err(|_| shared.claims().release(rank.id))?;
            self.reached = Some(rank);
            return Ok(Step::Found(rank, row));
        }
        Ok(Step::End)
    }

    /// Finds rows that came since and belong before the one that it came to.
    fn look_at_new_rows(&mut self, connection: &Connection, table: &Table) -> rusqlite::Result<()> {
        let Some(reached) = self.reached else { return self.look_at_newest(connection, table) };
        if matches!(table.kind, Kind::Fifo | Kind::Unique) {
            // They come behind it.
            return Ok(());
        }
        let mut statement = connection.prepare_cached(&table.batch.newer)?;
        let mut rows = statement.query(params![self.newest, NEW_ROWS])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let rank = Rank::of(table.kind, row, 1)?;
            if rank < reached {
                self.before.insert(rank);
            }
            self.newest = rank.id;
            count += 1;
        }
        if count == NEW_ROWS {
            self.restart();
            self.look_at_newest(connection, table)?;
        }
        Ok(())
    }

    /// Before a scan starts: what comes meanwhile is seen twice rather than never.
    fn look_at_newest(&mut self, connection: &Connection, table: &Table) -> rusqlite::Result<()> {
        if matches!(table.kind, Kind::Filo | Kind::Priority) {
            let mut statement = connection.prepare_cached(&table.batch.newest)?;
            self.newest = statement.query_row([], |row| row.get(0))?;
        }
        Ok(())
    }
}

/// What a walk over rows came to.
enum Step {
    Found(Rank, Row),
    TooFar,
    End,
}

impl Step {
    fn found(self) -> Option<(Rank, Row)> {
        match self {
            Self::Found(rank, row) => Some((rank, row)),
            Self::TooFar | Self::End => None,
        }
    }
}

/// Claims a row where it is there and nobody has it.
pub(super) fn claim_one(
    connection: &Connection,
    shared: &Shared,
    owner: Owner,
    id: i64,
) -> rusqlite::Result<Option<(Rank, Row)>> {
    let mut statement = connection.prepare_cached(&shared.table.batch.one)?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let rank = Rank::of(shared.table.kind, row, 3)?;
    if !claim(shared, id, owner) {
        return Ok(None);
    }
    let row = read(row).inspect_err(|_| shared.claims().release(id))?;
    Ok(Some((rank, row)))
}

fn claim(shared: &Shared, id: i64, owner: Owner) -> bool {
    let mut claims = shared.claims();
    let free = claims.is_free(id);
    if free {
        claims.claim(id, owner);
    }
    free
}
