//! A queue of bytes, whatever holds it.

use std::path::Path;

use super::locator::Locator;
use super::open::{Opening, Place};
use super::resume::Resumable;
use super::sql_store::SqlStore;
use super::taken::Taken;
use super::view::AnyView;
use crate::file::{FileStore, Options, Patience};
#[cfg(feature = "nats")]
use crate::nats::{NatsAddress, NatsOptions, NatsTable};
#[cfg(feature = "server")]
use crate::server::{ServerAddress, ServerStore};
use crate::sql::{Put, PutOptions, QueueTable};
use crate::sqlite::{SqliteOptions, SqliteStore};
use crate::wait::{Thread, Wait, now};
use crate::{Error, Result};

/// See the module. Of a queue in a folder only one process at a time can take.
#[derive(Debug)]
pub struct AnyQueue {
    store: Store,
    place: Place,
    /// Takes from a queue on a server, without acknowledgements: until it is done what it has taken is
    /// locked there.
    #[cfg(feature = "server")]
    taking: Option<ServerStore>,
    /// What went wrong behind items that were given out; the next take tells it.
    untold: Option<Error>,
}

#[derive(Debug)]
enum Store {
    File { store: FileStore, codec: String },
    Sql(SqlStore),
}

impl AnyQueue {
    /// Opens the queue. A folder that persist-queue 1.x wrote is converted.
    ///
    /// # Errors
    /// As [`Place::find`], [`Options::open_with`] and [`SqliteOptions::open_with`];
    /// [`Error::Invalid`] for a level of durability on a server.
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
                Store::Sql(SqlStore::Sqlite(open_sqlite(path, table, opening)?))
            }
            #[cfg(feature = "server")]
            Place::Server { address, table } => {
                Store::Sql(SqlStore::Server(open_on_server(address, table, opening)?))
            }
            #[cfg(feature = "nats")]
            Place::Nats { address, table } => {
                Store::Sql(SqlStore::Nats(open_on_nats(address, table, opening)?))
            }
        };
        Ok(Self {
            store,
            place,
            #[cfg(feature = "server")]
            taking: None,
            untold: None,
        })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The name of the serializer that the queue remembers. Those in databases remember none.
    pub fn codec(&self) -> Option<&str> {
        match &self.store {
            Store::File { codec, .. } => Some(codec),
            Store::Sql(_) => None,
        }
    }

    /// Puts payloads in one piece, all of them or none; a process that is killed in the middle may
    /// leave the first ones of them in a folder. On NATS they are no one piece: [`Error::PutInPart`]. Gives how many were stored: what waits already in a
    /// unique queue is not.
    ///
    /// # Errors
    /// [`Error::Full`] where there was no room in time; [`Error::Invalid`] for an option that the
    /// queue does not have; as [`FileStore::put`] and [`SqliteStore::put`].
    pub fn put(&self, payloads: &[Vec<u8>], options: PutOptions, wait: Wait) -> Result<u64> {
        if payloads.is_empty() {
            return Ok(0);
        }
        self.check_options(options)?;
        match &self.store {
            Store::File { store, .. } => {
                store.put(&mut Thread, payloads, wait).now()?;
                Ok(payloads.len() as u64)
            }
            Store::Sql(store) => {
                let ids = now(store.put(&mut Thread, puts(payloads, options), wait))?;
                Ok(ids.iter().flatten().count() as u64)
            }
        }
    }

    pub(super) fn check_options(&self, options: PutOptions) -> Result<()> {
        match self.place.table() {
            Some(table) => options.check(table.flavour),
            None if options == PutOptions::default() => Ok(()),
            None => {
                let why = "a queue in a folder has no priority, delay or ttl";
                Err(Error::Invalid(why.to_owned()))
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
            Store::File { store, .. } => Taken::of_folder(store, most, wait, &mut self.untold),
            Store::Sql(store) if store.acks() => Taken::held(store, most, wait),
            Store::Sql(SqlStore::Sqlite(store)) => Taken::aside(store, most, wait),
            // The server holds what anybody takes.
            #[cfg(feature = "nats")]
            Store::Sql(sql @ SqlStore::Nats(_)) => Taken::held(sql, most, wait),
            #[cfg(feature = "server")]
            Store::Sql(SqlStore::Server(store)) => {
                let taking = match self.taking.take() {
                    Some(taking) => taking,
                    None => store.batching()?,
                };
                Taken::locked(self.taking.insert(taking), most, wait)
            }
        }
    }

    /// Goes on with puts that were ended early and are called `name`, or begins them. In a folder and on NATS
    /// nobody else may put until they are finished.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no part of a file's name; [`Error::Io`],
    /// [`Error::Locked`], [`Error::Database`].
    pub fn resumable(&self, name: &str) -> Result<Resumable<'_>> {
        match (&self.store, &self.place) {
            (Store::Sql(SqlStore::Sqlite(store)), Place::Sqlite { table, .. }) => {
                Resumable::in_table(self, store, table.table(), name)
            }
            #[cfg(feature = "server")]
            (Store::Sql(SqlStore::Server(store)), _) => Resumable::on_server(self, store, name),
            #[cfg(feature = "nats")]
            (Store::Sql(SqlStore::Nats(store)), _) => Resumable::on_nats(self, store.store(), name),
            _ => Resumable::in_folder(self, name),
        }
    }

    /// The folder or database, as an absolute path.
    pub fn path(&self) -> &Path {
        match &self.store {
            Store::File { store, .. } => store.dir(),
            Store::Sql(store) => store.path(),
        }
    }

    /// Removes all items that wait; gives how many there were.
    ///
    /// # Errors
    /// As [`FileStore::purge`] and [`SqliteStore::purge`].
    pub fn purge(&self) -> Result<u64> {
        match &self.store {
            Store::File { store, .. } => Ok(now(store.purge(&mut Thread))?),
            Store::Sql(store) => Ok(now(store.purge(&mut Thread))?),
        }
    }

    /// The store, where it is a queue with acknowledgements: those alone have dead letters.
    pub fn acknowledged(&self) -> Option<&SqlStore> {
        match &self.store {
            Store::Sql(store) if store.acks() => Some(store),
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
            Store::Sql(_) => Ok(()),
        }
    }

    /// Closes the queue; what was taken and is not final goes back.
    ///
    /// # Errors
    /// As [`FileStore::close`] and [`SqliteStore::close`].
    pub fn close(&self) -> Result<()> {
        #[cfg(feature = "server")]
        if let Some(taking) = &self.taking {
            taking.close()?;
        }
        match &self.store {
            Store::File { store, .. } => store.close(),
            Store::Sql(store) => store.close(),
        }
    }
}

