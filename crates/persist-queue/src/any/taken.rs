//! What was taken and is not final: how each store keeps it, and what becomes of it.

use crate::file::FileStore;
#[cfg(feature = "server")]
use crate::server::ServerStore;
use crate::sql::{Held, Settlement, Which};
#[cfg(feature = "server")]
use crate::sql::{Row, Undecoded};
use crate::sqlite::{Aside, SqliteStore};
use crate::wait::{Thread, Wait, now};
use crate::{Error, Result};

use super::sql_store::SqlStore;

/// Owner of everything that is taken here: it is finished together.
const OWNER: u64 = u64::MAX;

/// An item that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number: in a folder that of the record, in a database that of the row.
    pub id: u64,
    /// The serialized item.
    pub payload: Vec<u8>,
    /// How often it was delivered, this time included, where that is counted.
    pub attempts: Option<u32>,
}

/// Items that were taken and are not final. Dropped, they go back; so they do if the process dies.
#[derive(Debug)]
pub struct Taken<'a> {
    items: Vec<Item>,
    hold: Option<Hold<'a>>,
}

#[derive(Debug)]
enum Hold<'a> {
    File {
        store: &'a FileStore,
        sequences: Vec<u64>,
    },
    /// In a table of their own.
    Aside(Aside<'a>),
    /// Held by a queue with acknowledgements.
    Rows {
        store: &'a SqlStore,
        rows: Vec<(i64, Option<i64>)>,
    },
    /// In their places, and locked on the server.
    #[cfg(feature = "server")]
    Locked {
        store: &'a ServerStore,
        rows: Vec<Row>,
    },
}

impl From<Held> for Item {
    fn from(held: Held) -> Self {
        let id = held.row.id.cast_unsigned();
        Self { id, payload: held.row.data, attempts: Some(held.attempts) }
    }
}

fn item(id: i64, payload: Vec<u8>) -> Item {
    Item { id: id.cast_unsigned(), payload, attempts: None }
}

impl<'a> Taken<'a> {
    pub(super) fn of_folder(
        store: &'a FileStore,
        most: usize,
        wait: Wait,
        untold: &mut Option<Error>,
    ) -> Result<Self> {
        let (mut items, mut sequences): (Vec<Item>, _) = (Vec::new(), Vec::new());
        let mut payload = Vec::new();
        while items.len() < most {
            let wait = if items.is_empty() { wait } else { Wait::No };
            match store.take(&mut Thread, OWNER, wait, &mut payload).now() {
                Ok(Some(taken)) => {
                    let id = taken.sequence();
                    taken.keep();
                    sequences.push(id);
                    let payload = std::mem::take(&mut payload);
                    items.push(Item { id, payload, attempts: None });
                }
                Ok(None) => break,
                Err(error) if items.is_empty() => return Err(*error),
                Err(error) => {
                    *untold = Some(*error);
                    break;
                }
            }
        }
        Ok(Self { items, hold: Some(Hold::File { store, sequences }) })
    }

    pub(super) fn held(store: &'a SqlStore, most: usize, wait: Wait) -> Result<Self> {
        let held = now(store.hold(&mut Thread, wait, Which::Next, None, most))?;
        let rows = held.iter().map(|held| (held.row.id, Some(held.token))).collect();
        let items = held.into_iter().map(Item::from).collect();
        Ok(Self { items, hold: Some(Hold::Rows { store, rows }) })
    }

    pub(super) fn aside(store: &'a SqliteStore, most: usize, wait: Wait) -> Result<Self> {
        let aside = store.aside()?;
        let rows = aside.take(most, wait)?;
        let items = rows.into_iter().map(|row| item(row.id, row.data)).collect();
        Ok(Self { items, hold: Some(Hold::Aside(aside)) })
    }

    /// `store` keeps what it takes until it is done.
    #[cfg(feature = "server")]
    pub(super) fn locked(store: &'a ServerStore, most: usize, wait: Wait) -> Result<Self> {
        let decode = |_: &mut Thread, row: &Row| Ok::<_, Undecoded<Box<Error>>>(row.clone());
        let mut rows = now(store.get_many(&mut Thread, OWNER, wait, most, decode))?;
        let items = rows.iter_mut().map(|row| item(row.id, std::mem::take(&mut row.data)));
        let items = items.collect();
        Ok(Self { items, hold: Some(Hold::Locked { store, rows }) })
    }

    /// What was taken, in its order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items are done, and do not come back.
    ///
    /// # Errors
    /// [`Error::NotHeld`] where somebody else has one of them by now; [`Error::Io`],
    /// [`Error::Locked`], [`Error::Connect`], [`Error::Database`]. Then some of them come back.
    pub fn finish(mut self) -> Result<()> {
        let hold = self.hold.take();
        if self.items.is_empty() {
            return Ok(());
        }
        match hold {
            None => Ok(()),
            Some(Hold::File { store, .. }) => Ok(store.task_done(&mut Thread, OWNER).now()?),
            Some(Hold::Aside(aside)) => aside.finish(),
            Some(Hold::Rows { store, rows }) => {
                let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
                let settled = now(store.settle(&mut Thread, rows, Settlement::Acked))?;
                let lost = ids.into_iter().zip(settled).find(|(_, settled)| settled.is_none());
                match lost {
                    Some((id, _)) => Err(Error::NotHeld { path: store.path().to_owned(), id }),
                    None => Ok(()),
                }
            }
            #[cfg(feature = "server")]
            Some(Hold::Locked { store, rows }) => {
                let done = now(store.task_done(&mut Thread, OWNER));
                if done.is_err() {
                    now(store.give_back(&mut Thread, rows))?;
                }
                Ok(done?)
            }
        }
    }

    /// The items wait again, each in its place. In a queue with acknowledgements that counts as an
    /// attempt where `tried` says so.
    ///
    /// # Errors
    /// As [`Taken::finish`]; then they come back when the queue is opened again.
    pub fn give_back(mut self, tried: bool) -> Result<()> {
        self.hold.take().map_or(Ok(()), |hold| hold.give_back(tried))
    }
}

impl Hold<'_> {
    fn give_back(self, tried: bool) -> Result<()> {
        match self {
            Self::File { store, sequences } => {
                for sequence in sequences {
                    store.give_back(OWNER, sequence);
                }
                Ok(())
            }
            Self::Aside(aside) => aside.give_back(),
            Self::Rows { store, rows } => {
                let settlement = if tried {
                    Settlement::Back { delay: None, last: false }
                } else {
                    Settlement::Undone
                };
                now(store.settle(&mut Thread, rows, settlement))?;
                Ok(())
            }
            #[cfg(feature = "server")]
            Self::Locked { store, rows } => Ok(now(store.give_back(&mut Thread, rows))?),
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.items.is_empty() {
            return;
        }
        if let Some(Err(error)) = self.hold.take().map(|hold| hold.give_back(false)) {
            tracing::warn!(%error, "items come back when the queue is opened again");
        }
    }
}
