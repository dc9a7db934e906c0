//! Claiming rows of queues without acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use super::desk::Turn;
use super::engine::Statements;
use super::failure::Said;
use super::open_server::Server;
use super::schema::{BEGIN, Pick, ROLLBACK};
use super::shared::{Owner, Shared};
use super::trip::{Claimed, Trip};
use super::value::{Fields, column};
use crate::Result;
use crate::sql::{Kind, Row};

/// Which rows are claimed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Picked {
    /// The first so many, for several callers.
    Together(usize),
    /// The first so many.
    Many(usize),
    /// The one with this number.
    One(i64),
}

impl Server {
    /// Claims rows that wait, or only one of them.
    pub(super) fn claim(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        patience: Duration,
        owner: Owner,
        pick: Picked,
    ) -> Result<Vec<Claimed>> {
        let (most, only) = match pick {
            Picked::Together(most) | Picked::Many(most) => (most, None),
            Picked::One(id) => (1, Some(id)),
        };
        let locks = self.abilities.skips_locked;
        let mut held = None;
        let rows = self.repeat("take an item from", patience, |session| {
            let except = shared.except();
            let pick = Pick { most, only, behind: None, except: &except, lock: locks };
            let select = shared.table.select(pick);
            let text = if locks { format!("{BEGIN}; {select}") } else { select };
            let rows = read_all(session.run_last(&text)?.rows, shared.table.kind)?;
            if locks && rows.is_empty() {
                session.run(ROLLBACK)?;
            } else if locks {
                held = Some(session.hand_on());
            }
            Ok(rows)
        })?;
        // Also where they are locked: the locks end where the connection breaks.
        let rows = claim_here(shared, rows, owner);
        if rows.is_empty() {
            if let Some(mut held) = held {
                held.undo();
            }
            return Ok(Vec::new());
        }
        let together = matches!(pick, Picked::Together(_));
        let turn = together.then(|| Turn::new(&shared.desk));
        Ok(Trip::begin(self, shared, patience, owner, held, rows, turn))
    }
}

/// Those that nobody else of this process has.
fn claim_here(shared: &Shared, rows: Vec<Row>, owner: Owner) -> Vec<Row> {
    let mut claims = shared.claims();
    rows.into_iter().filter(|row| claims.claim(row.id, owner)).collect()
}

pub(super) fn read_all(rows: Vec<Fields>, kind: Kind) -> Result<Vec<Row>, Said> {
    let with_priority = kind == Kind::Priority;
    let whole = |mut row| {
        let mut read = read(&mut row)?;
        if with_priority {
            read.priority = column(&mut row, 3)?;
        }
        Ok(read)
    };
    rows.into_iter().map(whole).collect()
}

/// A row: number, data, time.
pub(super) fn read(row: &mut Fields) -> Result<Row, Said> {
    Ok(Row {
        id: column(row, 0)?,
        data: column::<Option<Vec<u8>>>(row, 1)?.unwrap_or_default(),
        timestamp: column::<Option<f64>>(row, 2)?.unwrap_or(0.0),
        text: false,
        priority: None,
    })
}
