//! From the name of a queue on a server to the server.

use std::env::{self, VarError};
use std::path::{Path, PathBuf};

use super::locator::Locator;
use super::mysql_locator::MysqlLocator;
use super::open::Place;
use super::tables::Wanted;
use crate::error::Context;
use crate::mysql::{MySqlAddress, MySqlView};
use crate::sql::QueueTable;
use crate::{Error, Result};

const PASSWORD: &str = "PERSISTQUEUE_MYSQL_PASSWORD";
const PASSWORD_FILE: &str = "PERSISTQUEUE_MYSQL_PASSWORD_FILE";
/// As persist-queue 1.x calls a queue there that nobody gives a name.
const UNNAMED: &str = "sql";

/// The password for servers: what the variable `PERSISTQUEUE_MYSQL_PASSWORD` of the environment holds;
/// else what is in the file that `PERSISTQUEUE_MYSQL_PASSWORD_FILE` names, without the end of its last
/// line; else none, which is empty.
///
/// # Errors
/// [`Error::Io`] where the file cannot be read, [`Error::Invalid`] where it is not UTF-8.
pub fn server_password() -> Result<String> {
    match env::var(PASSWORD) {
        Ok(password) => return Ok(password),
        Err(VarError::NotPresent) => {}
        Err(VarError::NotUnicode(_)) => {
            return Err(Error::Invalid(format!("{PASSWORD} is not UTF-8")));
        }
    }
    let Some(path) = env::var_os(PASSWORD_FILE) else { return Ok(String::new()) };
    let bytes = std::fs::read(&path).context("read the password in", Path::new(&path))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::Invalid(format!("the file that {PASSWORD_FILE} names is not UTF-8")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

impl MysqlLocator {
    /// The database, with the password that [`server_password`] gives.
    ///
    /// # Errors
    /// As [`server_password`].
    pub fn address(&self) -> Result<MySqlAddress> {
        let Self { user, host, port, database, tls, .. } = self;
        let address = MySqlAddress::new(host, user, server_password()?, database);
        Ok(address.port(*port).tls(tls.clone()))
    }

    fn wanted(&self, address: &MySqlAddress) -> Wanted<'_> {
        Wanted {
            name: self.name.as_deref(),
            flavour: self.flavour,
            unnamed: UNNAMED,
            database: PathBuf::from(address.to_string()),
        }
    }

    pub(super) fn find(&self, create: bool) -> Result<Place> {
        let address = self.address()?;
        let found = MySqlView::open(&address)?.queues()?;
        let table = self.wanted(&address).choose(&found, create)?;
        Ok(Place::MySql { address, table })
    }

    /// All queues that it may mean.
    pub(super) fn find_all(&self) -> Result<Vec<(Locator, Place)>> {
        let address = self.address()?;
        let wanted = self.wanted(&address);
        let found = MySqlView::open(&address)?.queues()?;
        let one = |table: QueueTable| {
            let (name, flavour) = (Some(table.name.clone()), Some(table.flavour));
            let locator = Locator::Mysql(Self { name, flavour, ..self.clone() });
            (locator, Place::MySql { address: address.clone(), table })
        };
        Ok(found.into_iter().filter(|table| wanted.fits(table)).map(one).collect())
    }
}
