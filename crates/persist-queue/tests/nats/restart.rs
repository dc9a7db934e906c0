//! Servers that are killed under load, and start again: one by itself, and one of a cluster of three.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use persist_queue::sql::{PutOptions, Which};
use persist_queue::{Error, NatsAckQueue, Wait};

use crate::server::{Place, Server, is_there};

/// What became of what was put and taken.
#[derive(Debug, Default)]
struct Account {
    stored: Vec<u64>,
    unknown: Vec<u64>,
    refused: Vec<u64>,
    /// Taken, and acknowledged or not.
    taken: HashMap<u64, u32>,
    /// How often it was acknowledged, as the server said.
    acked: HashMap<u64, u32>,
}

impl Account {
    fn note_put(&mut self, number: u64, put: Result<(), Error>) {
        match put {
            Ok(()) => self.stored.push(number),
            Err(Error::PutUnknown { .. }) => self.unknown.push(number),
            Err(Error::Connect { .. } | Error::Database { .. }) => self.refused.push(number),
            Err(error) => panic!("{error}"),
        }
    }

    /// No item is lost, and none is made up.
    fn check(&self) {
        let twice = self.acked.values().filter(|times| **times > 1).count();
        eprintln!(
            "{} stored, {} unknown, {} refused; {} taken, {} acknowledged, {twice} of them twice",
            self.stored.len(),
            self.unknown.len(),
            self.refused.len(),
            self.taken.len(),
            self.acked.len(),
        );
        assert!(self.stored.len() > 100, "nothing went on");
        let stored: HashSet<_> = self.stored.iter().collect();
        let lost: Vec<_> = stored.iter().filter(|item| !self.taken.contains_key(item)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        let unknown: HashSet<_> = self.unknown.iter().collect();
        let strange: Vec<_> = self
            .taken
            .keys()
            .filter(|item| !stored.contains(item) && !unknown.contains(item))
            .collect();
        assert!(strange.is_empty(), "refused, and stored all the same: {strange:?}");
    }
}

/// Puts and takes with several threads while `trouble` goes on, then takes what is left.
fn under_load(place: &Place, trouble: impl FnOnce()) -> Account {
    let options = place.options().lease(Duration::from_secs(5)).timeout(Duration::from_secs(60));
    let queue: NatsAckQueue<u64> = options.open_ack(&place.address()).unwrap();
    let (stop, account) = (AtomicBool::new(false), Mutex::new(Account::default()));
    std::thread::scope(|scope| {
        let (queue, stop, account) = (&queue, &stop, &account);
        for producer in 0..3_u64 {
            scope.spawn(move || {
                for at in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let number = producer << 32 | at;
                    let put = queue.put(number).map(drop).map_err(|refused| refused.error);
                    account.lock().unwrap().note_put(number, put);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    take(queue, account, Duration::from_millis(50));
                }
            });
        }
        trouble();
        stop.store(true, Ordering::Relaxed);
    });
    while !queue.is_empty().unwrap() {
        take_many(&queue, &account);
    }
    account.into_inner().unwrap()
}

fn take(queue: &NatsAckQueue<u64>, account: &Mutex<Account>, time: Duration) {
    let held = match queue.get_with(Wait::For(time), Which::Next, None) {
        Ok(Some(held)) => held,
        Ok(None) => return,
        Err(error) => panic!("{error}"),
    };
    let number = *held;
    *account.lock().unwrap().taken.entry(number).or_default() += 1;
    match held.ack() {
        Ok(_) => *account.lock().unwrap().acked.entry(number).or_default() += 1,
        // It comes back, or was done.
        Err(Error::NotHeld { .. } | Error::Database { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// What is left, many at a time.
fn take_many(queue: &NatsAckQueue<u64>, account: &Mutex<Account>) {
    let held = queue.get_many(256, Wait::For(Duration::from_secs(10)), None).unwrap();
    let mut account = account.lock().unwrap();
    for held in &held {
        *account.taken.entry(**held).or_default() += 1;
    }
    for number in queue.ack_many(held).unwrap().into_iter().flatten() {
        *account.acked.entry(number).or_default() += 1;
    }
}

/// Until each server of the cluster has all that the others have.
fn wait_for_replicas(place: &Place) {
    for name in [place.name.clone(), format!("{}-dead", place.name)] {
        place.drive(|context| async move {
            for _ in 0..600 {
                // Nobody answers while a leader is chosen.
                let Ok(mut stream) = context.get_stream(&name).await else { continue };
                let Ok(info) = stream.info().await else { continue };
                let others = info.cluster.as_ref().map(|cluster| &cluster.replicas[..]);
                if others.is_some_and(|others| {
                    others.len() == 2 && others.iter().all(|peer| peer.current && !peer.offline)
                }) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("a server of the cluster does not come back");
        });
    }
}

#[test]
fn a_killed_server_loses_no_item_and_all_go_on_by_themselves() {
    if !is_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let place = server.place();
    let account = under_load(&place, || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(700));
            server.kill();
            std::thread::sleep(Duration::from_millis(100));
            server.start_again();
        }
        std::thread::sleep(Duration::from_millis(500));
    });
    account.check();
}

#[test]
fn a_cluster_goes_on_with_two_of_three_and_loses_no_item() {
    if !is_there() {
        return;
    }
    let mut server = Server::start(&["--cluster"]);
    let place = server.place();
    let replicas = |place: &Place| {
        let name = place.name.clone();
        place.drive(|context| async move {
            context.get_stream(name).await.unwrap().cached_info().config.num_replicas
        })
    };
    drop(place.options().lease(Duration::from_secs(5)).open::<u64>(&place.address()).unwrap());
    assert_eq!(replicas(&place), 3);
    let rounds = std::env::var("PERSIST_QUEUE_KILL_ROUNDS");
    let rounds = rounds.map_or(1, |rounds| rounds.parse().unwrap());
    let account = under_load(&place, || {
        for round in 0..rounds {
            let number = 1 + round % 3;
            std::thread::sleep(Duration::from_secs(1));
            server.kill_one(number);
            std::thread::sleep(Duration::from_secs(3));
            server.start_one(number);
            // Until it has what it missed, another one must not be killed.
            wait_for_replicas(&place);
        }
    });
    account.check();
}

#[test]
fn who_waits_for_an_item_waits_on_when_the_server_starts_again() {
    if !is_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let place = server.place();
    let options = place.options().timeout(Duration::from_secs(60));
    let queue: NatsAckQueue<u64> = options.open_ack(&place.address()).unwrap();
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get().map(|held| held.ack().unwrap()));
        std::thread::sleep(Duration::from_millis(300));
        server.kill();
        server.start_again();
        std::thread::sleep(Duration::from_millis(300));
        let put = queue.put_with(7, PutOptions::default(), Wait::No);
        put.unwrap();
        assert_eq!(getter.join().unwrap().unwrap(), 7);
    });
}
