//! What a server refuses, and what it cannot hold.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use persist_queue::codec::Bytes;
use persist_queue::mysql::Tls;
use persist_queue::{Error, MySqlAddress, MySqlOptions, MySqlQueue, Wait};

use crate::database_or_return;
use crate::server::{Database, Server, is_there};

fn refusal(address: &MySqlAddress) -> String {
    let start = Instant::now();
    let opened = MySqlOptions::new().open::<String>(address);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::Connect { .. } | Error::Database { .. }), "{error:?}");
    for text in [error.to_string(), format!("{error:?}"), format!("{address:?}")] {
        assert!(!text.contains("geheim"), "{text}");
    }
    error.to_string()
}

fn account(database: &Database, rights: &str) -> MySqlAddress {
    let mut admin = database.admin();
    let user = format!("user_{}", database.name);
    for text in [
        format!("CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'geheim'"),
        format!("CREATE OR REPLACE USER '{user}'@'localhost' IDENTIFIED BY 'geheim'"),
    ] {
        admin.query_drop(text).unwrap();
    }
    for host in ["%", "localhost"] {
        if !rights.is_empty() {
            let text = format!("GRANT {rights} ON {}.* TO '{user}'@'{host}'", database.name);
            admin.query_drop(text).unwrap();
        }
    }
    let (host, port) = database.host_and_port();
    MySqlAddress::new(host, user, "geheim", &database.name)
        .port(port)
        .connect_timeout(Duration::from_secs(2))
}

