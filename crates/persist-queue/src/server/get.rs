//! Getting rows of queues without acknowledgements: a row is made into its item first and deleted
//! afterwards, so that one that cannot be made into an item stays.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::claim::Picked;
use super::desk::Ticket;
use super::engine::Statements;
use super::shared::Owner;
use super::store::{Attachment, ServerStore, ask, work};
use super::trip::{Claimed, Fate};
use super::value::Value;
use crate::sql::{Decode, Kind, Row, Undecoded, Which};
use crate::wait::{Attempt, Host, Wait, Worker};
use crate::{Error, Result};

/// How often somebody else may be faster before it is another attempt.
const LOSSES: u32 = 20;

impl ServerStore {
    /// Gets the next item for `thread`; nothing where none came in time. `decode` makes it of its
    /// row.
    ///
    /// # Errors
    /// What `decode` said, and the row stays; [`Error::GetUnknown`], [`Error::Connect`],
    /// [`Error::Database`].
    pub async fn get<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        which: Which,
        mut decode: impl Decode<T, H>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        if attached.batch.is_some() {
            let got = self.get_batched(host, thread, wait, which, 1, &mut decode).await?;
            return Ok(got.into_iter().next());
        }
        let owner = Owner { handle: attached.handle, thread };
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let tried = attached.try_get(host, owner, which, &mut decode).await?;
            if let ControlFlow::Break(item) = waits.pace(host, tried).await? {
                return Ok(item);
            }
        }
    }

    /// Gets up to `most` items for `thread`: waits as `wait` says for the first one, and takes what
    /// else is there. Nothing where none came in time.
    ///
    /// Where `decode` cannot make an item of a row, the items before it are given, and the next get
    /// comes to that row first.
    ///
    /// # Errors
    /// As [`ServerStore::get`]: what `decode` said of the first row; where it was interrupted, all
    /// rows wait as before.
    pub async fn get_many<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        most: usize,
        mut decode: impl Decode<T, H>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        if most == 0 {
            return Ok(Vec::new());
        }
        let attached = self.attached()?;
        if attached.batch.is_some() {
            return self.get_batched(host, thread, wait, Which::Next, most, &mut decode).await;
        }
        let owner = Owner { handle: attached.handle, thread };
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let tried = attached.try_get_many(host, owner, most, &mut decode).await?;
            if let ControlFlow::Break(items) = waits.pace(host, tried).await? {
                return Ok(items.unwrap_or_default());
            }
        }
    }
}

