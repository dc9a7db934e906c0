//! How a store has an item made of a row's bytes.

use super::Row;
use crate::wait::Host;

/// Why an item could not be made of a row.
#[derive(Debug)]
pub enum Undecoded<E> {
    /// Its bytes are not what was asked for: this object does not try again.
    Broken(E),
    /// The caller was interrupted: it waits as before.
    Interrupted(E),
}

/// Makes an item of its row. Functions do, and what has to wait for something meanwhile.
pub trait Decode<T, H: Host> {
    /// Makes the item.
    fn decode(
        &mut self,
        host: &mut H,
        row: &Row,
    ) -> impl Future<Output = Result<T, Undecoded<H::Error>>>;
}

impl<T, H: Host, F> Decode<T, H> for F
where
    F: FnMut(&mut H, &Row) -> Result<T, Undecoded<H::Error>>,
{
    fn decode(
        &mut self,
        host: &mut H,
        row: &Row,
    ) -> impl Future<Output = Result<T, Undecoded<H::Error>>> {
        std::future::ready(self(host, row))
    }
}
