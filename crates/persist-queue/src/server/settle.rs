//! What becomes of held rows: acknowledged, given back, given up; and the dead letters.

use std::time::Duration;

use super::claim::read;
use super::engine::Statements;
use super::failure::{Said, explain};
use super::holder::is_name;
use super::open_server::Unmade;
use super::pool::Pooled;
use super::schema::{BEGIN, COMMIT};
use super::schema_ack::Delivered;
use super::store::{Attachment, ServerStore, work};
use super::value::{Gave, column, one};
use crate::sql::{LONGEST_BACKOFF, Row, Settlement, Status, milliseconds};
use crate::wait::Host;
use crate::{Error, Result};

impl ServerStore {
    /// Says what became of held rows, by number and token; without a token it is about whatever
    /// delivery of this object, or of one that is dead. Gives each row's number, a new one where it went
    /// to the back; nothing for a row that this object does not hold any more, which is left alone.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub async fn settle<H: Host>(
        &self,
        host: &mut H,
        rows: Vec<(i64, Option<i64>)>,
        settlement: Settlement,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| attached.settle(&rows, settlement)).await
    }

    /// Holds a row for `lease` from now on. Says whether this object still held it.
    ///
    /// # Errors
    /// As [`ServerStore::settle`].
    pub async fn extend<H: Host>(
        &self,
        host: &mut H,
        id: i64,
        token: Option<i64>,
        lease: Duration,
    ) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| {
            let delivered = Delivered { id, holder: attached.holder_name(), token };
            let text = attached.shared.table.extend(delivered, milliseconds(lease));
            let extended = attached.change("extend a lease in", &text)?;
            Ok(extended > 0)
        })
        .await
    }

    /// Has everything wait again that nobody alive holds. Gives how many rows that were.
    ///
    /// # Errors
    /// As [`ServerStore::settle`].
    pub async fn resume<H: Host>(&self, host: &mut H) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, |attached| attached.resume()).await
    }

    /// Removes rows that are acknowledged, and failed ones where `failed` says so: at most `most`,
    /// and none of the latest `keep`. Gives how many were removed.
    ///
    /// # Errors
    /// As [`ServerStore::settle`].
    pub async fn clear_acked<H: Host>(
        &self,
        host: &mut H,
        most: Option<u64>,
        keep: u64,
        failed: bool,
    ) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        let most = most.unwrap_or(u64::MAX);
        work(host, &attached, move |attached| {
            attached.change("clear", &attached.shared.table.clear(failed, most, keep))
        })
        .await
    }

    /// The dead letters, in the order of their numbers.
    ///
    /// # Errors
    /// As [`ServerStore::settle`].
    pub async fn dead_letters<H: Host>(&self, host: &mut H) -> Result<Vec<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, |attached| {
            attached.server.repeat("read", attached.options.timeout, |session| {
                let gave = session.run_last(&attached.shared.table.dead())?;
                gave.rows.into_iter().map(|mut row| read(&mut row)).collect()
            })
        })
        .await
    }

    /// Has dead letters wait again, as if they had never been tried. Gives how many there were.
    ///
    /// # Errors
    /// As [`ServerStore::settle`].
    pub async fn requeue_dead<H: Host>(&self, host: &mut H, ids: Vec<i64>) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| {
            if ids.is_empty() {
                return Ok(0);
            }
            let requeued = attached.change("requeue in", &attached.shared.table.requeue(&ids))?;
            attached.shared.signals.items.notify_all();
            Ok(requeued)
        })
        .await
    }

    /// Removes dead letters. Gives how many there were.
    ///
    /// # Errors
    /// As [`ServerStore::settle`].
    pub async fn drop_dead<H: Host>(&self, host: &mut H, ids: Vec<i64>) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.attached()?;
        work(host, &attached, move |attached| {
            if ids.is_empty() {
                return Ok(0);
            }
            let dropped = attached.change("delete from", &attached.shared.table.drop_dead(&ids))?;
            attached.shared.signals.tell_of_a_take();
            Ok(dropped)
        })
        .await
    }
}

