//! Where the server is, and who asks.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use super::engine::{Engine, Make};
use crate::sql::Tls;
use crate::{Error, Result};

/// A database on a server, whatever its make, and how it is reached. The password is shown nowhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    pub(crate) engine: &'static dyn Engine,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    pub(crate) tls: Tls,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) skip_locked: bool,
}

/// A database on a server of this make, and how it is reached. The password is shown nowhere.
///
/// ```
/// use persist_queue::MySqlAddress;
///
/// let address = MySqlAddress::new("db.example", "jobs", "secret", "work").port(3307);
/// assert_eq!(address.to_string(), "mysql://jobs@db.example:3307/work");
/// ```
pub struct Address<M> {
    pub(crate) address: ServerAddress,
    make: PhantomData<fn(M) -> M>,
}

/// What is in a URL.
#[derive(Debug)]
pub struct UrlParts {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: Option<String>,
}

impl<M: Make> Address<M> {
    /// A database on the port that such servers listen on, without TLS, 10 seconds to connect, at most 10 connections.
    pub fn new(
        host: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<String>,
        database: impl Into<String>,
    ) -> Self {
        let address = ServerAddress {
            engine: M::ENGINE,
            host: host.into(),
            port: M::ENGINE.port(),
            user: user.into(),
            password: password.into(),
            database: database.into(),
            tls: Tls::Off,
            connect_timeout: Duration::from_secs(10),
            max_connections: 10,
            skip_locked: true,
        };
        Self { address, make: PhantomData }
    }

    /// Reads `scheme://user:password@host:port/database`; what is special in a part is written as
    /// `%40` and the like.
    ///
    /// # Errors
    /// [`Error::Invalid`], which does not repeat the URL: it holds a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let engine = M::ENGINE;
        let wrong = |what: String| {
            let (name, scheme) = (engine.name(), engine.scheme());
            let form = format!("{scheme}://user:password@host:port/database");
            Error::Invalid(format!("this is no address of a {name} database ({form}): {what}"))
        };
        let UrlParts { host, port, user, password, database } =
            engine.read_url(url).map_err(wrong)?;
        let database = database.filter(|database| !database.is_empty());
        let database = database.ok_or_else(|| wrong("the database is missing".to_owned()))?;
        let user = user.unwrap_or_else(|| engine.user().to_owned());
        Ok(Self::new(host, user, password.unwrap_or_default(), database).port(port))
    }

    /// The port; by default the one that such servers listen on.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.address.port = port;
        self
    }

    /// Whether the connection is encrypted; it is not by default.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.address.tls = tls;
        self
    }

    /// How long connecting may take, resolving the name and being let in included; 10 seconds by
    /// default. As long a connection that breaks is tried to be replaced.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.address.connect_timeout = time;
        self
    }

    /// How many connections this process has at most to this database; 10 by default. Whoever comes
    /// when all are in use waits for one.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.address.max_connections = connections.max(1);
        self
    }

    /// Whether claims lock rows and pass those that are locked (`SKIP LOCKED`), where the server's version
    /// can; they do by default. Otherwise who is slower with a row tries the next one. For servers that say
    /// that they can and cannot.
    #[must_use]
    pub fn skip_locked(mut self, skip: bool) -> Self {
        self.address.skip_locked = skip;
        self
    }
}

impl ServerAddress {
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, host, port, user, database, .. } = self;
        write!(formatter, "{}://{user}@{host}:{port}/{database}", engine.scheme())
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerAddress")
            .field("address", &self.to_string())
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl<M> Deref for Address<M> {
    type Target = ServerAddress;

    fn deref(&self) -> &ServerAddress {
        &self.address
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), make: PhantomData }
    }
}

impl<M> PartialEq for Address<M> {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl<M> Eq for Address<M> {}

impl<M> fmt::Display for Address<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, formatter)
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.address, formatter)
    }
}

#[cfg(all(test, feature = "mysql"))]
mod tests {
    use super::*;
    use crate::mysql::MySql;

    #[test]
    fn a_password_is_shown_nowhere() {
        let address = Address::<MySql>::from_url("mysql://me:s%40cret@host:99/jobs").unwrap();
        assert_eq!(address.address.password, "s@cret");
        assert_eq!(format!("{address}"), "mysql://me@host:99/jobs");
        assert!(!format!("{address:?}").contains("cret"));
        for wrong in ["mysql://me:s3cret@host:99999999/x", "mysql://me:s3cret@host", "s3cret"] {
            let error = Address::<MySql>::from_url(wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
