//! Putting in a transaction of the caller's own.

use std::time::Duration;

use persist_queue::sql::{Kind, PutOptions};
use persist_queue::{Error, Wait};

use crate::{Options, database_or_return, open};

#[test]
fn an_item_is_there_when_the_transaction_commits_and_wakes_who_waits() {
    let database = database_or_return!();
    let orders = open::<String>(&database, Options::new().name("orders"));
    let mails = Options::new().name("mails").open_ack::<String>(&database.address()).unwrap();
    let mut client = database.driver();
    client.batch_execute("CREATE TABLE stock (pieces INT); INSERT INTO stock VALUES (9)").unwrap();
    std::thread::scope(|scope| {
        let getter = scope.spawn(|| orders.get_timeout(Duration::from_secs(20)).unwrap());
        let mut transaction = client.transaction().unwrap();
        transaction.execute("UPDATE stock SET pieces = pieces - 1", &[]).unwrap();
        assert!(orders.put_in(&mut transaction, &"a hat".to_owned(), 0).unwrap().is_some());
        let mail = "thanks for a hat".to_owned();
        mails.put_in(&mut transaction, &mail, PutOptions::default()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!((orders.len().unwrap(), mails.len().unwrap()), (0, 0));
        let commit = std::time::Instant::now();
        transaction.commit().unwrap();
        assert_eq!(getter.join().unwrap().unwrap(), "a hat");
        assert!(commit.elapsed() < Duration::from_secs(1), "{:?}", commit.elapsed());
    });
    assert_eq!(mails.get().unwrap().ack().unwrap(), "thanks for a hat");
    let mut transaction = client.transaction().unwrap();
    orders.put_in(&mut transaction, &"never".to_owned(), 0).unwrap();
    transaction.rollback().unwrap();
    assert_eq!(orders.try_get().unwrap(), None);
}

#[test]
fn what_cannot_be_put_leaves_the_transaction_as_it_was() {
    let database = database_or_return!();
    let once = open::<u8>(&database, Options::new().kind(Kind::Unique).maxsize(2));
    let mut client = database.driver();
    client.batch_execute("CREATE TABLE mine (number INT)").unwrap();
    let mut transaction = client.transaction().unwrap();
    transaction.execute("INSERT INTO mine VALUES (1)", &[]).unwrap();
    assert!(once.put_in(&mut transaction, &1, 0).unwrap().is_some());
    assert_eq!(once.put_in(&mut transaction, &1, 0).unwrap(), None);
    assert!(once.put_in(&mut transaction, &2, 0).unwrap().is_some());
    let full = once.put_in(&mut transaction, &3, 0).unwrap_err();
    assert!(matches!(full, Error::Full { limit: 2, .. }), "{full}");
    let batch = open::<u8>(&database, Options::new().auto_commit(false));
    assert!(matches!(batch.put_in(&mut transaction, &4, 0), Err(Error::Invalid(_))));
    transaction.commit().unwrap();
    assert_eq!(once.get_many(9, Wait::No).unwrap(), [1, 2]);
    let left: i64 = client.query_one("SELECT COUNT(*) FROM mine", &[]).unwrap().get(0);
    assert_eq!(left, 1);
}

#[test]
fn a_transaction_on_another_database_is_refused() {
    let (database, other) = (database_or_return!(), database_or_return!());
    let queue = open::<u8>(&database, Options::new());
    // A table of the same name is there.
    open::<u8>(&other, Options::new());
    let mut client = other.driver();
    let mut transaction = client.transaction().unwrap();
    match queue.put_in(&mut transaction, &1, 0) {
        Err(Error::Invalid(why)) => assert!(why.contains(&other.name), "{why}"),
        other => panic!("{other:?}"),
    }
}
