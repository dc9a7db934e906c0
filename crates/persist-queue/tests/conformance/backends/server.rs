//! What the backends on database servers share.

use std::time::Duration;

use persist_queue::server::{
    Address, AsyncServerAckQueue, AsyncServerQueue, Make, ServerAckQueue, ServerDelivery,
    ServerOptions, ServerQueue,
};
use persist_queue::sql::{PutOptions, Status};
use persist_queue::{Result, Wait};

use crate::backend::{Fate, Held, Later, Opened, Wanted, unless_refused};
use crate::typed::{ack_queues, held, options, plain_queues};

pub(super) fn open<M: Make>(
    address: &Address<M>,
    queue: &str,
    wanted: Wanted,
) -> Opened<ServerQueue<M, String>> {
    unless_refused(options!(ServerOptions::<M>, queue, wanted).open(address))
}

pub(super) fn open_ack<M: Make>(
    address: &Address<M>,
    queue: &str,
    wanted: Wanted,
) -> Opened<ServerAckQueue<M, String>> {
    unless_refused(options!(ServerOptions::<M>, queue, wanted).open_ack(address))
}

plain_queues!([M: Make] ServerQueue<M, String>, AsyncServerQueue<M, String>);
ack_queues!([M: Make] ServerAckQueue<M, String>, AsyncServerAckQueue<M, String>);
held!(ServerDelivery<'_, String>);
