//! Several changes in queues of one database, in one transaction: all of them or none.

use std::sync::{Arc, Mutex};

use super::ack::Settling;
use super::commit::Terms;
use super::database::Database;
use super::lock;
use super::options::SqliteOptions;
use super::put::insert_all;
use super::session::Session;
use super::store::{Attachment, SqliteStore};
use crate::sql::{Put, Settlement};
use crate::wait::Host;
use crate::{Error, Result};

/// One change of a transaction.
#[derive(Debug, Clone)]
pub enum Change {
    /// An item is put.
    Put(Put),
    /// A held row is settled, as [`SqliteStore::settle`] does.
    Settle {
        /// The row's number.
        id: i64,
        /// The delivery that this is about; whatever delivery of this object where it is not given.
        token: Option<i64>,
        /// What becomes of it.
        settlement: Settlement,
    },
}

impl SqliteStore {
    /// Makes all of the changes, each in its queue and in this order, or none of them. Waits for no
    /// room. Gives a row's number for each change: nothing for an item that waits already in a queue
    /// of [`Kind::Unique`](crate::sql::Kind::Unique).
    ///
    /// The commit waits for the disk where one of the queues is at
    /// [`Durability::Disk`](crate::Durability::Disk).
    ///
    /// # Errors
    /// [`Error::Full`] where a queue has no room; [`Error::NotHeld`] where a row is settled that is not
    /// held any more; what [`SqliteStore::check_change`] says; [`Error::Closed`], [`Error::Locked`],
    /// [`Error::Io`], [`Error::Database`]. After an error nothing was changed, in no queue.
    pub async fn change_all<H: Host>(
        &self,
        host: &mut H,
        changes: Vec<(&Self, Change)>,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let parts = changes.into_iter().map(|(store, change)| {
            self.check_change(store, &change)?;
            Part::new(store, change)
        });
        let parts: Arc<[Part]> = parts.collect::<Result<_>>()?;
        let Some(terms) = parts.iter().map(Part::terms).reduce(strictest) else {
            return Ok(Vec::new());
        };
        let refusal = Arc::new(Mutex::new(None));
        let (theirs, keep) = (Arc::clone(&parts), Arc::clone(&refusal));
        let attached = self.attached()?;
        let written = attached.try_write_into(
            host,
            terms,
            move |session: &mut Session| {
                // Of a try before this one.
                *lock(&keep) = None;
                theirs.iter().map(|part| part.make(session, &keep)).collect::<Result<Vec<_>, _>>()
            },
            move |done| {
                // Also where a task is not there any more to be told that it is done.
                parts.iter().zip(&done).for_each(|(part, done)| part.tell(*done));
                done
            },
        );
        let written = written.await?;
        match lock(&refusal).take() {
            Some(refusal) if written.is_err() => Err(refusal.into()),
            _ => Ok(written?),
        }
    }

    /// Says so where this change in the queue `store` cannot be part of a transaction with changes in
    /// this one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a queue in another database, for one with
    /// [`auto_commit`](SqliteOptions::auto_commit) off, and for a change that its kind of queue does
    /// not know; [`Error::Closed`].
    pub fn check_change(&self, store: &Self, change: &Change) -> Result<()> {
        store.check_direct()?;
        let (own, other) = (self.attached()?, store.attached()?);
        if !is_same(&own.database, &other.database) {
            return Err(Error::Invalid(format!(
                "one transaction can change one database, not {} and {}",
                self.path().display(),
                store.path().display()
            )));
        }
        match change {
            Change::Put(put) => put.options.check(store.flavour()),
            Change::Settle { .. } if store.acks => Ok(()),
            Change::Settle { .. } => Err(Error::Invalid(
                "in a queue without acknowledgements nothing is held that could be settled"
                    .to_owned(),
            )),
        }
    }

    /// A transaction that is open has no place among changes that are kept in memory.
    pub(super) fn check_direct(&self) -> Result<()> {
        if !self.batches() {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "the queue {} in {} was opened with auto_commit off, and takes no part in transactions: \
             open it once more, with auto_commit",
            self.options.name,
            self.path().display()
        )))
    }
}

/// Whether it is one database, be it opened by two names of its file.
fn is_same(one: &Arc<Database>, other: &Arc<Database>) -> bool {
    Arc::ptr_eq(one, other) || (one.identity.is_some() && one.identity == other.identity)
}

fn strictest(one: Terms, other: Terms) -> Terms {
    Terms {
        full: one.full || other.full,
        patience: one.patience.max(other.patience),
        grows: one.grows || other.grows,
    }
}

/// A change, and where it is made.
struct Part {
    attached: Arc<Attachment>,
    options: Arc<SqliteOptions>,
    terms: Terms,
    change: Change,
}

impl Part {
    fn new(store: &SqliteStore, mut change: Change) -> Result<Self> {
        if let Change::Put(item) = &mut change {
            store.complete(item)?;
        }
        let (attached, options) = (store.attached()?, Arc::clone(&store.options));
        let terms = Terms { grows: matches!(change, Change::Put(_)), ..store.terms() };
        Ok(Self { attached, options, terms, change })
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    /// Makes the change. Where the queue refuses it, the reason is kept in `refusal`, and the error only
    /// has what was changed before rolled back.
    fn make(
        &self,
        session: &mut Session,
        refusal: &Mutex<Option<Error>>,
    ) -> rusqlite::Result<Option<i64>> {
        let path = || self.attached.database.place.path().to_owned();
        let refused = match &self.change {
            Change::Put(item) => {
                let limit = self.options.maxsize;
                let items = std::slice::from_ref(item);
                match insert_all(session, &self.attached.shared, items, limit)? {
                    Some(ids) => return Ok(ids.into_iter().next().flatten()),
                    None => Error::Full { path: path(), limit },
                }
            }
            Change::Settle { id, token, settlement } => {
                let settling = Settling::new(&self.attached, Arc::clone(&self.options));
                match settling.settle(session, *id, *token, *settlement)? {
                    Some(id) => return Ok(Some(id)),
                    None => Error::NotHeld { path: path(), id: *id },
                }
            }
        };
        *lock(refusal) = Some(refused);
        Err(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Wakes those who wait for what the change brought.
    fn tell(&self, done: Option<i64>) {
        let signals = &self.attached.shared.signals;
        match (&self.change, done) {
            (Change::Put(_), Some(_)) => signals.items.notify_one(),
            (Change::Put(_), None) => {}
            (Change::Settle { settlement, .. }, _) => signals.tell_of(*settlement),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_strictest_terms_hold() {
        let quick = Terms { full: false, patience: Duration::from_secs(1), grows: true };
        let safe = Terms { full: true, patience: Duration::from_secs(2), grows: false };
        for terms in [strictest(quick, safe), strictest(safe, quick)] {
            assert!(terms.full && terms.grows);
            assert_eq!(terms.patience, safe.patience);
        }
    }
}
