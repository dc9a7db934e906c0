//! Where the server is, and who asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::sql::Tls;
use crate::{Error, Result};

/// A database on a server, and how it is reached. The password is shown nowhere.
///
/// ```
/// use persist_queue::ServerAddress;
///
/// let address = ServerAddress::new("db.example", "jobs", "secret", "work").port(3307);
/// assert_eq!(address.to_string(), "mysql://jobs@db.example:3307/work");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    pub(super) tls: Tls,
    pub(super) connect_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) skip_locked: bool,
}

impl ServerAddress {
    /// A database on port 3306, without TLS, 10 seconds to connect, at most 10 connections.
    pub fn new(
        host: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<String>,
        database: impl Into<String>,
    ) -> Self {
        Self {
            host: host.into(),
            port: 3306,
            user: user.into(),
            password: password.into(),
            database: database.into(),
            tls: Tls::Off,
            connect_timeout: Duration::from_secs(10),
            max_connections: 10,
            skip_locked: true,
        }
    }

    /// Reads `mysql://user:password@host:port/database`; what is special in a part is written as
    /// `%40` and the like.
    ///
    /// # Errors
    /// [`Error::Invalid`], which does not repeat the URL: it holds a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let wrong = |what: String| {
            let form = "mysql://user:password@host:port/database";
            Error::Invalid(format!("this is no address of a MySQL database ({form}): {what}"))
        };
        let parsed = mysql::Opts::from_url(url).map_err(|error| wrong(error.to_string()))?;
        let database = parsed.get_db_name().unwrap_or_default();
        if database.is_empty() {
            return Err(wrong("the database is missing".to_owned()));
        }
        let (user, password) = (parsed.get_user(), parsed.get_pass());
        let host = parsed.get_ip_or_hostname().into_owned();
        let address =
            Self::new(host, user.unwrap_or("root"), password.unwrap_or_default(), database);
        Ok(address.port(parsed.get_tcp_port()))
    }

    /// The port; 3306 by default.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Whether the connection is encrypted; it is not by default.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How long connecting may take, resolving the name and being let in included; 10 seconds by
    /// default. As long a connection that breaks is tried to be replaced.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// How many connections this process has at most to this database; 10 by default. Whoever comes
    /// when all are in use waits for one.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Whether claims lock rows and pass those that are locked (`SKIP LOCKED`), where the server's version
    /// can; they do by default. Otherwise who is slower with a row tries the next one. For servers that say
    /// that they can and cannot.
    #[must_use]
    pub fn skip_locked(mut self, skip: bool) -> Self {
        self.skip_locked = skip;
        self
    }

    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(formatter, "mysql://{user}@{host}:{port}/{database}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let address = ServerAddress::from_url("mysql://me:s%40cret@host:99/jobs").unwrap();
        assert_eq!(address.password, "s@cret");
        assert_eq!(format!("{address}"), "mysql://me@host:99/jobs");
        assert!(!format!("{address:?}").contains("cret"));
        for wrong in ["mysql://me:s3cret@host:99999999/x", "mysql://me:s3cret@host", "s3cret"] {
            let error = ServerAddress::from_url(wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
