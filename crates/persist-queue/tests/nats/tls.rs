//! Encrypted connections, to a server that has a certificate of an authority of the test's own.

use std::path::Path;

use persist_queue::nats::Tls;
use persist_queue::{Error, NatsAddress, NatsQueue};

use crate::certificates::{Authority, authority, certify, save};
use crate::place_or_return;
use crate::server::{Place, Server, is_there};

/// A server whose certificate is good for these names, and lets in who is named so only.
fn start(folder: &Path, authority: &Authority, names: &[&str]) -> Server {
    let [_, certificate, key] = certify(folder, authority, names);
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", timeout: 10 }}",
        certificate.display(),
        key.display()
    );
    Server::start(&[&tls, "authorization { user: safe, password: geheim }"])
}

fn open(place: &Place, address: &NatsAddress) -> Result<NatsQueue<String>, Error> {
    place.options().open(address)
}

#[test]
fn a_connection_is_encrypted_and_only_to_the_right_server() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &authority("right"), &["127.0.0.1"]);
    // The driver knows no certificates: nothing can be deleted there.
    let place = std::mem::ManuallyDrop::new(server.place());
    let address = place.address().user("safe", "geheim");
    let ca = Some(folder.path().join("ca.pem"));
    let queue = open(&place, &address.clone().tls(Tls::Required { ca })).unwrap();
    queue.put("over TLS".to_owned()).unwrap();
    assert_eq!(queue.get().unwrap(), "over TLS");

    let wrong = save(folder.path(), "wrong.pem", &authority("wrong").pem());
    // This server asks for TLS also of who does not; who does not know the authority is not connected.
    for tls in [Tls::Required { ca: Some(wrong) }, Tls::Required { ca: None }, Tls::Off] {
        let error = open(&place, &address.clone().tls(tls)).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.to_string().contains("check the certificates"), "{error}");
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error}");
    }
    let broken = save(folder.path(), "broken.pem", "no certificate at all");
    let error = open(&place, &address.tls(Tls::Required { ca: Some(broken) })).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &authority("right"), &["nats.example"]);
    let place = std::mem::ManuallyDrop::new(server.place());
    let tls = Tls::Required { ca: Some(folder.path().join("ca.pem")) };
    let address = place.address().user("safe", "geheim").tls(tls);
    let error = open(&place, &address).unwrap_err().to_string();
    assert!(error.contains("check the certificates"), "{error}");
}

#[test]
fn who_asks_for_tls_does_not_get_less() {
    let place = place_or_return!();
    let error = open(&place, &place.address().tls(Tls::Required { ca: None })).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let error = open(&place, &place.address().tls(Tls::Preferred)).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}