impl Attachment {
    /// Carries out a statement that may be carried out twice. Gives how many rows it changed.
    pub(super) fn change(&self, action: &'static str, text: &str) -> Result<u64> {
        let patience = self.options.timeout;
        self.server.repeat(action, patience, |session| Ok(session.run_last(text)?.affected))
    }

    /// See [`ServerStore::settle`].
    pub(super) fn settle(
        &self,
        rows: &[(i64, Option<i64>)],
        settlement: Settlement,
    ) -> Result<Vec<Option<i64>>> {
        let mut settled = self.settle_as(rows, settlement, self.holder_name())?;
        for ((id, token), settled) in rows.iter().zip(&mut settled) {
            if settled.is_none() && token.is_none() {
                *settled = self.settle_for_the_dead(*id, settlement)?;
            }
        }
        let signals = &self.shared.signals;
        if matches!(settlement, Settlement::Back { .. } | Settlement::Undone) {
            signals.items.notify_all();
        }
        signals.tell_of_a_take();
        Ok(settled)
    }

    /// What a dead one held can be settled by its number.
    fn settle_for_the_dead(&self, id: i64, settlement: Settlement) -> Result<Option<i64>> {
        let (server, patience) = (&self.server, self.options.timeout);
        let text = self.shared.table.holder_of(id);
        let holder: Option<String> =
            server.repeat("look into", patience, |session| one(session.run_last(&text)?))?;
        match holder.filter(|holder| is_name(holder)) {
            Some(holder)
                if holder != self.holder_name() && !server.is_alive(&holder, patience)? =>
            {
                Ok(self.settle_as(&[(id, None)], settlement, &holder)?.pop().flatten())
            }
            _ => Ok(None),
        }
    }

    fn settle_as(
        &self,
        rows: &[(i64, Option<i64>)],
        settlement: Settlement,
        holder: &str,
    ) -> Result<Vec<Option<i64>>> {
        let patience = self.options.timeout;
        let delivered: Vec<_> =
            rows.iter().map(|(id, token)| Delivered { id: *id, holder, token: *token }).collect();
        match self.server.once(patience, |session| self.settle_in(session, &delivered, settlement))
        {
            Ok(settled) => Ok(settled),
            Err(Unmade::Refused(error)) => Err(error),
            Err(Unmade::Said(error)) => {
                Err(explain("settle an item of", self.server.address(), error))
            }
            // Whatever came of it, a second time changes nothing that the first one changed.
            Err(Unmade::Unknown(_)) => {
                self.server.repeat("settle an item of", patience, |session| {
                    let settled = self.settle_in(session, &delivered, settlement)?;
                    let pairs = delivered.iter().zip(settled);
                    pairs
                        .map(|(delivered, settled)| match settled {
                            Some(id) => Ok(Some(id)),
                            None => self.is_settled(session, *delivered, settlement),
                        })
                        .collect()
                })
            }
        }
    }

