//! How a queue is named: a path, or a URL.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::nats_locator::NatsLocator;
use super::server_locator::{ServerLocator, ServerMake};
use crate::sql::Flavour;
use crate::{Error, Result};

/// Where a queue is, as it was written:
///
/// | written | what it names |
/// | --- | --- |
/// | `PATH` | the queue in this folder or database, whichever is there |
/// | `file:PATH` | the queue in this folder |
/// | `sqlite:PATH#NAME?kind=KIND` | a queue in this database; `NAME` and `KIND` can be left out where there is only one |
/// | `mysql://USER@HOST:PORT/DATABASE#NAME?kind=KIND` | a queue on a MySQL or MariaDB server |
/// | `postgresql://USER@HOST:PORT/DATABASE#NAME?kind=KIND` | a queue on a PostgreSQL server |
/// | `nats://USER@HOST:PORT,HOST:PORT/NAME?kind=KIND` | a queue on a NATS server or cluster |
///
/// In URLs of databases `%23` stands for `#`, and so on. Kinds are those of [`Flavour`]. A URL of a
/// server may have more options: `tls` and `tls_ca`, as [`Tls::of`](crate::sql::Tls::of) reads them, and
/// `credentials`, a file, on NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// A path: what is there decides.
    Path(PathBuf),
    /// A queue in a folder.
    File(PathBuf),
    /// A queue in an SQLite database.
    Sqlite(SqliteLocator),
    /// A queue in a database on a server.
    Server(ServerLocator),
    /// A queue on a NATS server or cluster.
    Nats(NatsLocator),
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
            let invalid = |why: &str| invalid(text, why);
            let (path, Behind { name, flavour, others }) = split(without_slashes(rest), &invalid)?;
            if let Some((option, value)) = others.first() {
                return Err(invalid(&format!("there is no option '{option}={value}'")));
            }
            let path = not_empty(text, &decoded(path, &invalid)?)?;
            return Ok(Self::Sqlite(SqliteLocator { path, name, flavour }));
        }
        if let Some((make, rest)) = ServerMake::of(text) {
            return ServerLocator::read(make, rest).map(Self::Server);
        }
        if let Some(rest) = NatsLocator::of(text) {
            return NatsLocator::read(rest).map(Self::Nats);
        }
        Ok(Self::Path(PathBuf::from(text)))
    }
}

/// `file:///tmp/q` is `file:/tmp/q`, and `file:////tmp/q` is `//tmp/q`.
fn without_slashes(path: &str) -> &str {
    path.strip_prefix("//").unwrap_or(path)
}

/// What [`without_slashes`] takes away, for a path that begins like that itself.
fn slashes(path: &Path) -> &'static str {
    if path.to_string_lossy().starts_with("//") { "//" } else { "" }
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

/// What is behind a path or a database.
#[derive(Debug, Default)]
pub(super) struct Behind {
    pub(super) name: Option<String>,
    pub(super) flavour: Option<Flavour>,
    /// Options that not all URLs have.
    pub(super) others: Vec<(String, String)>,
}

/// What is in front of `#NAME` and `?kind=KIND`, which come in either order, and those two.
pub(super) fn split<'a>(
    rest: &'a str,
    invalid: &impl Fn(&str) -> Error,
) -> Result<(&'a str, Behind)> {
    let start = rest.find(['#', '?']).unwrap_or(rest.len());
    let (front, mut rest) = rest.split_at(start);
    let mut behind = Behind::default();
    while let Some(mark) = rest.chars().next() {
        let part = &rest[mark.len_utf8()..];
        let end = part.find(['#', '?']).unwrap_or(part.len());
        let (part, later) = part.split_at(end);
        if mark == '#' {
            behind.name = Some(decoded(part, invalid)?);
        } else {
            for option in part.split('&').filter(|option| !option.is_empty()) {
                match option.split_once('=').unwrap_or((option, "")) {
                    ("kind", kind) => behind.flavour = Some(kind.parse()?),
                    (option, value) => {
                        behind.others.push((option.to_owned(), decoded(value, invalid)?));
                    }
                }
            }
        }
        rest = later;
    }
    Ok((front, behind))
}

pub(super) fn decoded(text: &str, invalid: &impl Fn(&str) -> Error) -> Result<String> {
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
        bytes.push(value.map_err(|_| invalid("two digits must follow a '%'"))?);
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))
}

fn encoded_path(path: &Path) -> String {
    replaced(&path.to_string_lossy(), "%#?")
}

/// A part of a URL that has several.
pub(super) fn encoded(part: &str) -> String {
    replaced(part, "%#?&@:/")
}

fn replaced(text: &str, special: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        if special.contains(character) {
            // All of them are ASCII.
            let _ = write!(encoded, "%{:02X}", u32::from(character));
        } else {
            encoded.push(character);
        }
    }
    encoded
}

/// As it can be read again, and as errors and lists show it.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::File(path) => write!(f, "file:{}{}", slashes(path), path.display()),
            Self::Sqlite(SqliteLocator { path, name, flavour }) => {
                write!(f, "sqlite:{}{}", slashes(path), encoded_path(path))?;
                tail(f, name.as_deref(), *flavour, &[])
            }
            Self::Server(server) => write!(f, "{server}"),
            Self::Nats(nats) => write!(f, "{nats}"),
        }
    }
}

/// What [`split`] reads.
pub(super) fn tail(
    f: &mut fmt::Formatter<'_>,
    name: Option<&str>,
    flavour: Option<Flavour>,
    others: &[(&str, Option<&str>)],
) -> fmt::Result {
    if let Some(name) = name {
        write!(f, "#{}", replaced(name, "%#?@"))?;
    }
    let mut mark = '?';
    let kind = [("kind", flavour.map(Flavour::name))];
    for (option, value) in kind.iter().chain(others) {
        if let Some(value) = value {
            write!(f, "{mark}{option}={}", replaced(value, "%#?&"))?;
            mark = '&';
        }
    }
    Ok(())
}

impl Locator {
    /// The path that it names, if it names one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::File(path) => Some(path),
            Self::Sqlite(sqlite) => Some(&sqlite.path),
            Self::Server(_) | Self::Nats(_) => None,
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
            "file:////tmp/q",
            "sqlite:a%23b.db#50%25?kind=priority",
            "sqlite:////tmp/q.db#jobs",
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
            ("mysql://a]:b:3/shop", "a host"),
            ("mysql://host/shop?kind=stack", "stack"),
            ("mysql://me:secret@host/shop", "password"),
            ("postgresql://me:secret@host/shop", "PERSISTQUEUE_POSTGRES_PASSWORD"),
            ("nats://me:secret@host/jobs", "PERSISTQUEUE_NATS_PASSWORD"),
        ] {
            let error = text.parse::<Locator>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