pub(super) fn puts(payloads: &[Vec<u8>], options: PutOptions) -> Vec<Put> {
    let put = |data: &Vec<u8>| Put { data: data.clone(), options, ..Put::default() };
    payloads.iter().map(put).collect()
}

fn open_sqlite(path: &Path, table: &QueueTable, opening: &Opening) -> Result<SqliteStore> {
    let mut options =
        SqliteOptions::new().name(&table.name).kind(table.flavour.kind).maxsize(opening.maxsize);
    if let Some(durability) = opening.durability {
        options = options.durability(durability);
    }
    SqliteStore::open(path, options, table.flavour.acks)
}

#[cfg(feature = "nats")]
fn open_on_nats(address: &NatsAddress, table: &QueueTable, opening: &Opening) -> Result<NatsTable> {
    check_durability(opening, address)?;
    let options =
        NatsOptions::new().name(&table.name).kind(table.flavour.kind).maxsize(opening.maxsize);
    NatsTable::open(address, options, table.flavour.acks)
}

#[cfg(any(feature = "nats", feature = "server"))]
fn check_durability(opening: &Opening, address: &impl std::fmt::Display) -> Result<()> {
    if opening.durability.is_some() {
        let why = format!("the settings of {address} say what a put survives, and not who puts");
        return Err(Error::Invalid(why));
    }
    Ok(())
}

#[cfg(feature = "server")]
fn open_on_server(
    address: &ServerAddress,
    table: &QueueTable,
    opening: &Opening,
) -> Result<ServerStore> {
    check_durability(opening, address)?;
    ServerStore::at(address, table, opening.maxsize)
}
