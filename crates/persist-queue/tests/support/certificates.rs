//! Certificates of an authority of the tests' own.

use std::fs::write;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn save(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    write(&path, text).unwrap();
    path
}

/// What a server needs whose certificate is good for these names: the authority's, its own, and its key.
pub(crate) fn certify(folder: &Path, authority: &Authority, names: &[&str]) -> [PathBuf; 3] {
    let key = KeyPair::generate().unwrap();
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
    [
        save(folder, "ca.pem", &authority.pem()),
        save(folder, "cert.pem", &certificate.pem()),
        save(folder, "key.pem", &key.serialize_pem()),
    ]
}
