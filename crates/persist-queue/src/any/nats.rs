//! From the name of a queue on NATS to the server.

use std::path::PathBuf;

use super::locator::Locator;
use super::nats_locator::{NatsLocator, PASSWORD};
use super::open::Place;
use super::password::password;
use super::tables::Wanted;
use crate::Result;
use crate::nats::{NatsAddress, NatsView};
use crate::sql::QueueTable;

impl NatsLocator {
    /// The password, or the token where there is no user: in the variable `PERSISTQUEUE_NATS_PASSWORD` of the
    /// environment or in a file, as with [`ServerLocator::password`](super::ServerLocator::password).
    ///
    /// # Errors
    /// As there.
    pub fn password(&self) -> Result<Option<String>> {
        password(PASSWORD)
    }

    /// The servers, with the password that [`NatsLocator::password`] gives.
    ///
    /// # Errors
    /// As there.
    pub fn address(&self) -> Result<NatsAddress> {
        let address = NatsAddress::of(&self.servers).tls(self.tls.clone());
        if let Some(file) = &self.credentials {
            return Ok(address.credentials(file));
        }
        Ok(match (&self.user, self.password()?) {
            (Some(user), password) => address.user(user, password.unwrap_or_default()),
            (None, Some(token)) => address.token(token),
            (None, None) => address,
        })
    }

    fn wanted(&self, address: &NatsAddress) -> Wanted<'_> {
        Wanted {
            name: self.name.as_deref(),
            flavour: self.flavour,
            unnamed: "default",
            database: PathBuf::from(address.to_string()),
        }
    }

    pub(super) fn find(&self, create: bool) -> Result<Place> {
        let address = self.address()?;
        let found = NatsView::open(&address)?.queues()?;
        let table = self.wanted(&address).choose(&found, create)?;
        Ok(Place::Nats { address, table })
    }

    /// All queues that it may mean.
    pub(super) fn find_all(&self) -> Result<Vec<(Locator, Place)>> {
        let address = self.address()?;
        let wanted = self.wanted(&address);
        let found = NatsView::open(&address)?.queues()?;
        let one = |table: QueueTable| {
            let (name, flavour) = (Some(table.name.clone()), Some(table.flavour));
            let locator = Locator::Nats(Self { name, flavour, ..self.clone() });
            (locator, Place::Nats { address: address.clone(), table })
        };
        Ok(found.into_iter().filter(|table| wanted.fits(table)).map(one).collect())
    }
}
