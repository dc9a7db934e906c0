//! From the name of a queue on a server to the server.

use std::path::PathBuf;

use super::locator::Locator;
use super::open::Place;
use super::password::password;
use super::server_locator::{ServerLocator, ServerMake};
use super::tables::Wanted;
use crate::Result;
use crate::server::{Address, Make, ServerAddress, ServerView};
use crate::sql::QueueTable;

impl ServerMake {
    /// As queues are called there that nobody gives a name: on MySQL as in persist-queue 1.x.
    fn unnamed(self) -> &'static str {
        match self {
            Self::MySql => "sql",
            Self::Postgres => "default",
        }
    }
}

impl ServerLocator {
    /// The password for the server: what the variable `PERSISTQUEUE_MYSQL_PASSWORD` of the environment holds
    /// (on PostgreSQL `PERSISTQUEUE_POSTGRES_PASSWORD`); else what is in the file that the variable names whose
    /// name has `_FILE` behind that, without the end of its last line; else none, which is empty.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the file cannot be read, [`Error::Invalid`](crate::Error::Invalid) where it is not UTF-8.
    pub fn password(&self) -> Result<String> {
        Ok(password(self.make.variable())?.unwrap_or_default())
    }

    /// The database, with the password that [`ServerLocator::password`] gives.
    ///
    /// # Errors
    /// As there; [`Error::Invalid`](crate::Error::Invalid) where this build has no support for the make.
    pub fn address(&self) -> Result<ServerAddress> {
        match self.make {
            #[cfg(feature = "mysql")]
            ServerMake::MySql => self.address_of::<crate::mysql::MySql>(),
            #[cfg(feature = "postgres")]
            ServerMake::Postgres => self.address_of::<crate::postgres::Postgres>(),
            #[cfg(not(all(feature = "mysql", feature = "postgres")))]
            _ => Err(super::open::unsupported(&Locator::Server(self.clone()))),
        }
    }

    fn address_of<M: Make>(&self) -> Result<ServerAddress> {
        let Self { user, host, port, database, tls, .. } = self;
        let address = Address::<M>::new(host, user, self.password()?, database);
        Ok(address.port(*port).tls(tls.clone()).address)
    }

    fn wanted(&self, address: &ServerAddress) -> Wanted<'_> {
        Wanted {
            name: self.name.as_deref(),
            flavour: self.flavour,
            unnamed: self.make.unnamed(),
            database: PathBuf::from(address.to_string()),
        }
    }

    pub(super) fn find(&self, create: bool) -> Result<Place> {
        let address = self.address()?;
        let found = ServerView::open(&address)?.queues()?;
        let table = self.wanted(&address).choose(&found, create)?;
        Ok(Place::Server { address, table })
    }

    /// All queues that it may mean.
    pub(super) fn find_all(&self) -> Result<Vec<(Locator, Place)>> {
        let address = self.address()?;
        let wanted = self.wanted(&address);
        let found = ServerView::open(&address)?.queues()?;
        let one = |table: QueueTable| {
            let (name, flavour) = (Some(table.name.clone()), Some(table.flavour));
            let locator = Locator::Server(Self { name, flavour, ..self.clone() });
            (locator, Place::Server { address: address.clone(), table })
        };
        Ok(found.into_iter().filter(|table| wanted.fits(table)).map(one).collect())
    }
}
