//! Getting many rows in one transaction, by the rules of a single get: each row is made into its item
//! first and deleted afterwards.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::batch::Fate;
use super::claims::Owner;
use super::connection::found_no_room;
use super::get::{Claimed, find_each};
use super::store::{Attachment, SqliteStore, work};
use crate::sql::{Decode, Row, Undecoded, Which};
use crate::wait::{Attempt, Host, Wait};
use crate::{Error, Result};

impl SqliteStore {
    /// Gets up to `most` items for `thread`: waits as `wait` says for the first one, and takes what
    /// else is there. Nothing where none came in time.
    ///
    /// Where `decode` cannot make an item of a row, the items before it are given, and the next get
    /// comes to that row first.
    ///
    /// # Errors
    /// As [`SqliteStore::get`]: what `decode` said of the first row; where it was interrupted, all
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
        if self.batches() {
            return self.get_many_batched(host, thread, wait, most, decode).await;
        }
        let attached = self.attached()?;
        let mut waits = self.tries(&attached, &attached.shared.signals.items, wait);
        loop {
            let owner = Owner { handle: attached.handle, thread };
            let mut tried = self.try_get_many(host, &attached, owner, most, &mut decode).await?;
            if matches!(&tried, Attempt::Done(items) if items.is_empty()) {
                // Other processes were faster with all of them.
                let one = self.try_get(host, &attached, thread, Which::Next, &mut decode).await?;
                tried = match one {
                    Attempt::Done(item) => Attempt::Done(vec![item]),
                    Attempt::NotBefore(time) => Attempt::NotBefore(time),
                    Attempt::NotYet => Attempt::NotYet,
                    Attempt::Busy => Attempt::Busy,
                };
            }
            if let ControlFlow::Break(items) = waits.pace(host, tried).await? {
                return Ok(items.unwrap_or_default());
            }
        }
    }

    async fn try_get_many<T, H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        owner: Owner,
        most: usize,
        decode: &mut impl Decode<T, H>,
    ) -> Result<Attempt<Vec<T>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let terms = self.terms();
        let theirs = Arc::clone(attached);
        let found = work(host, attached, move |attached| {
            let mut found = Vec::new();
            attached.database.read(terms.patience, |connection| {
                find_each(connection, &attached.shared, owner, Which::Next, |row| {
                    found.push(Claimed::new(&theirs, row));
                    found.len() < most
                })
            })?;
            Ok(found)
        })
        .await?;
        if found.is_empty() {
            return Ok(Attempt::NotYet);
        }
        let (mut items, mut claimed) = (Vec::new(), Vec::new());
        for row in found {
            match decode.decode(host, &row.row).await {
                Ok(item) => items.push(item),
                Err(Undecoded::Broken(_)) if !items.is_empty() => break,
                Err(undecoded) => return Err(row.refuse(undecoded)),
            }
            claimed.push(row);
        }
        // On a full disk there may be room for one.
        let first = claimed.first().cloned().filter(|_| claimed.len() > 1);
        let (deleted, taken) = match (attached.delete(host, terms, claimed).await?, first) {
            (Err(error), Some(first)) if found_no_room(&error) => {
                attached.delete(host, terms, vec![first]).await??
            }
            (deleted, _) => deleted?,
        };
        taken.accept();
        attached.shared.signals.tell_of_a_take();
        let mut deleted = deleted.into_iter();
        items.retain(|_| deleted.next().unwrap_or(false));
        Ok(Attempt::Done(items))
    }

    /// In memory each is taken by itself: that writes nothing.
    async fn get_many_batched<T, H: Host>(
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
        let mut items = Vec::new();
        let mut given = Given { store: self, rows: Vec::new() };
        let mut wait = wait;
        while items.len() < most {
            let is_first = items.is_empty();
            let rows = &mut given.rows;
            let mut one = OneOfMany { decode: &mut decode, rows, is_first, broken_later: false };
            let item = self.get_batched(host, thread, wait, Which::Next, &mut one).await;
            match item {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(_) if one.broken_later => break,
                Err(error) => return Err(error),
            }
            wait = Wait::No;
        }
        given.rows.clear();
        Ok(items)
    }
}

/// One of the rows that are gotten together.
struct OneOfMany<'a, D> {
    decode: &'a mut D,
    rows: &'a mut Vec<i64>,
    is_first: bool,
    broken_later: bool,
}

impl<T, H: Host, D: Decode<T, H>> Decode<T, H> for OneOfMany<'_, D> {
    async fn decode(&mut self, host: &mut H, row: &Row) -> Result<T, Undecoded<H::Error>> {
        self.rows.push(row.id);
        match self.decode.decode(host, row).await {
            Err(Undecoded::Broken(error)) if !self.is_first => {
                self.broken_later = true;
                // It waits on, for the next get to come to it.
                Err(Undecoded::Interrupted(error))
            }
            decoded => decoded,
        }
    }
}

/// Rows in flight, which wait again if this is dropped.
struct Given<'a> {
    store: &'a SqliteStore,
    rows: Vec<i64>,
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        // A closed queue has given back everything.
        let Ok(attached) = self.store.attached() else { return };
        let Some(batch) = &attached.batch else { return };
        for id in &self.rows {
            batch.settle(&attached, *id, Fate::GivenBack);
        }
        attached.shared.signals.items.notify_all();
    }
}
