//! Getting rows of acknowledged queues: a row is marked as held in one transaction, and stays.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::claim::read;
use super::desk::Ticket;
use super::engine::Statements;
use super::failure::{Failure, Said, explain};
use super::pool::Pooled;
use super::schema::{BEGIN, COMMIT, Pick, ROLLBACK};
use super::store::{Attachment, ServerStore, ask, work};
use super::value::{Fields, column, one};
use crate::sql::{Held, Settlement, Which, milliseconds};
use crate::wait::{Attempt, Host, Wait, Worker};
use crate::{Error, Result};

/// How many rows one look at the clock sees to.
const SWEPT: usize = 1000;
/// How often a claim is begun anew that somebody else was in the way of.
const TRIALS: u32 = 20;

impl ServerStore {
    /// Takes up to `most` items and holds them: waits as `wait` says for the first one, and takes
    /// what else is there. Nothing where none came in time. `lease` is how long they are held; as the
    /// options say where it is not given.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub async fn hold<H: Host>(
        &self,
        host: &mut H,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
        most: usize,
    ) -> Result<Vec<Held>, H::Error>
    where
        H::Error: From<Error>,
    {
        let lease = lease.or(self.options.lease).map(milliseconds);
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let held = attached.try_hold(host, which, lease, most).await?;
            let tried =
                if held.is_empty() { Attempt::NotYet } else { Attempt::Done(held.accept()) };
            if let ControlFlow::Break(held) = waits.pace(host, tried).await? {
                return Ok(held.unwrap_or_default());
            }
        }
    }
}

impl Attachment {
    async fn try_hold<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        which: Which,
        lease: Option<i64>,
        most: usize,
    ) -> Result<Holding, H::Error>
    where
        H::Error: From<Error>,
    {
        let worker = host.worker();
        let together =
            which == Which::Next && most == 1 && lease == self.options.lease.map(milliseconds);
        if together {
            // Before the work: who is at the desk is served with others.
            let ticket = Ticket::new(&self.desk);
            let theirs = worker.clone();
            let held = ask(host, self, move |attached| {
                ticket.serve(|most| {
                    let held = attached.take_held(Which::Next, lease, most)?;
                    let alone = |held| Holding::new(attached, theirs.clone(), vec![held]);
                    Ok(held.into_iter().map(alone).collect())
                })
            })
            .await?;
            return Ok(held.unwrap_or_else(|| Holding::new(self, worker, Vec::new())));
        }
        work(host, self, move |attached| {
            let held = attached.take_held(which, lease, most)?;
            Ok(Holding::new(attached, worker, held))
        })
        .await
    }

    /// Holds rows that wait.
    fn take_held(&self, which: Which, lease: Option<i64>, most: usize) -> Result<Vec<Held>> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let (name, mut trials) = (self.holder_name(), 0);
        loop {
            let (found, mut session) = self.find(which, most)?;
            if found.is_empty() {
                return Ok(found);
            }
            let table = &self.shared.table;
            let mut statements: Vec<_> =
                found.iter().map(|held| table.hold(held.row.id, held.token, name, lease)).collect();
            statements.push(COMMIT.to_owned());
            let held = session.run(&statements.join("; "));
            let mut found: Vec<_> = match held {
                Ok(gave) => {
                    let rows = found.into_iter().zip(gave);
                    rows.filter(|(_, gave)| gave.affected > 0).map(|(held, _)| held).collect()
                }
                Err(error) => {
                    session.undo();
                    drop(session);
                    match error.failure {
                        Failure::Broken => self.truly_held(found)?,
                        Failure::InTheWay if trials < TRIALS => Vec::new(),
                        _ => {
                            return Err(explain(ACTION, self.server.address(), error));
                        }
                    }
                }
            };
            trials += 1;
            if found.is_empty() && trials < TRIALS {
                continue;
            }
            for held in &mut found {
                held.token += 1;
                held.attempts += 1;
            }
            return Ok(found);
        }
    }

    /// Rows that wait, as they are before they are held, and the connection that has them locked.
    fn find(&self, which: Which, most: usize) -> Result<(Vec<Held>, Pooled)> {
        let (table, server) = (&self.shared.table, &self.server);
        let (only, behind) = match which {
            Which::Next => (None, None),
            Which::Id(id) => (Some(id), None),
            Which::Behind(id) => (None, Some(id)),
        };
        let lock = server.abilities.skips_locked;
        let pick = Pick { most, only, behind, except: &[], lock };
        let begin = format!("{}; {BEGIN}; {}", table.is_due(), table.select(pick));
        let first = Pick { behind: None, ..pick };
        server.repeat(ACTION, self.options.timeout, |session| {
            let mut gave = session.run(&begin)?;
            let rows = gave.pop().unwrap_or_default().rows;
            let is_due = one::<i64>(gave.drain(..).next().unwrap_or_default())? == Some(1);
            let rows = if is_due {
                session.run(ROLLBACK)?;
                session.run(&table.sweep(self.options.max_attempts, SWEPT))?;
                session.run_last(&format!("{BEGIN}; {}", table.select(pick)))?.rows
            } else {
                rows
            };
            let rows = if rows.is_empty() && behind.is_some() {
                session.run_last(&table.select(first))?.rows
            } else {
                rows
            };
            if rows.is_empty() {
                session.run(ROLLBACK)?;
            }
            let found = rows.into_iter().map(read_held).collect::<Result<Vec<_>, Said>>()?;
            Ok((found, session.hand_on()))
        })
    }

    /// The connection broke while rows were held: those that are held now, by this delivery.
    fn truly_held(&self, found: Vec<Held>) -> Result<Vec<Held>> {
        let ids: Vec<_> = found.iter().map(|held| held.row.id).collect();
        let text = self.shared.table.held_by(&ids, self.holder_name());
        let held = self.server.repeat(ACTION, self.options.timeout, |session| {
            let gave = session.run_last(&text)?;
            let read = |mut row| Ok((column(&mut row, 0)?, column(&mut row, 1)?));
            gave.rows.into_iter().map(read).collect::<Result<Vec<(i64, i64)>, Said>>()
        })?;
        let is_held = |one: &Held| held.contains(&(one.row.id, one.token + 1));
        Ok(found.into_iter().filter(is_held).collect())
    }

    pub(super) fn holder_name(&self) -> &str {
        self.holder.as_ref().map_or("", |holder| &holder.name)
    }
}

const ACTION: &str = "take an item from";

/// A row as it waits: number, data, time, attempts, token.
fn read_held(mut row: Fields) -> Result<Held, Said> {
    let (attempts, token) = (column(&mut row, 3)?, column(&mut row, 4)?);
    Ok(Held { row: read(&mut row)?, attempts, token })
}

/// Rows that are held for somebody who may not wait for them any more: then nobody gets them.
#[derive(Debug)]
pub(super) struct Holding {
    held: Vec<Held>,
    attached: Arc<Attachment>,
    worker: Option<Arc<Worker>>,
}

impl Holding {
    fn new(attached: &Arc<Attachment>, worker: Option<Arc<Worker>>, held: Vec<Held>) -> Self {
        Self { held, attached: Arc::clone(attached), worker }
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Somebody has them.
    fn accept(mut self) -> Vec<Held> {
        std::mem::take(&mut self.held)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let rows: Vec<_> = self.held.iter().map(|held| (held.row.id, Some(held.token))).collect();
        self.attached.aside(self.worker.as_ref(), move |attached| {
            attached.settle(&rows, Settlement::Undone).map(drop)
        });
    }
}
