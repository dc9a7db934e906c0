//! How a queue on NATS is named.

use std::fmt;
use std::path::PathBuf;

use super::locator::{Behind, decoded, encoded, split, tail};
use crate::sql::{Flavour, Tls};
use crate::{Error, Result};

const SCHEME: &str = "nats://";
const PORT: u16 = 4222;
/// The variable of the environment that holds the password, or the token.
pub(super) const PASSWORD: &str = "PERSISTQUEUE_NATS_PASSWORD";

/// A queue on a NATS server or cluster. There is no password in it, as in
/// [`ServerLocator`](super::ServerLocator).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsLocator {
    /// Who connects, with the password that `PERSISTQUEUE_NATS_PASSWORD` holds. Without a user it is a token.
    pub user: Option<String>,
    /// The servers and their ports, of one cluster; 4222 where none is given.
    pub servers: Vec<(String, u16)>,
    /// The queue's name.
    pub name: Option<String>,
    /// The queue's kind: first in, first out, with acknowledgements or without.
    pub flavour: Option<Flavour>,
    /// Whether the connection is encrypted.
    pub tls: Tls,
    /// A file of credentials (`.creds`), instead of a user.
    pub credentials: Option<PathBuf>,
}

impl NatsLocator {
    /// What is behind the scheme of such a URL.
    pub(super) fn of(url: &str) -> Option<&str> {
        url.strip_prefix(SCHEME)
    }

    /// Reads what is behind the scheme.
    pub(super) fn read(rest: &str) -> Result<Self> {
        let refused = || {
            invalid(&format!(
                "a password in a URL can be read by others; leave it out, and set {PASSWORD} (an '@' that is \
                 none of it is written %40)"
            ))
        };
        if rest.split_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(refused());
        }
        let (front, Behind { name, flavour, others }) = split(rest, &invalid)?;
        let (servers, in_path) = match front.split_once('/') {
            Some((servers, "")) => (servers, None),
            Some((servers, path)) => (servers, Some(decoded(path, &invalid)?)),
            None => (front, None),
        };
        let (user, servers) = match servers.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(refused()),
            Some((user, servers)) => (Some(decoded(user, &invalid)?), servers),
            None => (None, servers),
        };
        if user.as_ref().is_some_and(String::is_empty) || (in_path.is_some() && name.is_some()) {
            return Err(invalid("it names no user, or two queues"));
        }
        let servers = servers.split(',').map(host_and_port).collect::<Result<Vec<_>>>()?;
        let (mut tls, mut ca, mut credentials) = (None, None, None);
        for (option, value) in others {
            match option.as_str() {
                "tls" => tls = Some(value),
                "tls_ca" => ca = Some(PathBuf::from(value)),
                "credentials" => credentials = Some(PathBuf::from(value)),
                _ => return Err(invalid(&format!("there is no option '{option}'"))),
            }
        }
        let tls = Tls::of(tls.as_deref(), ca)?;
        Ok(Self { user, servers, name: in_path.or(name), flavour, tls, credentials })
    }
}

/// Does not repeat the URL: there may be a password in it.
fn invalid(why: &str) -> Error {
    Error::Invalid(format!(
        "this is no URL of a queue on NATS (nats://USER@HOST:PORT/NAME?kind=KIND): {why}"
    ))
}

/// `[::1]:4223`, `[::1]`, `nats.example:4223`, `nats.example`.
fn host_and_port(server: &str) -> Result<(String, u16)> {
    let in_brackets = server.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) =
        in_brackets.unwrap_or_else(|| server.split_at(server.rfind(':').unwrap_or(server.len())));
    if host.is_empty() || host.contains(['[', ']']) {
        return Err(invalid("it must name a host"));
    }
    if port.is_empty() {
        return Ok((host.to_owned(), PORT));
    }
    let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
    Ok((host.to_owned(), port.ok_or_else(|| invalid("the port is no number"))?))
}

impl fmt::Display for NatsLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, servers, name, flavour, tls, credentials } = self;
        f.write_str(SCHEME)?;
        if let Some(user) = user {
            write!(f, "{}@", encoded(user))?;
        }
        for (at, (host, port)) in servers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if host.contains(':') {
                write!(f, "{comma}[{host}]:{port}")?;
            } else {
                write!(f, "{comma}{host}:{port}")?;
            }
        }
        if let Some(name) = name {
            write!(f, "/{}", encoded(name))?;
        }
        let (tls, ca) = tls.words();
        let ca = ca.map(|ca| ca.to_string_lossy());
        let credentials = credentials.as_ref().map(|file| file.to_string_lossy());
        let others =
            [("tls", tls), ("tls_ca", ca.as_deref()), ("credentials", credentials.as_deref())];
        tail(f, None, *flavour, &others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> NatsLocator {
        NatsLocator::read(NatsLocator::of(url).unwrap()).unwrap()
    }

    #[test]
    fn a_url_names_servers_a_user_a_queue_and_how_it_is_encrypted() {
        let bare = read("nats://a");
        assert_eq!(
            (bare.servers, bare.user, bare.name),
            (vec![("a".to_owned(), 4222)], None, None)
        );
        let whole = read("nats://me%40home@a:9,[::1]/jobs?tls_ca=a%26b&kind=ack");
        assert_eq!(whole.servers, [("a".to_owned(), 9), ("::1".to_owned(), 4222)]);
        assert_eq!((whole.user.as_deref(), whole.name.as_deref()), (Some("me@home"), Some("jobs")));
        assert_eq!(whole.tls, Tls::Required { ca: Some("a&b".into()) });
        assert!(whole.flavour.unwrap().acks);
        assert_eq!(read("nats://a#jobs"), read("nats://a/jobs"));
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for url in [
            "nats://a:4222",
            "nats://me%40home@[::1]:4223,b:4222/jobs?kind=ack&tls=required&tls_ca=a%26b",
            "nats://a:4222/jobs?credentials=me.creds",
        ] {
            assert_eq!(read(url).to_string(), url);
        }
    }

    #[test]
    fn a_password_is_refused_and_what_makes_no_sense_is_not_repeated() {
        for url in [
            "me:secret@host/jobs",
            "me:sec/secret@host",
            "me:sec#secret@host",
            "me@home:secret@host",
            "me:secret",
            "host?password=secret",
            "host:secret/jobs",
            "[::1]secret/jobs",
            "@host/secret",
            "host/secret#secret",
            "/secret",
        ] {
            let error = NatsLocator::read(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
