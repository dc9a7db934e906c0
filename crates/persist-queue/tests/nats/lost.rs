//! A network that breaks at the worst moment: behind a request, before its answer, for a moment or for good.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use persist_queue::sql::Which;
use persist_queue::{Error, NatsAckQueue, NatsAddress, NatsQueue, Wait};

use crate::place_or_return;
use crate::server::Place;

/// What is lost of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lost {
    Request,
    Answer,
}

/// How the network is.
#[derive(Debug, Clone)]
enum State {
    Well,
    /// It breaks at the first message to a subject that begins so.
    BreaksAt {
        subject: String,
        lost: Lost,
        for_good: bool,
    },
    Down,
}

/// What stands between a client and the server.
struct Network {
    port: u16,
    state: Arc<Mutex<State>>,
}

/// Where the server is told what becomes of an item.
const ACK: &str = "$JS.ACK.";

impl Network {
    fn new(place: &Place) -> Self {
        let server = place.url.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::Well));
        let theirs = Arc::clone(&state);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if matches!(*theirs.lock().unwrap(), State::Down) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server) else { break };
                relay(client, server, &theirs);
            }
        });
        Self { port, state }
    }

    fn address(&self) -> NatsAddress {
        NatsAddress::new("127.0.0.1").port(self.port)
    }

    fn breaks_at(&self, subject: &str, lost: Lost, for_good: bool) {
        let subject = subject.to_owned();
        *self.state.lock().unwrap() = State::BreaksAt { subject, lost, for_good };
    }

    fn has_broken(&self) -> bool {
        !matches!(*self.state.lock().unwrap(), State::BreaksAt { .. })
    }
}

