//! What is refused, and what is said then.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use persist_queue::sql::{Kind, PutOptions, Status, Which};
use persist_queue::{Error, NatsAckQueue, NatsAddress, NatsOptions, NatsQueue, Wait};

use crate::place_or_return;
use crate::server::{Server, is_there};

fn invalid<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_jetstream_does_not_have_is_refused_with_what_to_use_instead() {
    let place = place_or_return!();
    for kind in [Kind::Filo, Kind::Unique, Kind::Priority] {
        let why = invalid(place.options().kind(kind).open::<u32>(&place.address()));
        assert!(why.contains("PostgreSQL"), "{why}");
    }
    let queue: NatsAckQueue<u32> = place.options().open_ack(&place.address()).unwrap();
    let second = Some(Duration::from_secs(1));
    for options in [
        PutOptions { priority: 1, ..PutOptions::default() },
        PutOptions { delay: second, ..PutOptions::default() },
        PutOptions { ttl: second, ..PutOptions::default() },
    ] {
        let refused = queue.put_with(1, options, Wait::No).unwrap_err();
        assert!(invalid::<()>(Err(refused.error)).contains("PostgreSQL"));
    }
    assert_eq!(queue.len().unwrap(), 0);
    invalid(queue.get_with(Wait::No, Which::Id(1), None));
    invalid(queue.get_with(Wait::No, Which::Behind(1), None));
    invalid(queue.count(Status::Acked));
}

#[test]
fn names_that_cannot_be_are_refused() {
    let place = place_or_return!();
    for name in ["", "a.b", "a b", "a*", "x-dead", &"x".repeat(300)] {
        invalid(NatsOptions::new().name(name).open::<u32>(&place.address()));
    }
}

#[test]
fn a_stream_of_somebody_else_is_left_alone() {
    let place = place_or_return!();
    let name = place.name.clone();
    place.drive(|context| async move {
        let config = Config { name: name.clone(), subjects: vec![name], ..Config::default() };
        context.create_stream(config).await.unwrap();
    });
    let opened = place.options().open::<u32>(&place.address());
    assert!(matches!(opened, Err(Error::Unrecognised { .. })), "{opened:?}");
}

#[test]
fn an_item_that_is_too_large_is_refused_before_it_is_sent() {
    let place = place_or_return!();
    let queue: NatsQueue<String> = place.options().open(&place.address()).unwrap();
    let refused = queue.put("x".repeat(2_000_000)).unwrap_err();
    assert!(matches!(refused.error, Error::DoesNotFit { .. }), "{}", refused.error);
    assert_eq!(refused.item.len(), 2_000_000);
    queue.put("x".repeat(1_000_000)).unwrap();
    assert_eq!(queue.get().unwrap().len(), 1_000_000);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    if !is_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let place = server.place();
    let options = place.options().timeout(Duration::from_millis(500));
    let queue: NatsQueue<u32> = options.clone().open(&place.address()).unwrap();
    queue.put(1).unwrap();
    server.kill();
    let error = queue.get().unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let refused = queue.put(2).unwrap_err();
    assert!(matches!(refused.error, Error::Connect { .. }), "{}", refused.error);
    // Another address, so that nothing is open.
    let address = place.address().connect_timeout(Duration::from_secs(2));
    let error = options.open::<u32>(&address).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains("check that it runs"), "{error}");
    server.start_again();
    assert_eq!(queue.get().unwrap(), 1);
    assert_eq!(queue.try_get().unwrap(), None);
}

#[test]
fn a_server_without_jetstream_is_told() {
    let Some(place) = crate::server::place() else { return };
    // A prefix of another account would do the same: nobody answers.
    let server =
        Server::start(&["no_auth_user: nobody", "accounts { X { users: [{ user: nobody }] } }"]);
    let theirs = server.place();
    let options = NatsOptions::new().name(&place.name).timeout(Duration::from_millis(300));
    let error = options.open::<u32>(&theirs.address()).unwrap_err();
    assert!(error.to_string().contains("JetStream"), "{error}");
}

#[test]
fn a_wrong_password_is_told_and_shown_nowhere() {
    if !is_there() {
        return;
    }
    let server = Server::start(&["authorization { user: me, password: s3cret }"]);
    let place = server.place();
    let right = place.address().user("me", "s3cret");
    let queue: NatsQueue<u32> = place.options().open(&right).unwrap();
    queue.put(1).unwrap();
    let wrong = NatsAddress::from_url(&place.url.replace("nats://", "nats://me:wr0ng@")).unwrap();
    let error = place.options().open::<u32>(&wrong).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains("check user and password"), "{error}");
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
    std::mem::forget(place);
}