impl Attachment {
    async fn try_get<T, H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        owner: Owner,
        which: Which,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Attempt<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        for _ in 0..LOSSES {
            let Some(claimed) = self.claim(host, owner, which).await? else { break };
            let item = match decode.decode(host, &claimed.row).await {
                Ok(item) => item,
                Err(undecoded) => return Err(refuse(host, claimed, undecoded)),
            };
            let taken = self.take(host, vec![claimed]).await?;
            if taken.count() > 0 {
                taken.accept();
                return Ok(Attempt::Done(item));
            }
        }
        Ok(Attempt::NotYet)
    }

    async fn claim<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        owner: Owner,
        which: Which,
    ) -> Result<Option<Claimed>, H::Error>
    where
        H::Error: From<Error>,
    {
        let patience = self.options.timeout;
        match which {
            Which::Next => {
                // Before the work: who is at the desk is served with others.
                let ticket = Ticket::new(&self.shared.desk);
                ask(host, self, move |attached| {
                    let (server, shared) = (&attached.server, &attached.shared);
                    ticket
                        .serve(|most| server.claim(shared, patience, owner, Picked::Together(most)))
                })
                .await
            }
            Which::Id(id) | Which::Behind(id) => {
                ask(host, self, move |attached| {
                    let (server, shared) = (&attached.server, &attached.shared);
                    let claimed = server.claim(shared, patience, owner, Picked::One(id))?;
                    Ok(claimed.into_iter().next())
                })
                .await
            }
        }
    }

    async fn try_get_many<T, H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        owner: Owner,
        most: usize,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Attempt<Vec<T>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let patience = self.options.timeout;
        for _ in 0..LOSSES {
            let found = ask(host, self, move |attached| {
                attached.server.claim(&attached.shared, patience, owner, Picked::Many(most))
            })
            .await?;
            if found.is_empty() {
                break;
            }
            let (mut items, mut claimed) = (Vec::new(), Vec::new());
            let mut found = found.into_iter();
            for row in found.by_ref() {
                match decode.decode(host, &row.row).await {
                    Ok(item) => items.push(item),
                    Err(Undecoded::Broken(_)) if !items.is_empty() => {
                        row.leave(host.worker().as_ref());
                        break;
                    }
                    Err(undecoded) => {
                        let error = refuse(host, row, undecoded);
                        leave_all(host, claimed.into_iter().chain(found));
                        return Err(error);
                    }
                }
                claimed.push(row);
            }
            leave_all(host, found);
            let taken = self.take(host, claimed).await?;
            if taken.count() > 0 {
                let mut each = taken.accept().into_iter();
                items.retain(|_| each.next().unwrap_or(false));
                return Ok(Attempt::Done(items));
            }
        }
        Ok(Attempt::NotYet)
    }

    /// Deletes rows that are claimed in one transaction.
    async fn take<H: Host>(
        self: &Arc<Self>,
        host: &mut H,
        claimed: Vec<Claimed>,
    ) -> Result<Taken, H::Error>
    where
        H::Error: From<Error>,
    {
        let (attached, worker) = (Arc::clone(self), host.worker());
        let Some(wanted) = Claimed::want(claimed) else {
            return Ok(Taken { attached, worker, rows: Vec::new(), each: Vec::new() });
        };
        work(host, self, move |_| Taken::of(attached, worker, wanted.end())).await
    }

    /// Puts rows back that were taken and did not reach anybody: in their old place, under their old
    /// numbers.
    pub(super) fn put_back(&self, rows: &[Row]) -> Result<()> {
        let (table, patience) = (&self.shared.table, self.options.timeout);
        let statement = table.insert_numbered(1);
        for row in rows {
            self.server.repeat("put an item back into", patience, |session| {
                let mut values = vec![
                    Value::Int(row.id),
                    Value::Bytes(row.data.clone()),
                    Value::Double(row.timestamp),
                ];
                if table.kind == Kind::Priority {
                    values.push(Value::Int(row.priority.unwrap_or(0)));
                }
                match session.execute(&statement, values) {
                    // It is there already, or an equal one was put meanwhile.
                    Err(error) if error.is_duplicate() => Ok(()),
                    put => put.map(drop),
                }
            })?;
        }
        self.shared.signals.items.notify_all();
        Ok(())
    }
}

fn leave_all<H: Host>(host: &H, rows: impl Iterator<Item = Claimed>) {
    let worker = host.worker();
    for row in rows {
        row.leave(worker.as_ref());
    }
}

fn refuse<H: Host>(host: &H, claimed: Claimed, undecoded: Undecoded<H::Error>) -> H::Error {
    let worker = host.worker();
    match undecoded {
        Undecoded::Broken(error) => {
            claimed.set_aside(worker.as_ref());
            error
        }
        Undecoded::Interrupted(error) => {
            claimed.leave(worker.as_ref());
            error
        }
    }
}

/// Rows that were deleted for somebody, and are put back where he does not take them.
struct Taken {
    attached: Arc<Attachment>,
    worker: Option<Arc<Worker>>,
    rows: Vec<Row>,
    /// Of all that were wanted.
    each: Vec<bool>,
}

impl Taken {
    fn of(
        attached: Arc<Attachment>,
        worker: Option<Arc<Worker>>,
        ended: Vec<(Row, Fate)>,
    ) -> Result<Self> {
        let mut taken = Self { attached, worker, rows: Vec::new(), each: Vec::new() };
        let (mut unknown, mut said) = (Vec::new(), String::new());
        for (row, fate) in ended {
            taken.each.push(matches!(fate, Fate::Taken));
            match fate {
                Fate::Taken => taken.rows.push(row),
                Fate::Lost => {}
                Fate::Unknown(why) => {
                    unknown.push((row.id, row.data));
                    said = why;
                }
                // What was taken goes back as it is dropped.
                Fate::Failed(error) => return Err(error),
            }
        }
        if unknown.is_empty() {
            return Ok(taken);
        }
        let path = taken.attached.server.address().path();
        Err(Error::GetUnknown { path, rows: unknown, source: said.into() })
    }

    fn count(&self) -> usize {
        self.rows.len()
    }

    /// Somebody has them.
    fn accept(mut self) -> Vec<bool> {
        self.rows.clear();
        let signals = &self.attached.shared.signals;
        signals.tell_of_a_take();
        std::mem::take(&mut self.each)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        self.attached.aside(self.worker.as_ref(), move |attached| attached.put_back(&rows));
    }
}
