//! Encrypted connections, to a server that has a certificate of an authority of the test's own.

use std::path::Path;
use std::time::Duration;

use persist_queue::postgres::Tls;
use persist_queue::{Error, PostgresAddress, PostgresQueue};

use crate::certificates::{Authority, authority, certify, save};
use crate::server::{Server, is_there};
use crate::{Options, database_or_return};

/// A server whose certificate is good for these names.
fn start(folder: &Path, authority: &Authority, names: &[&str]) -> Server {
    let [_, certificate, key] = certify(folder, authority, names);
    let certificate = format!("ssl_cert_file={}", certificate.display());
    Server::start(&["ssl=on", &certificate, &format!("ssl_key_file={}", key.display())])
}

fn open(address: &PostgresAddress) -> Result<PostgresQueue<String>, Error> {
    Options::new().open(address)
}

#[test]
fn a_connection_is_encrypted_and_only_to_the_right_server() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let right = authority("right");
    let server = start(folder.path(), &right, &["127.0.0.1"]);
    let database = server.database();
    database.administer("CREATE USER safe PASSWORD 'geheim'");
    database.connection().run("GRANT ALL ON SCHEMA public TO safe");
    let (host, port) = database.host_and_port();
    let plain = PostgresAddress::new(host, "safe", "geheim", &database.name)
        .port(port)
        .connect_timeout(Duration::from_secs(5));

    // The server refuses this user where the connection is not encrypted.
    assert!(matches!(open(&plain).unwrap_err(), Error::Connect { .. }));
    open(&plain.clone().tls(Tls::Preferred)).unwrap();
    let ca = Some(folder.path().join("ca.pem"));
    let queue = open(&plain.clone().tls(Tls::Required { ca })).unwrap();
    queue.put("over TLS".to_owned()).unwrap();
    assert_eq!(queue.get().unwrap(), "over TLS");

    let wrong = save(folder.path(), "wrong.pem", &authority("wrong").pem());
    for ca in [Some(wrong), None] {
        let error = open(&plain.clone().tls(Tls::Required { ca })).unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }
    let broken = save(folder.path(), "broken.pem", "no certificate at all");
    let error = open(&plain.tls(Tls::Required { ca: Some(broken) })).unwrap_err().to_string();
    assert!(error.contains("broken.pem"), "{error}");
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &authority("right"), &["db.example"]);
    let database = server.database();
    let tls = Tls::Required { ca: Some(folder.path().join("ca.pem")) };
    let error = open(&database.address().tls(tls)).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[test]
fn who_asks_for_tls_does_not_get_less() {
    let database = database_or_return!();
    open(&database.address().tls(Tls::Preferred)).unwrap();
    let error = open(&database.address().tls(Tls::Required { ca: None })).unwrap_err().to_string();
    assert!(error.contains("no TLS"), "{error}");
}
