//! What a server refuses, and what it cannot hold.

use std::time::{Duration, Instant};

use persist_queue::sql::Kind;
use persist_queue::{Error, PostgresAddress};

use crate::server::Database;
use crate::{Options, database_or_return};

fn refusal(address: &PostgresAddress) -> String {
    let start = Instant::now();
    let opened = Options::new().open::<String>(address);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::Connect { .. } | Error::Database { .. }), "{error:?}");
    for text in [error.to_string(), format!("{error:?}"), format!("{address:?}")] {
        assert!(!text.contains("geheim"), "{text}");
    }
    error.to_string()
}

/// A user of a test's own, who is let in with a password.
struct Account<'a> {
    database: &'a Database,
    user: String,
}

impl<'a> Account<'a> {
    fn new(database: &'a Database) -> Self {
        let user = format!("user_{}", database.name);
        database.administer(&format!("CREATE USER {user} PASSWORD 'geheim'"));
        Self { database, user }
    }

    fn address(&self) -> PostgresAddress {
        let (host, port) = self.database.host_and_port();
        PostgresAddress::new(host, &self.user, "geheim", &self.database.name)
            .port(port)
            .connect_timeout(Duration::from_secs(2))
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let user = &self.user;
        self.database.connection().run(&format!("DROP OWNED BY {user}"));
        self.database.administer(&format!("DROP USER {user}"));
    }
}

#[test]
fn an_address_that_does_not_work_says_why_in_time_and_no_password() {
    let database = database_or_return!();
    let account = Account::new(&database);
    let (host, port) = database.host_and_port();
    let (user, name) = (&account.user, &database.name);
    let to = |host: &str, port, name: &str| {
        PostgresAddress::new(host, user, "geheim", name)
            .port(port)
            .connect_timeout(Duration::from_secs(1))
    };
    database.connection().run(&format!("GRANT ALL ON SCHEMA public TO {user}"));
    Options::new().open::<String>(&account.address()).unwrap();

    let wrong_password = PostgresAddress::new(&host, user, "geheim2", name).port(port);
    let said = refusal(&wrong_password);
    assert!(said.contains("password") && said.contains(user), "{said}");
    let said = refusal(&to(&host, port, "nowhere"));
    assert!(said.contains("no database 'nowhere'") && said.contains("CREATE DATABASE"), "{said}");
    let said = refusal(&to("no-such-host.invalid", port, name));
    assert!(said.contains("host name 'no-such-host.invalid'"), "{said}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = refusal(&to("127.0.0.1", closed, name));
    assert!(said.contains("cannot be reached") && said.contains("listens"), "{said}");
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let said = refusal(&to("127.0.0.1", mute.local_addr().unwrap().port(), name));
    assert!(said.contains("no answer within 1 s"), "{said}");
}

#[test]
fn a_password_is_shown_nowhere() {
    let address = PostgresAddress::from_url("postgresql://me:s%40cret@host:99/jobs").unwrap();
    assert_eq!(format!("{address}"), "postgresql://me@host:99/jobs");
    assert!(!format!("{address:?}").contains("cret"));
    for wrong in [
        "postgresql://me:s3cret@host:99999999/x",
        "postgresql://me:s3cret@host",
        "postgresql://me:s3cret@/x",
        "mysql://me:s3cret@host/x",
        "s3cret",
    ] {
        let error = PostgresAddress::from_url(wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn missing_rights_are_named() {
    let database = database_or_return!();
    let account = Account::new(&database);
    let said = refusal(&account.address());
    assert!(said.contains("GRANT") && said.contains("CREATE"), "{said}");
    // Where the table is there, CREATE is not needed.
    Options::new().open::<String>(&database.address()).unwrap();
    let reading = format!("GRANT SELECT ON queue_default TO {}", account.user);
    database.connection().run(&reading);
    let reader = Options::new().open::<String>(&account.address()).unwrap();
    let refused = reader.put("x".to_owned()).unwrap_err();
    assert!(refused.error.to_string().contains("INSERT"), "{}", refused.error);
    assert_eq!((refused.item.as_str(), reader.len().unwrap()), ("x", 0));
}

#[test]
fn a_name_cannot_break_out() {
    let database = database_or_return!();
    let name = "x\"; DROP TABLE y; --'$persist$";
    for acks in [false, true] {
        for kind in [Kind::Fifo, Kind::Unique, Kind::Priority] {
            let options = Options::new().kind(kind).name(name);
            if acks {
                let queue = options.open_ack::<u8>(&database.address()).unwrap();
                queue.put(1).unwrap();
                queue.get().unwrap().nack_to_back().unwrap();
                assert_eq!(queue.get().unwrap().ack().unwrap(), 1);
            } else {
                let options = options.auto_commit(kind != Kind::Fifo);
                let queue = options.open::<u8>(&database.address()).unwrap();
                queue.put(1).unwrap();
                assert_eq!(queue.get().unwrap(), 1);
            }
        }
    }
    assert_eq!(database.tables().len(), 6, "{:?}", database.tables());
}

#[test]
fn a_name_that_is_too_long_is_refused_and_not_cut_off() {
    let database = database_or_return!();
    let open = |length| Options::new().name("n".repeat(length)).open::<u8>(&database.address());
    // The longest, with `queue_`.
    open(57).unwrap();
    assert!(matches!(open(58), Err(Error::Invalid(_))));
    assert_eq!(database.tables().len(), 1);
}

#[test]
fn a_table_of_another_kind_is_refused() {
    let database = database_or_return!();
    let options = || Options::new().table_name("work");
    options().open::<u8>(&database.address()).unwrap();
    match options().open_ack::<u8>(&database.address()) {
        Err(Error::Unrecognised { reason, .. }) => assert!(reason.contains("status"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_table_that_many_open_at_once_is_made_once() {
    let database = database_or_return!();
    std::thread::scope(|scope| {
        for connections in 2..12 {
            let address = database.address().max_connections(connections);
            scope.spawn(move || {
                let options = Options::new().kind(Kind::Priority);
                options.open_ack::<u8>(&address).unwrap().put(1).unwrap();
            });
        }
    });
    let indexes = database
        .connection()
        .numbers("SELECT COUNT(*) FROM pg_indexes WHERE tablename = 'ack_priority_queue_default'");
    assert_eq!(indexes, [4]);
}

/// So it is where another process makes the table while the server is about to make it for this one.
#[test]
fn who_finds_the_name_of_his_table_taken_looks_what_is_there_now() {
    let database = database_or_return!();
    database.connection().run("CREATE TYPE queue_new AS ENUM ('taken')");
    let error = Options::new().name("new").open::<String>(&database.address()).unwrap_err();
    assert!(matches!(error, Error::Unrecognised { .. }), "{error}");
}
