//! How a queue is named: a path, or a URL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::sql::Flavour;
use crate::{Error, Result};

/// Where a queue is, as it was written:
///
/// | written | what it names |
/// | --- | --- |
/// | `PATH` | the queue in this folder or database, whichever is there |
/// | `file:PATH` | the queue in this folder |
/// | `sqlite:PATH#NAME?kind=KIND` | a queue in this database; `NAME` and `KIND` can be left out where there is only one |
/// | `mysql://USER@HOST:PORT/DATABASE#NAME?kind=KIND` | a queue on a server |
///
/// In URLs of databases `%23` stands for `#`, and so on. Kinds are those of [`Flavour`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// A path: what is there decides.
    Path(PathBuf),
    /// A queue in a folder.
    File(PathBuf),
    /// A queue in an SQLite database.
    Sqlite(SqliteLocator),
    /// A queue in a MySQL database.
    Mysql(MysqlLocator),
}

/// A queue in an SQLite database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteLocator {
    /// The database file, or the folder with a `data.db` in it.
    pub path: PathBuf,
    /// The queue's name.
    pub name: Option<String>,
    /// The queue's kind.
    pub flavour: Option<Flavour>,
}

/// A queue in a MySQL database. There is no password in it: those in URLs end up in lists of
/// processes and histories of shells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlLocator {
    /// Who connects.
    pub user: Option<String>,
    /// The server.
    pub host: String,
    /// Its port, 3306 where none is given.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The queue's name.
    pub name: Option<String>,
    /// The queue's kind.
    pub flavour: Option<Flavour>,
}

impl FromStr for Locator {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::Invalid("a queue's path or URL cannot be empty".to_owned()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(not_empty(text, without_slashes(path))?));
        }
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let (path, Behind { name, flavour }) = split(text, without_slashes(rest))?;
            let path = not_empty(text, &decoded(text, path)?)?;
            return Ok(Self::Sqlite(SqliteLocator { path, name, flavour }));
        }
        if let Some(rest) = text.strip_prefix("mysql://") {
            return mysql(text, rest).map(Self::Mysql);
        }
        Ok(Self::Path(PathBuf::from(text)))
    }
}

/// `file:///tmp/q` is `file:/tmp/q`.
fn without_slashes(path: &str) -> &str {
    path.strip_prefix("//").unwrap_or(path)
}

fn not_empty(url: &str, path: &str) -> Result<PathBuf> {
    if path.is_empty() {
        return Err(invalid(url, "it names no path"));
    }
    Ok(PathBuf::from(path))
}

fn invalid(url: &str, why: &str) -> Error {
    Error::Invalid(format!("the URL '{url}' cannot be understood: {why}"))
}

#[derive(Default)]
struct Behind {
    name: Option<String>,
    flavour: Option<Flavour>,
}

/// What is in front of `#NAME` and `?kind=KIND`, which come in either order, and those two.
fn split<'a>(url: &str, rest: &'a str) -> Result<(&'a str, Behind)> {
    let start = rest.find(['#', '?']).unwrap_or(rest.len());
    let (front, mut rest) = rest.split_at(start);
    let mut behind = Behind::default();
    while let Some(mark) = rest.chars().next() {
        let part = &rest[mark.len_utf8()..];
        let end = part.find(['#', '?']).unwrap_or(part.len());
        let (part, later) = part.split_at(end);
        if mark == '#' {
            behind.name = Some(decoded(url, part)?);
        } else {
            for option in part.split('&').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("kind", kind)) => behind.flavour = Some(kind.parse()?),
                    _ => return Err(invalid(url, &format!("there is no option '{option}'"))),
                }
            }
        }
        rest = later;
    }
    Ok((front, behind))
}

fn decoded(url: &str, text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'?'));
        let digits = std::str::from_utf8(&digits).unwrap_or("?");
        let value = u8::from_str_radix(digits, 16);
        bytes.push(value.map_err(|_| invalid(url, "two digits must follow a '%'"))?);
    }
    String::from_utf8(bytes).map_err(|_| invalid(url, "it is not UTF-8"))
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        match character {
            '%' => encoded.push_str("%25"),
            '#' => encoded.push_str("%23"),
            '?' => encoded.push_str("%3F"),
            _ => encoded.push(character),
        }
    }
    encoded
}

