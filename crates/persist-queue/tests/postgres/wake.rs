//! Who waits is told, and does not have to look.

use std::time::{Duration, Instant};

use persist_queue::sql::{PutOptions, Which};
use persist_queue::{PostgresQueue, Wait};

use crate::{Options, database_or_return, open};

/// Long enough for who waits to look ever more rarely.
const A_WHILE: Duration = Duration::from_millis(700);
/// Sooner than the rarest look of one who hears nothing.
const AT_ONCE: Duration = Duration::from_millis(500);

/// How many statements the waiting process sends in a while, or some more than that.
fn statements(client: &mut postgres::Client) -> usize {
    let text = "SELECT COALESCE(EXTRACT(EPOCH FROM MAX(query_start)), 0)::float8 \
                FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'persist-queue'";
    let (mut seen, end) = (Vec::new(), Instant::now() + A_WHILE);
    while Instant::now() < end {
        let latest: f64 = client.query_one(text, &[]).unwrap().get(0);
        if seen.last() != Some(&latest) {
            seen.push(latest);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    seen.len()
}

#[test]
fn who_waits_asks_nothing_and_wakes_at_once_for_a_put_of_another_machine() {
    let database = database_or_return!();
    let queue: PostgresQueue<u64> = open(&database, Options::new());
    let mut client = database.driver();
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| (queue.get().unwrap(), Instant::now()));
        std::thread::sleep(A_WHILE);
        // One look every two seconds, and as rarely an attempt of who waits.
        let statements = statements(&mut client);
        assert!(statements < 5, "it looks all the time: {statements}");
        // Another process, as far as this one knows: its address is another one.
        let address = database.address().max_connections(3);
        let put = Instant::now();
        Options::new().open::<u64>(&address).unwrap().put(7).unwrap();
        let (item, got) = getter.join().unwrap();
        assert_eq!(item, 7);
        assert!(got - put < AT_ONCE, "{:?}", got - put);
    });
}

#[test]
fn a_nack_and_an_expired_delay_wake_too() {
    let database = database_or_return!();
    let open = |connections| {
        let address = database.address().max_connections(connections);
        Options::new().open_ack::<u64>(&address).unwrap()
    };
    let (ours, theirs) = (open(3), open(4));
    ours.put(1).unwrap();
    let held = ours.get().unwrap();
    let got = |limit: Duration, change: &mut dyn FnMut()| {
        std::thread::scope(|scope| {
            let getter = scope.spawn(|| {
                let wait = Wait::For(Duration::from_secs(20));
                let held = theirs.get_with(wait, Which::Next, None).unwrap().unwrap();
                let at = Instant::now();
                held.ack().unwrap();
                at
            });
            std::thread::sleep(A_WHILE);
            let start = Instant::now();
            change();
            let took = getter.join().unwrap() - start;
            assert!(took < limit, "{took:?}");
            took
        })
    };
    let mut held = Some(held);
    got(AT_ONCE, &mut || held.take().unwrap().nack().unwrap());
    let delay = Duration::from_millis(600);
    let options = PutOptions { delay: Some(delay), ..PutOptions::default() };
    let took = got(delay + AT_ONCE, &mut || {
        ours.put_with(2, options, Wait::No).unwrap();
    });
    assert!(took + Duration::from_millis(50) > delay, "{took:?}");
    ours.put(3).unwrap();
    let held = ours.get().unwrap();
    let mut held = Some(held);
    let took = got(delay + AT_ONCE, &mut || held.take().unwrap().nack_after(delay).unwrap());
    assert!(took + Duration::from_millis(50) > delay, "{took:?}");
}

#[test]
fn who_waits_hears_again_when_the_server_was_gone() {
    if !crate::server::is_there() {
        return;
    }
    let mut server = crate::server::Server::start(&[]);
    let database = server.database();
    let queue: PostgresQueue<u64> = open(&database, Options::new());
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get().unwrap());
        std::thread::sleep(A_WHILE);
        server.kill();
        server.start_again();
        std::thread::sleep(A_WHILE);
        let address = database.address().max_connections(3);
        Options::new().open::<u64>(&address).unwrap().put(7).unwrap();
        assert_eq!(getter.join().unwrap(), 7);
    });
}