fn contains(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

fn relay(client: TcpStream, server: TcpStream, state: &Arc<Mutex<State>>) {
    for one in [&client, &server] {
        one.set_nodelay(true).unwrap();
    }
    let cut = Arc::new(Mutex::new(false));
    let (mut up, mut down) =
        ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
    let (state, to_cut) = (Arc::clone(state), Arc::clone(&cut));
    thread::spawn(move || {
        pass_on(&mut up.0, &mut up.1, |bytes| {
            let mut state = state.lock().unwrap();
            match &*state {
                State::BreaksAt { subject, lost, for_good }
                    if contains(bytes, &format!("PUB {subject}")) =>
                {
                    let lost = *lost;
                    *state = if *for_good { State::Down } else { State::Well };
                    *to_cut.lock().unwrap() = lost == Lost::Answer;
                    lost == Lost::Answer
                }
                _ => true,
            }
        });
    });
    thread::spawn(move || {
        pass_on(&mut down.0, &mut down.1, |bytes| {
            !(*cut.lock().unwrap() && contains(bytes, "MSG _INBOX"))
        });
    });
}

/// Until one of the two ends it, or `whether` says no.
fn pass_on(from: &mut TcpStream, to: &mut TcpStream, mut whether: impl FnMut(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut bytes)
        && count > 0
        && whether(&bytes[..count])
        && to.write_all(&bytes[..count]).is_ok()
    {}
    for one in [from, to] {
        let _ = one.shutdown(Shutdown::Both);
    }
}

fn subject(place: &Place) -> String {
    format!("persistqueue.{} ", place.name)
}

#[test]
fn a_put_of_which_something_is_lost_is_stored_once() {
    let place = place_or_return!();
    let network = Network::new(&place);
    let queue: NatsQueue<u32> = place.options().open(&network.address()).unwrap();
    for lost in [Lost::Request, Lost::Answer] {
        network.breaks_at(&subject(&place), lost, false);
        queue.put(7).unwrap();
        assert!(network.has_broken());
        assert_eq!(queue.get_many(9, Wait::No).unwrap(), [7], "{lost:?}");
    }
}

#[test]
fn a_put_whose_fate_is_unknown_says_so() {
    let place = place_or_return!();
    for (lost, stored) in [(Lost::Request, vec![]), (Lost::Answer, vec![7])] {
        let network = Network::new(&place);
        let options = place.options().timeout(Duration::from_secs(1));
        let queue: NatsQueue<u32> = options.open(&network.address()).unwrap();
        network.breaks_at(&subject(&place), lost, true);
        let refused = queue.put(7).unwrap_err();
        assert!(network.has_broken());
        assert!(matches!(refused.error, Error::PutUnknown { .. }), "{}", refused.error);
        let direct: NatsQueue<u32> = place.options().open(&place.address()).unwrap();
        assert_eq!(direct.get_many(9, Wait::No).unwrap(), stored, "{lost:?}");
    }
}

#[test]
fn a_get_of_which_something_is_lost_is_final() {
    let place = place_or_return!();
    let network = Network::new(&place);
    let queue: NatsQueue<u32> = place.options().open(&network.address()).unwrap();
    for lost in [Lost::Request, Lost::Answer] {
        queue.put(7).unwrap();
        network.breaks_at(ACK, lost, false);
        assert_eq!(queue.get().unwrap(), 7, "{lost:?}");
        assert!(network.has_broken());
        assert!(queue.is_empty().unwrap(), "it comes again: {lost:?}");
    }
}

#[test]
fn a_get_whose_fate_is_unknown_hands_its_item_over() {
    let place = place_or_return!();
    for (lost, left) in [(Lost::Request, 1), (Lost::Answer, 0)] {
        let network = Network::new(&place);
        let options = place.options().timeout(Duration::from_secs(1));
        let queue: NatsQueue<u32> = options.open(&network.address()).unwrap();
        let id = queue.put(7).unwrap().unwrap();
        network.breaks_at(ACK, lost, true);
        match queue.get() {
            Err(Error::GetUnknown { rows, .. }) => assert_eq!(rows, [(id, vec![7])]),
            other => panic!("{other:?}"),
        }
        let direct: NatsQueue<u32> = place.options().open(&place.address()).unwrap();
        assert_eq!(direct.len().unwrap(), left, "{lost:?}");
        direct.purge().unwrap();
    }
}

#[test]
fn a_settlement_of_which_something_is_lost_holds() {
    let place = place_or_return!();
    let network = Network::new(&place);
    let queue: NatsAckQueue<u32> = place.options().open_ack(&network.address()).unwrap();
    for lost in [Lost::Request, Lost::Answer] {
        queue.put(7).unwrap();
        let held = queue.get().unwrap();
        network.breaks_at(ACK, lost, false);
        held.nack().unwrap();
        assert!(network.has_broken());
        let held = queue.get().unwrap();
        assert_eq!(held.attempts(), 2, "{lost:?}");
        network.breaks_at(ACK, lost, false);
        held.ack().unwrap();
        assert!(network.has_broken());
        assert!(queue.is_empty().unwrap(), "{lost:?}");
    }
}

#[test]
fn an_item_that_cannot_become_a_dead_letter_stays() {
    let place = place_or_return!();
    let lease = Duration::from_secs(4);
    let dead = format!("persistqueue.{}-dead ", place.name);
    // The letter is not stored; or it is, and the item is not ended.
    for (at, letters) in [(dead.as_str(), 0), (ACK, 1)] {
        let network = Network::new(&place);
        let options = place.options().lease(lease).timeout(Duration::from_secs(1));
        let queue: NatsAckQueue<u32> = options.open_ack(&network.address()).unwrap();
        queue.put(7).unwrap();
        let held = queue.get().unwrap();
        network.breaks_at(at, Lost::Request, true);
        held.fail().unwrap_err();
        assert!(network.has_broken());
        let direct: NatsAckQueue<u32> = place.options().open_ack(&place.address()).unwrap();
        assert_eq!(direct.dead_letters().unwrap().len(), letters);
        let wait = Wait::For(Duration::from_secs(60));
        let back = direct.get_with(wait, Which::Next, None).unwrap().unwrap();
        assert_eq!(*back, 7);
        // It is stored once, however often it fails.
        back.fail().unwrap();
        assert_eq!(direct.dead_letters().unwrap().len(), 1);
        assert!(direct.is_empty().unwrap());
        let id = direct.dead_letters().unwrap()[0].0;
        direct.drop_dead(&[id]).unwrap();
    }
}
