//! A network that breaks at the worst moment: behind a request, before its answer. What is told of it is true.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use persist_queue::sql::Status;
use persist_queue::{Error, Wait};

use crate::server::Database;
use crate::{Address, Options, database_or_return};

/// What is lost of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lost {
    Request,
    Answer,
}

/// What stands between a client and the server: breaks the connection at one request, and all goes well again behind that.
struct Network {
    port: u16,
    /// How many requests go well before, and what is lost then.
    plan: Arc<Mutex<Option<(u32, Lost)>>>,
}

impl Network {
    fn new(database: &Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::default();
        let (server, theirs) = (database.host_and_port(), Arc::clone(&plan));
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect((server.0.as_str(), server.1)) else { break };
                relay(client, server, &theirs);
            }
        });
        Self { port, plan }
    }

    fn address(&self, database: &Database) -> Address {
        database.address().port(self.port).max_connections(1)
    }

    /// The request behind so many others is the one.
    fn breaks_at(&self, before: u32, lost: Lost) {
        *self.plan.lock().unwrap() = Some((before, lost));
    }

    fn has_broken(&self) -> bool {
        self.plan.lock().unwrap().is_none()
    }
}

fn relay(client: TcpStream, server: TcpStream, plan: &Arc<Mutex<Option<(u32, Lost)>>>) {
    for one in [&client, &server] {
        one.set_nodelay(true).unwrap();
    }
    let cut = Arc::new(Mutex::new(false));
    let (mut up, mut down) =
        ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
    let (plan, to_cut) = (Arc::clone(plan), Arc::clone(&cut));
    thread::spawn(move || {
        pass_on(&mut up.0, &mut up.1, || {
            let mut plan = plan.lock().unwrap();
            match *plan {
                Some((0, lost)) => {
                    *plan = None;
                    *to_cut.lock().unwrap() = lost == Lost::Answer;
                    lost == Lost::Answer
                }
                Some((before, lost)) => {
                    *plan = Some((before - 1, lost));
                    true
                }
                None => true,
            }
        });
    });
    thread::spawn(move || pass_on(&mut down.0, &mut down.1, || !*cut.lock().unwrap()));
}

/// Until one of the two ends it, or `whether` says no.
fn pass_on(from: &mut TcpStream, to: &mut TcpStream, mut whether: impl FnMut() -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut bytes)
        && count > 0
        && whether()
        && to.write_all(&bytes[..count]).is_ok()
    {}
    for one in [from, to] {
        let _ = one.shutdown(Shutdown::Both);
    }
}

#[test]
fn a_put_without_an_answer_says_so_and_is_stored_at_most_once() {
    let database = database_or_return!();
    let network = Network::new(&database);
    let queue = Options::new().open::<u64>(&network.address(&database)).unwrap();
    for (item, lost, stored) in [(1, Lost::Answer, vec![1]), (2, Lost::Request, vec![])] {
        queue.put(0).unwrap();
        assert_eq!(queue.get().unwrap(), 0);
        network.breaks_at(0, lost);
        let refused = queue.put(item).unwrap_err();
        assert!(network.has_broken());
        assert!(matches!(refused.error, Error::PutUnknown { .. }), "{}", refused.error);
        assert_eq!(refused.item, item);
        assert_eq!(queue.get_many(9, Wait::No).unwrap(), stored, "{lost:?}");
    }
}

#[test]
fn a_get_without_an_answer_takes_what_is_there_and_hands_over_what_is_gone() {
    let database = database_or_return!();
    let network = Network::new(&database);
    let queue = Options::new().open::<u64>(&network.address(&database)).unwrap();
    queue.put(1).unwrap();
    // The first request looks, the second takes.
    network.breaks_at(1, Lost::Request);
    assert_eq!(queue.get().unwrap(), 1);
    assert!(network.has_broken());
    let id = queue.put(2).unwrap().unwrap();
    network.breaks_at(1, Lost::Answer);
    match queue.get() {
        Err(Error::GetUnknown { rows, .. }) => assert_eq!(rows, [(id, vec![2])]),
        other => panic!("{other:?}"),
    }
    assert!(queue.is_empty().unwrap());
    for lost in [Lost::Request, Lost::Answer] {
        queue.put(3).unwrap();
        network.breaks_at(0, lost);
        assert_eq!(queue.get().unwrap(), 3, "{lost:?}");
        assert!(network.has_broken());
    }
}

#[test]
fn a_delivery_and_its_settlement_survive_lost_answers() {
    let database = database_or_return!();
    let network = Network::new(&database);
    let queue = Options::new().open_ack::<u64>(&network.address(&database)).unwrap();
    for lost in [Lost::Request, Lost::Answer] {
        queue.put(1).unwrap();
        // The first request looks, the second holds.
        network.breaks_at(1, lost);
        let held = queue.get().unwrap();
        assert!(network.has_broken());
        assert_eq!((*held, held.attempts()), (1, 1), "{lost:?}");
        network.breaks_at(0, lost);
        held.nack().unwrap();
        let again = queue.get().unwrap();
        assert_eq!(again.attempts(), 2, "{lost:?}");
        network.breaks_at(0, lost);
        again.ack().unwrap();
        assert!(network.has_broken());
    }
    assert_eq!((queue.len().unwrap(), queue.count(Status::Acked).unwrap()), (0, 2));
}
