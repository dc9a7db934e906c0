//! Getting many rows in one transaction, by the rules of a single get: each row is made into its item
//! first and deleted afterwards.

use std::sync::Arc;

use super::batch::Fate;
use super::claims::Owner;
use super::connection::found_no_room;
use super::get::{LOSSES, Unsettled, delete, find_each};
use super::store::{Attachment, Row, SqliteStore, Undecoded, Which, work};
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
    pub fn get_many<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        most: usize,
        mut decode: impl FnMut(&mut H, &Row) -> Result<T, Undecoded<H::Error>>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        if most == 0 {
            return Ok(Vec::new());
        }
        if self.batches() {
            return self.get_many_batched(host, thread, wait, most, decode);
        }
        let items = self.wait(
            host,
            |shared| &shared.signals.items,
            wait,
            |host, attached| {
                for _ in 0..LOSSES {
                    let owner = Owner { handle: attached.handle, thread };
                    let attempt = self.try_get_many(host, attached, owner, most, &mut decode)?;
                    match attempt {
                        // Other processes were faster with all of them.
                        Attempt::Done(items) if items.is_empty() => {}
                        attempt => return Ok(attempt),
                    }
                }
                let one = self.try_get(host, attached, thread, Which::Next, &mut decode)?;
                Ok(match one {
                    Attempt::Done(item) => Attempt::Done(vec![item]),
                    Attempt::NotBefore(time) => Attempt::NotBefore(time),
                    Attempt::NotYet => Attempt::NotYet,
                    Attempt::Busy => Attempt::Busy,
                })
            },
        )?;
        Ok(items.unwrap_or_default())
    }

    fn try_get_many<T, H: Host>(
        &self,
        host: &mut H,
        attached: &Arc<Attachment>,
        owner: Owner,
        most: usize,
        decode: &mut impl FnMut(&mut H, &Row) -> Result<T, Undecoded<H::Error>>,
    ) -> Result<Attempt<Vec<T>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let terms = self.terms();
        let held = Arc::clone(attached);
        let found = work(host, attached, move |attached| {
            let mut found = Vec::new();
            attached.database.read(terms.patience, |connection| {
                find_each(connection, &attached.shared, owner, Which::Next, |row| {
                    let guard = Unsettled { attached: Arc::clone(&held), id: Some(row.id) };
                    found.push((guard, row));
                    found.len() < most
                })
            })?;
            Ok(found)
        })?;
        if found.is_empty() {
            return Ok(Attempt::NotYet);
        }
        let (mut items, mut rows, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for (mut guard, row) in found {
            match decode(host, &row) {
                Ok(item) => items.push(item),
                Err(Undecoded::Broken(_)) if !items.is_empty() => break,
                Err(undecoded) => return Err(guard.refuse(undecoded)),
            }
            rows.push(row);
            guards.push(guard);
        }
        let taken = work(host, attached, move |attached| {
            let rows = Arc::new(rows);
            let delete_first = |count: usize| {
                let (shared, rows) = (Arc::clone(&attached.shared), Arc::clone(&rows));
                attached.database.write(terms, move |session| {
                    let first = rows.iter().take(count);
                    first.map(|row| delete(session, &shared, row)).collect::<Result<Vec<_>, _>>()
                })
            };
            match delete_first(rows.len()) {
                // On a full disk there may be room for one.
                Err(error) if found_no_room(&error) && rows.len() > 1 => delete_first(1),
                taken => taken,
            }
        })?;
        for (guard, _) in guards.iter_mut().zip(&taken).filter(|(_, taken)| **taken) {
            guard.settle();
        }
        drop(guards);
        attached.shared.signals.space.notify_all();
        let mut taken = taken.into_iter();
        items.retain(|_| taken.next().unwrap_or(false));
        Ok(Attempt::Done(items))
    }

    /// In memory each is taken by itself: that writes nothing.
    fn get_many_batched<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        most: usize,
        mut decode: impl FnMut(&mut H, &Row) -> Result<T, Undecoded<H::Error>>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        let (mut items, mut taken) = (Vec::new(), Vec::new());
        let mut wait = wait;
        while items.len() < most {
            let mut broken_later = false;
            let is_first = items.is_empty();
            let item = self.get_batched(host, thread, wait, Which::Next, |host, row| {
                taken.push(row.id);
                decode(host, row).map_err(|undecoded| match undecoded {
                    Undecoded::Broken(error) if !is_first => {
                        broken_later = true;
                        // It waits on, for the next get to come to it.
                        Undecoded::Interrupted(error)
                    }
                    undecoded => undecoded,
                })
            });
            match item {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(_) if broken_later => break,
                Err(error) => {
                    self.no_longer_takes(&taken);
                    return Err(error);
                }
            }
            wait = Wait::No;
        }
        Ok(items)
    }

    /// Has rows wait again that are in flight.
    fn no_longer_takes(&self, rows: &[i64]) {
        // A closed queue has given back everything.
        let Ok(attached) = self.attached() else { return };
        let Some(batch) = &attached.batch else { return };
        for id in rows {
            batch.settle(&attached, *id, Fate::GivenBack);
        }
        attached.shared.signals.items.notify_all();
    }
}
