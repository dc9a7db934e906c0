//! A server that is killed under load, and starts again.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use persist_queue::codec::Bytes;
use persist_queue::sql::{PutOptions, Status, Which};
use persist_queue::{Error, Wait};

use crate::server::{Server, is_there};
use crate::{Options, Queue};

const KILLS: usize = 3;

fn item(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn number(item: &[u8]) -> u64 {
    u64::from_le_bytes(item.try_into().unwrap())
}

/// What became of what was put.
#[derive(Default)]
struct Puts {
    stored: Vec<u64>,
    unknown: Vec<u64>,
    refused: Vec<u64>,
}

impl Puts {
    fn note(&mut self, number: u64, put: Result<(), Error>) {
        match put {
            Ok(()) => self.stored.push(number),
            Err(Error::PutUnknown { .. }) => self.unknown.push(number),
            Err(Error::Connect { .. } | Error::Database { .. }) => self.refused.push(number),
            Err(error) => panic!("{error}"),
        }
    }
}

fn kill_again_and_again(server: &mut Server) {
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(700));
        server.kill();
        std::thread::sleep(Duration::from_millis(100));
        server.start_again();
    }
    std::thread::sleep(Duration::from_millis(500));
}

/// All that is left. The server lets rows of a connection that broke go when it notices, and until then they
/// are passed over.
fn rest(queue: &Queue<Vec<u8>, Bytes>) -> Vec<u64> {
    let (mut rest, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
    while queue.len().unwrap() > 0 {
        let items = queue.get_many(1_000_000, Wait::No).unwrap();
        rest.extend(items.iter().map(|item| number(item)));
        assert!(Instant::now() < deadline, "rows stay locked");
    }
    rest
}

#[test]
fn no_item_is_lost_or_taken_twice_and_a_put_of_unknown_fate_says_so() {
    if !is_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let database = server.database();
    let open = || Options::new().open_with::<Vec<u8>, _>(&database.address(), Bytes).unwrap();
    let queue = open();
    let (stop, puts) = (AtomicBool::new(false), Mutex::new(Puts::default()));
    let (got, doubtful) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let (queue, stop, puts, got, doubtful) = (&queue, &stop, &puts, &got, &doubtful);
        for producer in 0..3_u64 {
            scope.spawn(move || {
                for at in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let number = producer << 32 | at;
                    let put = queue.put(item(number)).map(drop).map_err(|refused| refused.error);
                    puts.lock().unwrap().note(number, put);
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match queue.get_timeout(Duration::from_millis(50)) {
                        Ok(Some(item)) => got.lock().unwrap().push(number(&item)),
                        Ok(None) => {}
                        Err(Error::GetUnknown { rows, .. }) => doubtful
                            .lock()
                            .unwrap()
                            .extend(rows.iter().map(|(_, item)| number(item))),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        kill_again_and_again(&mut server);
        stop.store(true, Ordering::Relaxed);
    });
    drop(queue);
    let mut delivered = got.into_inner().unwrap();
    delivered.extend(rest(&open()));
    let doubtful = doubtful.into_inner().unwrap();
    delivered.extend(&doubtful);
    let puts = puts.into_inner().unwrap();
    eprintln!(
        "{} stored, {} unknown, {} refused, {} delivered, {} of them doubtful",
        puts.stored.len(),
        puts.unknown.len(),
        puts.refused.len(),
        delivered.len(),
        doubtful.len()
    );
    let all: HashSet<u64> = delivered.iter().copied().collect();
    assert_eq!(all.len(), delivered.len(), "taken twice");
    let lost: Vec<_> = puts.stored.iter().filter(|number| !all.contains(number)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(puts.refused.iter().all(|number| !all.contains(number)), "put all the same");
    assert!(puts.stored.len() > 50);
}

#[test]
fn what_is_acknowledged_stays_so_and_all_else_comes_back() {
    if !is_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let database = server.database();
    let open = || Options::new().open_ack_with::<Vec<u8>, _>(&database.address(), Bytes).unwrap();
    let queue = open();
    let count = 20_000_u64;
    queue.put_many((0..count).map(item).collect(), PutOptions::default(), Wait::No).unwrap();
    let (stop, acked) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let wait = Wait::For(Duration::from_millis(50));
                    let Some(held) = queue.get_with(wait, Which::Next, None).unwrap() else {
                        break;
                    };
                    let item = held.ack().unwrap();
                    acked.lock().unwrap().push(number(&item));
                }
            });
        }
        kill_again_and_again(&mut server);
        stop.store(true, Ordering::Relaxed);
    });
    let mut acked = acked.into_inner().unwrap();
    assert_eq!(queue.count(Status::Acked).unwrap(), acked.len() as u64);
    assert_eq!(queue.count(Status::Held).unwrap(), 0);
    eprintln!("{} acknowledged", acked.len());
    assert!((50..count).contains(&(acked.len() as u64)), "{}", acked.len());
    for held in queue.get_many(usize::MAX >> 32, Wait::No, None).unwrap() {
        acked.push(number(&held));
        std::mem::forget(held);
    }
    acked.sort_unstable();
    assert_eq!(acked, (0..count).collect::<Vec<_>>());
}