fn mysql(url: &str, rest: &str) -> Result<MysqlLocator> {
    let (front, Behind { name, flavour }) = split(url, rest)?;
    let (server, database) =
        front.split_once('/').ok_or_else(|| invalid(url, "it names no database"))?;
    let (user, server) = match server.rsplit_once('@') {
        Some((user, server)) => (Some(user), server),
        None => (None, server),
    };
    if user.is_some_and(|user| user.contains(':')) {
        let why = "a password in a URL can be read by others: leave it out";
        return Err(Error::Invalid(why.to_owned()));
    }
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => {
            (host, port.parse().map_err(|_| invalid(url, "the port is no number"))?)
        }
        None => (server, 3306),
    };
    if host.is_empty() || database.is_empty() {
        return Err(invalid(url, "it must name a host and a database"));
    }
    Ok(MysqlLocator {
        user: user.map(|user| decoded(url, user)).transpose()?,
        host: host.to_owned(),
        port,
        database: decoded(url, database)?,
        name,
        flavour,
    })
}

/// As it can be read again, and as errors and lists show it.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Sqlite(SqliteLocator { path, name, flavour }) => {
                write!(f, "sqlite:{}", encoded(&path.to_string_lossy()))?;
                tail(f, name.as_deref(), *flavour)
            }
            Self::Mysql(MysqlLocator { user, host, port, database, name, flavour }) => {
                write!(f, "mysql://")?;
                if let Some(user) = user {
                    write!(f, "{}@", encoded(user))?;
                }
                write!(f, "{host}:{port}/{}", encoded(database))?;
                tail(f, name.as_deref(), *flavour)
            }
        }
    }
}

fn tail(f: &mut fmt::Formatter<'_>, name: Option<&str>, flavour: Option<Flavour>) -> fmt::Result {
    if let Some(name) = name {
        write!(f, "#{}", encoded(name))?;
    }
    flavour.map_or(Ok(()), |flavour| write!(f, "?kind={flavour}"))
}

impl Locator {
    /// The path that it names, if it names one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::File(path) => Some(path),
            Self::Sqlite(sqlite) => Some(&sqlite.path),
            Self::Mysql(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Kind;

    fn read(text: &str) -> Locator {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        for path in ["my_queue", "./a#b?c", "/tmp/50%", "C:odd"] {
            assert_eq!(read(path), Locator::Path(path.into()));
        }
        assert_eq!(read("file:/tmp/q#1"), Locator::File("/tmp/q#1".into()));
        assert_eq!(read("file:///tmp/q"), Locator::File("/tmp/q".into()));
    }

    #[test]
    fn a_database_has_a_name_and_a_kind_behind_its_path() {
        let ack = Flavour { kind: Kind::Filo, acks: true };
        let whole = Locator::Sqlite(SqliteLocator {
            path: "d/data.db".into(),
            name: Some("jobs".to_owned()),
            flavour: Some(ack),
        });
        assert_eq!(read("sqlite:d/data.db#jobs?kind=ack-filo"), whole);
        assert_eq!(read("sqlite:d/data.db?kind=ack-filo#jobs"), whole);
        let bare = SqliteLocator { path: "a?b".into(), name: None, flavour: None };
        assert_eq!(read("sqlite:a%3Fb"), Locator::Sqlite(bare));
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for text in [
            "my_queue",
            "file:q",
            "sqlite:a%23b.db#50%25?kind=priority",
            "mysql://me@db.example:3307/shop#jobs?kind=unique",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "empty"),
            ("file:", "no path"),
            ("sqlite:#jobs", "no path"),
            ("sqlite:a?kind=stack", "stack"),
            ("sqlite:a?speed=9", "speed=9"),
            ("sqlite:a%2", "two digits"),
            ("mysql://host", "no database"),
            ("mysql://me:secret@host/shop", "password"),
        ] {
            let error = text.parse::<Locator>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
