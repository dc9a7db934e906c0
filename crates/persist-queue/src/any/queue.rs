//! A queue of bytes, whatever holds it.

use std::path::Path;

use super::locator::Locator;
use super::open::{Opening, Place};
use super::resume::Resumable;
use super::view::AnyView;
use crate::file::{FileStore, Options, Patience};
use crate::sql::Kind;
use crate::sqlite::{Aside, Held, Put, PutOptions, Settlement, SqliteOptions, SqliteStore, Which};
use crate::wait::{Thread, Wait, now};
use crate::{Error, Result};

/// Owner of everything that is taken here: it is finished together.
const OWNER: u64 = u64::MAX;

/// See the module. Of a queue in a folder only one process at a time can take.
#[derive(Debug)]
pub struct AnyQueue {
    store: Store,
    place: Place,
    /// What went wrong behind items that were given out; the next take tells it.
    untold: Option<Error>,
}

#[derive(Debug)]
enum Store {
    File { store: FileStore, codec: String },
    Sqlite(SqliteStore),
}

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
    File { store: &'a FileStore, sequences: Vec<u64> },
    Aside(Aside<'a>),
    Rows { store: &'a SqliteStore, rows: Vec<(i64, Option<i64>)> },
}

impl AnyQueue {
    /// Opens the queue. A folder that persist-queue 1.x wrote is converted.
    ///
    /// # Errors
    /// As [`Place::find`], [`Options::open_with`] and [`SqliteOptions::open_with`].
    pub fn open(locator: &Locator, opening: &Opening) -> Result<Self> {
        let place = Place::find(locator, opening.create)?;
        let store = match &place {
            Place::File { dir, .. } => {
                let mut options = Options::new().maxsize(opening.maxsize);
                if let Some(durability) = opening.durability {
                    options = options.durability(durability);
                }
                let stored = AnyView::codec_in(&place)?;
                let codec = stored.unwrap_or_else(|| opening.codec.clone());
                let store = FileStore::open(dir, &codec, options, Patience::Wait)?;
                Store::File { store, codec }
            }
            Place::Sqlite { path, table } => {
                let mut options = SqliteOptions::new()
                    .name(&table.name)
                    .kind(table.flavour.kind)
                    .maxsize(opening.maxsize);
                if let Some(durability) = opening.durability {
                    options = options.durability(durability);
                }
                Store::Sqlite(SqliteStore::open(path, options, table.flavour.acks)?)
            }
        };
        Ok(Self { store, place, untold: None })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The name of the serializer that the queue remembers. Those in databases remember none.
    pub fn codec(&self) -> Option<&str> {
        match &self.store {
            Store::File { codec, .. } => Some(codec),
            Store::Sqlite(_) => None,
        }
    }

    /// Puts payloads in one piece, all of them or none; a process that is killed in the middle may
    /// leave the first ones of them in a folder. Gives how many were stored: what waits already in a
    /// unique queue is not.
    ///
    /// # Errors
    /// [`Error::Full`] where there was no room in time; [`Error::Invalid`] for an option that the
    /// queue does not have; as [`FileStore::put`] and [`SqliteStore::put`].
    pub fn put(&self, payloads: &[Vec<u8>], options: PutOptions, wait: Wait) -> Result<u64> {
        if payloads.is_empty() {
            return Ok(0);
        }
        match &self.store {
            Store::File { store, .. } => {
                if options != PutOptions::default() {
                    return Err(unknown_option(
                        "a queue in a folder has no priority, delay or ttl",
                    ));
                }
                store.put(&mut Thread, payloads, wait).now()?;
                Ok(payloads.len() as u64)
            }
            Store::Sqlite(store) => {
                if options.priority != 0 && store.options().order() != Kind::Priority {
                    return Err(unknown_option(
                        "only a queue of the kind 'priority' has priorities",
                    ));
                }
                if !store.acks() && (options.delay.is_some() || options.ttl.is_some()) {
                    return Err(unknown_option(
                        "only a queue with acknowledgements has delay and ttl",
                    ));
                }
                let puts = payloads
                    .iter()
                    .map(|data| Put { data: data.clone(), options, ..Put::default() })
                    .collect();
                let ids = now(store.put(&mut Thread, puts, wait))?;
                Ok(ids.iter().flatten().count() as u64)
            }
        }
    }

    /// Takes up to `most` items: waits as `wait` says for the first one, and takes what else is there.
    /// None where none came in time.
    ///
    /// # Errors
    /// [`Error::Corrupted`] once for each damaged place, [`Error::ConsumedElsewhere`]; as
    /// [`FileStore::take`] and [`SqliteStore::hold`].
    pub fn take(&mut self, most: usize, wait: Wait) -> Result<Taken<'_>> {
        if let Some(error) = self.untold.take() {
            return Err(error);
        }
        match &self.store {
            Store::File { store, .. } => take_records(store, most, wait, &mut self.untold),
            Store::Sqlite(store) if store.acks() => {
                let held = now(store.hold(&mut Thread, wait, Which::Next, None, most))?;
                let rows = held.iter().map(|held| (held.row.id, Some(held.token))).collect();
                let items = held.into_iter().map(Item::from).collect();
                Ok(Taken { items, hold: Some(Hold::Rows { store, rows }) })
            }
            Store::Sqlite(store) => {
                let aside = store.aside()?;
                let items = aside.take(most, wait)?;
                let items = items
                    .into_iter()
                    .map(|row| Item {
                        id: row.id.cast_unsigned(),
                        payload: row.data,
                        attempts: None,
                    })
                    .collect();
                Ok(Taken { items, hold: Some(Hold::Aside(aside)) })
            }
        }
    }

    /// Goes on with puts that were ended early and are called `name`, or begins them. In a folder nobody
    /// else may put until they are finished.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no part of a file's name; [`Error::Io`],
    /// [`Error::Locked`], [`Error::Database`].
    pub fn resumable(&self, name: &str) -> Result<Resumable<'_>> {
        match (&self.store, &self.place) {
            (Store::Sqlite(store), Place::Sqlite { table, .. }) => {
                Resumable::in_table(self, store, table.table(), name)
            }
            _ => Resumable::in_folder(self, name),
        }
    }

    /// The folder or database, as an absolute path.
    pub fn path(&self) -> &Path {
        match &self.store {
            Store::File { store, .. } => store.dir(),
            Store::Sqlite(store) => store.path(),
        }
    }

    /// Removes all items that wait; gives how many there were.
    ///
    /// # Errors
    /// As [`FileStore::purge`] and [`SqliteStore::purge`].
    pub fn purge(&self) -> Result<u64> {
        match &self.store {
            Store::File { store, .. } => Ok(now(store.purge(&mut Thread))?),
            Store::Sqlite(store) => Ok(now(store.purge(&mut Thread))?),
        }
    }

    /// The store, where it is a queue with acknowledgements: those alone have dead letters.
    pub fn acknowledged(&self) -> Option<&SqliteStore> {
        match &self.store {
            Store::Sqlite(store) if store.acks() => Some(store),
            _ => None,
        }
    }

    /// Has everything that was done survive a dead machine.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk refuses.
    pub fn flush(&self) -> Result<()> {
        match &self.store {
            Store::File { store, .. } => Ok(now(store.flush(&mut Thread))?),
            Store::Sqlite(_) => Ok(()),
        }
    }

    /// Closes the queue; what was taken and is not final goes back.
    ///
    /// # Errors
    /// As [`FileStore::close`] and [`SqliteStore::close`].
    pub fn close(&self) -> Result<()> {
        match &self.store {
            Store::File { store, .. } => store.close(),
            Store::Sqlite(store) => store.close(),
        }
    }
}

fn unknown_option(why: &str) -> Error {
    Error::Invalid(why.to_owned())
}

fn take_records<'a>(
    store: &'a FileStore,
    most: usize,
    wait: Wait,
    untold: &mut Option<Error>,
) -> Result<Taken<'a>> {
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
    Ok(Taken { items, hold: Some(Hold::File { store, sequences }) })
}

impl From<Held> for Item {
    fn from(held: Held) -> Self {
        let id = held.row.id.cast_unsigned();
        Self { id, payload: held.row.data, attempts: Some(held.attempts) }
    }
}

impl Taken<'_> {
    /// What was taken, in its order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items are done, and do not come back.
    ///
    /// # Errors
    /// [`Error::NotHeld`] where somebody else has one of them by now; [`Error::Io`],
    /// [`Error::Locked`], [`Error::Database`]. Then some of them come back.
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
