//! Making a connection, in the time that there is for it.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};

use super::address::ServerAddress;
use super::engine::Connection;
use super::failure::NotConnected;
use crate::error::Context;

/// Connects, within the time that the address says. Some of what takes long has no limit of its own
/// (resolving a name, a server that accepts and says nothing), so a thread does it.
pub(super) fn connect(address: &ServerAddress) -> Result<Box<dyn Connection>, NotConnected> {
    let (sender, receiver) = sync_channel(1);
    let theirs = address.clone();
    let started = std::thread::Builder::new()
        .name("persist-queue sql".to_owned())
        .spawn(move || {
            // Nobody may wait any more; the connection is closed then.
            let _ = sender.send(theirs.engine.connect(&theirs));
        })
        .context("start a thread for", &address.path());
    if let Err(error) = started {
        return Err(NotConnected { error, may_pass: false });
    }
    match receiver.recv_timeout(address.connect_timeout) {
        Ok(connected) => connected,
        Err(RecvTimeoutError::Timeout) => Err(NotConnected::because(
            address,
            format!(
                "no answer within {} s; check host, port and firewall",
                address.connect_timeout.as_secs_f32()
            ),
        )),
        Err(RecvTimeoutError::Disconnected) => {
            Err(NotConnected::because(address, "the thread that connects panicked".to_owned()))
        }
    }
}
