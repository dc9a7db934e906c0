//! Where the servers are, and who asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;

use crate::sql::Tls;
use crate::{Error, Result};

/// A NATS server or a cluster, and how it is reached. Passwords are shown nowhere.
///
/// ```
/// use persist_queue::NatsAddress;
///
/// let address = NatsAddress::new("a.example").server("b.example", 4223).user("jobs", "secret");
/// assert_eq!(address.to_string(), "nats://jobs@a.example:4222,b.example:4223");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NatsAddress {
    pub(super) servers: Vec<(String, u16)>,
    pub(super) login: Login,
    pub(super) tls: Tls,
    pub(super) connect_timeout: Duration,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Login {
    Nobody,
    User { name: String, password: String },
    Token(String),
    Credentials(PathBuf),
}

const PORT: u16 = 4222;

impl NatsAddress {
    /// A server on the port that NATS listens on, without TLS and a login, 10 seconds to connect.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            servers: vec![(host.into(), PORT)],
            login: Login::Nobody,
            tls: Tls::Off,
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// Reads `nats://user:password@host:port`, or `nats://user:password@host:port,host:port` for a
    /// cluster; what is special in a part is written as `%40` and the like. A user without a
    /// password is a token.
    ///
    /// # Errors
    /// [`Error::Invalid`], which does not repeat the URL: it holds a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let wrong = |what: &str| {
            let form = "nats://user:password@host:port";
            Error::Invalid(format!("this is no address of a NATS server ({form}): {what}"))
        };
        let rest = url.strip_prefix("nats://");
        let rest = rest.ok_or_else(|| wrong("it begins with something else"))?;
        let rest = rest.trim_end_matches('/');
        if rest.contains(['/', '?', '#']) {
            return Err(wrong("nothing may stand behind the servers"));
        }
        let (login, servers) = match rest.rsplit_once('@') {
            Some((login, servers)) => (Some(login), servers),
            None => (None, rest),
        };
        let parse = |server: &str| {
            if server.is_empty() {
                return Err(wrong("a host is missing"));
            }
            // What the driver says may repeat a part.
            let parsed: ServerAddr =
                format!("nats://{server}").parse().map_err(|_| wrong("a part makes no sense"))?;
            Ok((parsed.host().to_owned(), parsed.port()))
        };
        let servers = servers.split(',').map(parse).collect::<Result<Vec<_>>>()?;
        let decoded = |part: &str| {
            let decoded = decode(part).and_then(|bytes| String::from_utf8(bytes).ok());
            decoded.ok_or_else(|| wrong("the login is no text"))
        };
        let login = match login.map(|login| login.split_once(':').ok_or(login)) {
            None => Login::Nobody,
            Some(Err(token)) => Login::Token(decoded(token)?),
            Some(Ok((name, password))) => {
                Login::User { name: decoded(name)?, password: decoded(password)? }
            }
        };
        Ok(Self { servers, login, ..Self::new("") })
    }

    /// Servers of one cluster, by host and port.
    pub(crate) fn of(servers: &[(String, u16)]) -> Self {
        Self { servers: servers.to_vec(), ..Self::new("") }
    }

    /// The port of the server that was named last; 4222 by default.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        if let Some(last) = self.servers.last_mut() {
            last.1 = port;
        }
        self
    }

    /// Another server of the same cluster, for who cannot reach the ones before. What a server says of its
    /// cluster is used, too.
    #[must_use]
    pub fn server(mut self, host: impl Into<String>, port: u16) -> Self {
        self.servers.push((host.into(), port));
        self
    }

    /// A user with a password.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Login::User { name: name.into(), password: password.into() };
        self
    }

    /// A token, instead of a user.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.login = Login::Token(token.into());
        self
    }

    /// A file of credentials (`.creds`), instead of a user.
    #[must_use]
    pub fn credentials(mut self, file: impl Into<PathBuf>) -> Self {
        self.login = Login::Credentials(file.into());
        self
    }

    /// Whether the connection is encrypted; it is not by default, unless the server asks for it. There is
    /// no [`Tls::Preferred`]: a NATS server says itself what it takes.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How long connecting to one server may take; 10 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

/// What stands in a part of a URL.
fn decode(part: &str) -> Option<Vec<u8>> {
    let mut bytes = part.bytes();
    let mut decoded = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    Some(decoded)
}

impl fmt::Display for NatsAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nats://")?;
        if let Login::User { name, .. } = &self.login {
            write!(formatter, "{name}@")?;
        }
        for (at, (host, port)) in self.servers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(formatter, "{comma}{host}:{port}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NatsAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NatsAddress")
            .field("address", &self.to_string())
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_servers_and_a_login_that_is_shown_nowhere() {
        let address = NatsAddress::from_url("nats://me:s%40cret@a:99,b").unwrap();
        assert!(
            matches!(&address.login, Login::User { name, password } if name == "me" && password == "s@cret")
        );
        assert_eq!(address.to_string(), "nats://me@a:99,b:4222");
        assert!(!format!("{address:?}").contains("cret"));
        let address = NatsAddress::from_url("nats://s3cret@a").unwrap();
        assert!(!format!("{address} {address:?}").contains("s3cret"));
        for wrong in
            ["nats://me:s3cret@host:99999999", "nats://me:s3cret@a/x", "s3cret", "nats://s3%zz@a"]
        {
            let error = NatsAddress::from_url(wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3"), "{error}");
        }
    }
}