    fn settle_in(
        &self,
        session: &mut Pooled,
        delivered: &[Delivered<'_>],
        settlement: Settlement,
    ) -> Result<Vec<Option<i64>>, Said> {
        let moves = matches!(settlement, Settlement::Back { last: true, .. });
        let mut statements: Vec<_> =
            delivered.iter().map(|one| self.settlement(*one, settlement)).collect();
        let alone = statements.len() == 1 && !moves;
        if !alone {
            statements.insert(0, BEGIN.to_owned());
        }
        let tell = self.shared.table.dialect.tell(&self.shared.table);
        if matches!(settlement, Settlement::Back { .. } | Settlement::Undone) && !tell.is_empty() {
            statements.push(tell);
        }
        if !alone && !moves {
            statements.push(COMMIT.to_owned());
        }
        let gave = session.run(&statements.join("; "))?;
        let changed = |gave: &Gave| gave.affected > 0;
        let changed: Vec<_> = gave.iter().skip(usize::from(!alone)).map(changed).collect();
        let mut settled: Vec<_> = delivered
            .iter()
            .zip(changed)
            .map(|(delivered, changed)| changed.then_some(delivered.id))
            .collect();
        if moves {
            for id in settled.iter_mut().flatten() {
                let number = session
                    .run_last(&self.shared.table.dialect.move_back(&self.shared.table, *id))?;
                *id = one(number)?.unwrap_or(*id);
            }
            session.run(COMMIT)?;
        }
        Ok(settled)
    }

    fn settlement(&self, delivered: Delivered<'_>, settlement: Settlement) -> String {
        let table = &self.shared.table;
        match settlement {
            Settlement::Acked if !self.options.keep_acked => table.drop_held(delivered),
            Settlement::Acked => table.finish(delivered, Status::Acked),
            Settlement::Failed => table.finish(delivered, Status::Failed),
            Settlement::Undone => table.undo(delivered),
            Settlement::Back { delay, .. } => {
                let rest = match delay {
                    Some(delay) => milliseconds(delay).to_string(),
                    None => self.backoff(),
                };
                table.give_back(delivered, &rest, self.options.max_attempts)
            }
        }
    }

    /// How long a row rests, by how often it was tried.
    fn backoff(&self) -> String {
        let first = self.options.backoff;
        if first.is_zero() {
            return "0".to_owned();
        }
        let whole = self.shared.table.dialect.texts().whole_number;
        let (first, longest) = (milliseconds(first), milliseconds(LONGEST_BACKOFF.max(first)));
        format!("CAST(LEAST({first} * POW(2, LEAST(attempts, 40) - 1), {longest}) AS {whole})")
    }

    /// Whether a settlement came through whose answer was lost.
    fn is_settled(
        &self,
        session: &mut Pooled,
        delivered: Delivered<'_>,
        settlement: Settlement,
    ) -> Result<Option<i64>, Said> {
        let gave = session.run_last(&self.shared.table.state(delivered.id))?;
        let state = gave.rows.into_iter().next();
        let state: Option<(i64, i64)> = state
            .map(|mut row| -> Result<_, Said> { Ok((column(&mut row, 0)?, column(&mut row, 1)?)) })
            .transpose()?;
        let same = |token| delivered.token.is_none_or(|ours| ours == token);
        let settled = match (settlement, state) {
            (Settlement::Acked, None) => !self.options.keep_acked,
            (Settlement::Acked, Some((status, token))) => {
                status == Status::Acked as i64 && same(token)
            }
            (Settlement::Failed, Some((status, token))) => {
                status == Status::Failed as i64 && same(token)
            }
            (Settlement::Back { last, .. }, None) => last,
            // It is not held under this token any more, so it went back.
            (Settlement::Back { .. } | Settlement::Undone, Some((status, token))) => {
                status != Status::Acked as i64
                    && status != Status::Failed as i64
                    && (status != Status::Held as i64 || !same(token))
            }
            (Settlement::Failed | Settlement::Undone, None) => false,
        };
        Ok(settled.then_some(delivered.id))
    }

    pub(super) fn resume(&self) -> Result<u64> {
        let (table, patience) = (&self.shared.table, self.options.timeout);
        let holders = self.server.repeat("resume", patience, |session| {
            let gave = session.run_last(&table.holders())?;
            let read = |mut row| column::<Option<String>>(&mut row, 0);
            gave.rows.into_iter().map(read).collect::<Result<Vec<_>, Said>>()
        })?;
        let mut resumed = 0;
        for holder in holders.into_iter().flatten().filter(|holder| is_name(holder)) {
            if !self.server.is_alive(&holder, patience)? {
                resumed +=
                    self.change("resume", &table.resume(&holder, self.options.max_attempts))?;
            }
        }
        if resumed > 0 {
            self.shared.signals.items.notify_all();
        }
        Ok(resumed)
    }
}