#[test]
fn an_address_that_does_not_work_says_why_in_time_and_no_password() {
    let database = database_or_return!();
    let (host, port) = database.host_and_port();
    let name = database.name.clone();
    let to = |host: &str, port, user: &str, name: &str| {
        MySqlAddress::new(host, user, "geheim", name)
            .port(port)
            .connect_timeout(Duration::from_secs(1))
    };
    let good = account(&database, "ALL");
    MySqlOptions::new().open::<String>(&good).unwrap();
    let user = format!("user_{name}");

    let wrong_password = MySqlAddress::new(&host, &user, "geheim2", &name).port(port);
    let said = refusal(&wrong_password);
    assert!(said.contains("password") && said.contains(&user), "{said}");
    let said = refusal(&to(&host, port, &user, "nowhere"));
    assert!(said.contains("rights") || said.contains("no database 'nowhere'"), "{said}");
    let said = refusal(&to("no-such-host.invalid", port, &user, &name));
    assert!(said.contains("host name 'no-such-host.invalid'"), "{said}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = refusal(&to("127.0.0.1", closed, &user, &name));
    assert!(said.contains("cannot be reached") && said.contains("listens"), "{said}");
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let said = refusal(&to("127.0.0.1", mute.local_addr().unwrap().port(), &user, &name));
    assert!(said.contains("no answer within 1 s"), "{said}");
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let database = database_or_return!();
    let (host, port) = database.host_and_port();
    let address = MySqlAddress::new(host, "root", "", "nowhere").port(port);
    let error = MySqlOptions::new().open::<String>(&address).unwrap_err().to_string();
    assert!(
        error.contains("no database 'nowhere'") && error.contains("CREATE DATABASE"),
        "{error}"
    );
}

#[test]
fn missing_rights_are_named() {
    let database = database_or_return!();
    let said = refusal(&account(&database, "SELECT"));
    assert!(said.contains("GRANT") && said.contains("CREATE"), "{said}");
    // Where the table is there, CREATE is not needed.
    MySqlOptions::new().open::<String>(&database.address()).unwrap();
    let reader = MySqlOptions::new().open::<String>(&account(&database, "SELECT")).unwrap();
    let refused = reader.put("x".to_owned()).unwrap_err();
    assert!(refused.error.to_string().contains("INSERT"), "{}", refused.error);
    assert_eq!((refused.item.as_str(), reader.len().unwrap()), ("x", 0));
}

#[test]
fn a_name_cannot_break_out() {
    let database = database_or_return!();
    let name = "x` (a INT); DROP TABLE y; -- '\"";
    for acks in [false, true] {
        for kind in [
            persist_queue::sql::Kind::Fifo,
            persist_queue::sql::Kind::Unique,
            persist_queue::sql::Kind::Priority,
        ] {
            let options = MySqlOptions::new().kind(kind).name(name);
            if acks {
                let queue = options.open_ack::<u8>(&database.address()).unwrap();
                queue.put(1).unwrap();
                assert_eq!(queue.get().unwrap().ack().unwrap(), 1);
            } else {
                let queue = options.open::<u8>(&database.address()).unwrap();
                queue.put(1).unwrap();
                assert_eq!(queue.get().unwrap(), 1);
            }
        }
    }
    let tables = database.tables();
    assert_eq!(tables.len(), 6, "{tables:?}");
}

#[test]
fn a_table_of_another_kind_is_refused() {
    let database = database_or_return!();
    let options = || MySqlOptions::new().table_name("work");
    options().open::<u8>(&database.address()).unwrap();
    match options().open_ack::<u8>(&database.address()) {
        Err(Error::Unrecognised { reason, .. }) => assert!(reason.contains("status"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// As persist-queue 1.1.0 makes it.
fn old_table(database: &Database) {
    let text = "CREATE TABLE queue_old (_id INTEGER PRIMARY KEY AUTO_INCREMENT, data BLOB, \
                timestamp FLOAT)";
    database.driver().query_drop(text).unwrap();
}

fn old_queue(database: &Database) -> MySqlQueue<Vec<u8>, Bytes> {
    MySqlOptions::new().name("old").open_with(&database.address(), Bytes).unwrap()
}

#[test]
fn an_item_that_an_old_table_cannot_hold_is_refused_with_the_statement_that_helps() {
    let database = database_or_return!();
    old_table(&database);
    let queue = old_queue(&database);
    queue.put(vec![1; 65_535]).unwrap();
    let refused = queue.put(vec![2; 65_536]).unwrap_err();
    let Error::DoesNotFit { size: 65_536, limit: 65_535, remedy, .. } = refused.error else {
        panic!("{}", refused.error)
    };
    assert_eq!(refused.item.len(), 65_536);
    let statement = &remedy[remedy.find("ALTER TABLE").unwrap()..];
    assert_eq!(queue.len().unwrap(), 1);
    database.driver().query_drop(statement).unwrap();
    queue.put(vec![2; 65_536]).unwrap();
    assert_eq!(queue.get().unwrap().len(), 65_535);
    assert_eq!(queue.get().unwrap().len(), 65_536);
}

#[test]
fn an_item_that_no_packet_can_hold_is_refused() {
    if !is_there() {
        return;
    }
    let server = Server::start(&["--max-allowed-packet=1M"]);
    let database = server.database();
    let queue = MySqlOptions::new().open_with::<Vec<u8>, _>(&database.address(), Bytes).unwrap();
    queue.put(vec![1; 1_000_000]).unwrap();
    let refused = queue.put(vec![2; 1_100_000]).unwrap_err();
    let said = refused.error.to_string();
    assert!(matches!(refused.error, Error::DoesNotFit { .. }), "{said}");
    assert!(said.contains("max_allowed_packet"), "{said}");
    // Many that fit one by one go together.
    queue.put_many(vec![vec![3; 300_000]; 8], Wait::No).unwrap();
    assert_eq!(queue.len().unwrap(), 9);
    assert_eq!(queue.get_many(9, Wait::No).unwrap().len(), 9);
}

#[test]
fn who_asks_for_tls_does_not_get_less() {
    let database = database_or_return!();
    let mut admin = database.admin();
    let has_tls: Option<(String, String)> =
        admin.query_first("SHOW VARIABLES LIKE 'have_ssl'").unwrap();
    let address = database.address().connect_timeout(Duration::from_secs(2));
    let preferred = address.clone().tls(Tls::Preferred);
    MySqlOptions::new().open::<u8>(&preferred).unwrap();
    if has_tls.is_some_and(|(_, value)| value == "YES") {
        return;
    }
    let said = refusal(&address.tls(Tls::Required { ca: None }));
    assert!(said.contains("no TLS"), "{said}");
}
