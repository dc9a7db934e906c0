//! Encrypted connections, to a server that has a certificate of an authority of the test's own.

use std::path::Path;
use std::time::Duration;

use mysql::prelude::Queryable;
use persist_queue::mysql::Tls;
use persist_queue::{Error, MySqlAddress, MySqlOptions, MySqlQueue};

use crate::certificates::{Authority, authority, certify, save};
use crate::server::{Server, is_there};

/// A server whose certificate is good for these names.
fn start(folder: &Path, authority: &Authority, names: &[&str]) -> Server {
    let [authority, certificate, key] = certify(folder, authority, names);
    let arguments = [("ca", authority), ("cert", certificate), ("key", key)];
    // The server runs as another user where this is root.
    let arguments: Vec<_> =
        arguments.iter().map(|(what, path)| format!("--ssl-{what}={}", path.display())).collect();
    Server::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn open(address: &MySqlAddress) -> Result<MySqlQueue<String>, Error> {
    MySqlOptions::new().open(address)
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
    let mut admin = database.admin();
    for text in [
        "CREATE USER 'safe'@'%' IDENTIFIED BY 'geheim' REQUIRE SSL".to_owned(),
        format!("GRANT ALL ON {}.* TO 'safe'@'%'", database.name),
    ] {
        admin.query_drop(text).unwrap();
    }
    let (host, port) = database.host_and_port();
    let plain = MySqlAddress::new(host, "safe", "geheim", &database.name)
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
