//! The queues, of whatever server.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use persist_queue::codec::Bytes;
use persist_queue::mysql::MySql;
use persist_queue::postgres::Postgres;
use persist_queue::server::{self, Address, ServerOptions};
use persist_queue::{NatsAddress, NatsOptions};

use crate::{ITEM, Make, NAME, Timed};

/// A put and a get; a put of what is kept, a get that holds it, and its acknowledgement.
pub(crate) fn calls(make: Make, url: &str) -> Vec<Timed<'static>> {
    match make {
        Make::MySql => on_database::<MySql>(url),
        Make::Postgres => on_database::<Postgres>(url),
        Make::Nats => on_nats(url),
    }
}

macro_rules! calls_of {
    ($queue:expr, $acks:expr) => {{
        // Until the program ends: who holds an item borrows its queue.
        let queue = &*Box::leak(Box::new($queue));
        let acks = &*Box::leak(Box::new($acks));
        queue.purge().unwrap();
        let held = Rc::new(RefCell::new(VecDeque::new()));
        let theirs = Rc::clone(&held);
        vec![
            Timed::new("put", move || queue.put(ITEM.to_vec()).unwrap()),
            Timed::new("get", move || queue.get().unwrap()),
            Timed::new("put, kept", move || acks.put(ITEM.to_vec()).unwrap()),
            Timed::new("get, held", move || held.borrow_mut().push_back(acks.get().unwrap())),
            Timed::new("ack", move || theirs.borrow_mut().pop_front().unwrap().ack().unwrap()),
        ]
    }};
}

fn on_database<M: server::Make>(url: &str) -> Vec<Timed<'static>> {
    let address = Address::<M>::from_url(url).unwrap();
    let options = || ServerOptions::<M>::new().name(NAME);
    calls_of!(
        options().open_with::<Vec<u8>, _>(&address, Bytes).unwrap(),
        options().open_ack_with::<Vec<u8>, _>(&address, Bytes).unwrap()
    )
}

fn on_nats(url: &str) -> Vec<Timed<'static>> {
    let address = NatsAddress::from_url(url).unwrap();
    let options = |name: &str| NatsOptions::new().name(name);
    calls_of!(
        options(NAME).open_with::<Vec<u8>, _>(&address, Bytes).unwrap(),
        options(&format!("{NAME}-kept")).open_ack_with::<Vec<u8>, _>(&address, Bytes).unwrap()
    )
}
