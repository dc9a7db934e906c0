//! How a queue on a server is named.

use std::fmt;
use std::path::PathBuf;

use super::locator::{Behind, decoded, encoded, split, tail};
use crate::sql::{Flavour, Tls};
use crate::{Error, Result};

/// A make of database server, as URLs name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMake {
    /// MySQL or MariaDB: `mysql://`.
    MySql,
    /// PostgreSQL: `postgresql://`, and `postgres://` is read too.
    Postgres,
}

impl ServerMake {
    /// The make whose URLs begin so, and what is behind that.
    pub(super) fn of(url: &str) -> Option<(Self, &str)> {
        let makes = [Self::MySql, Self::Postgres].into_iter();
        let mut read = makes.filter_map(|make| {
            let (scheme, rest) = url.split_once("://")?;
            (scheme == make.scheme() || scheme == "postgres" && make == Self::Postgres)
                .then_some((make, rest))
        });
        read.next()
    }

    /// How its URLs begin.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::Postgres => "postgresql",
        }
    }

    fn user(self) -> &'static str {
        match self {
            Self::MySql => "root",
            Self::Postgres => "postgres",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::MySql => 3306,
            Self::Postgres => 5432,
        }
    }

    /// The variable of the environment that holds the password.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::MySql => "PERSISTQUEUE_MYSQL_PASSWORD",
            Self::Postgres => "PERSISTQUEUE_POSTGRES_PASSWORD",
        }
    }

    /// Does not repeat the URL: there may be a password in it.
    fn invalid(self, why: &str) -> Error {
        let scheme = self.scheme();
        Error::Invalid(format!(
            "this is no URL of a queue on a server ({scheme}://USER@HOST:PORT/DATABASE#NAME?kind=KIND): {why}"
        ))
    }
}

/// A queue in a database on a server. There is no password in it: those in URLs end up in lists of
/// processes and histories of shells. It is in the environment instead, see [`ServerLocator::password`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLocator {
    /// What server it is.
    pub make: ServerMake,
    /// Who connects; `root` on MySQL and `postgres` on PostgreSQL where nobody is given.
    pub user: String,
    /// The server.
    pub host: String,
    /// Its port; 3306 on MySQL and 5432 on PostgreSQL where none is given.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The queue's name.
    pub name: Option<String>,
    /// The queue's kind.
    pub flavour: Option<Flavour>,
    /// Whether the connection is encrypted.
    pub tls: Tls,
}

impl ServerLocator {
    /// Reads what is behind the scheme.
    pub(super) fn read(make: ServerMake, rest: &str) -> Result<Self> {
        let invalid = |why: &str| make.invalid(why);
        let refused = || {
            invalid(&format!(
                "a password in a URL can be read by others; leave it out, and set {} (an '@' that is \
                 none of it is written %40)",
                make.variable()
            ))
        };
        if rest.split_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(refused());
        }
        let (front, Behind { name, flavour, others }) = split(rest, &invalid)?;
        let (server, database) =
            front.split_once('/').ok_or_else(|| invalid("it names no database"))?;
        let (user, server) = server.rsplit_once('@').unwrap_or((make.user(), server));
        if user.contains(':') {
            return Err(refused());
        }
        let (host, port) = host_and_port(make, server)?;
        if host.is_empty() || host.contains(['[', ']']) || database.is_empty() {
            return Err(invalid("it must name a host and a database"));
        }
        let (mut tls, mut ca) = (None, None);
        for (option, value) in others {
            match option.as_str() {
                "tls" => tls = Some(value),
                "tls_ca" => ca = Some(PathBuf::from(value)),
                _ => return Err(invalid(&format!("there is no option '{option}'"))),
            }
        }
        Ok(Self {
            make,
            user: decoded(user, &invalid)?,
            host: host.to_owned(),
            port,
            database: decoded(database, &invalid)?,
            name,
            flavour,
            tls: Tls::of(tls.as_deref(), ca)?,
        })
    }
}

/// `[::1]:3307`, `[::1]`, `db.example:3307`, `db.example`.
fn host_and_port(make: ServerMake, server: &str) -> Result<(&str, u16)> {
    let in_brackets = server.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) =
        in_brackets.unwrap_or_else(|| server.split_at(server.rfind(':').unwrap_or(server.len())));
    if port.is_empty() {
        return Ok((host, make.port()));
    }
    let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
    Ok((host, port.ok_or_else(|| make.invalid("the port is no number"))?))
}

impl fmt::Display for ServerLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { make, user, host, port, database, name, flavour, tls } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let (scheme, user) = (make.scheme(), encoded(user));
        write!(f, "{scheme}://{user}@{host}:{port}/{}", encoded(database))?;
        let (tls, ca) = tls.words();
        let ca = ca.map(|ca| ca.to_string_lossy());
        let others = [("tls", tls), ("tls_ca", ca.as_deref())];
        tail(f, name.as_deref(), *flavour, &others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> ServerLocator {
        let (make, rest) = ServerMake::of(url).unwrap();
        ServerLocator::read(make, rest).unwrap()
    }

    #[test]
    fn a_server_has_a_user_a_port_a_database_and_how_it_is_encrypted() {
        let bare = read("mysql://db.example/shop");
        let ServerLocator { user, host, port, database, name, flavour, tls, .. } = bare;
        assert_eq!((user.as_str(), host.as_str(), port), ("root", "db.example", 3306));
        assert_eq!((database.as_str(), name, flavour, tls), ("shop", None, None, Tls::Off));
        let whole = read("mysql://me%40home@[::1]:3307/shop?tls=required&tls_ca=a%26b#jobs");
        assert_eq!(
            (whole.user.as_str(), whole.host.as_str(), whole.port),
            ("me@home", "::1", 3307)
        );
        let bare = read("postgresql://db.example/shop");
        assert_eq!(
            (bare.user.as_str(), bare.port, bare.make),
            ("postgres", 5432, ServerMake::Postgres)
        );
        assert_eq!(read("postgres://db.example/shop"), bare);
        assert_eq!(whole.tls, Tls::Required { ca: Some("a&b".into()) });
        assert_eq!(whole.name.as_deref(), Some("jobs"));
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for url in [
            "mysql://me@db.example:3307/shop#jobs?kind=unique",
            "mysql://me%40home@[::1]:3306/shop?tls=preferred",
            "mysql://me@host:3306/a%2Fb#c%23d?kind=ack&tls=required&tls_ca=a%26b",
            "postgresql://me%40home@[::1]:5433/shop#jobs?kind=ack&tls=preferred",
        ] {
            assert_eq!(read(url).to_string(), url);
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for url in [
            "me:secret@host/shop",
            "me:sec/secret@host/shop",
            "me:sec#secret@host/shop",
            "me:s@secret@host/shop",
            "me@home:secret@host/shop",
            "me@[::1:secret@host/shop",
            "me:secret",
            "host/shop?password=secret",
            "host:secret/shop",
            "[::1]secret/shop",
        ] {
            for make in [ServerMake::MySql, ServerMake::Postgres] {
                let error = ServerLocator::read(make, url).unwrap_err().to_string();
                assert!(!error.contains("secret"), "{error}");
            }
        }
    }
}
