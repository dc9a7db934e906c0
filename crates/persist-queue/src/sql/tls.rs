//! Whether what goes over the wire is encrypted.

use std::path::PathBuf;

use crate::{Error, Result};

/// Whether what goes over the wire is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Tls {
    /// It is not.
    #[default]
    Off,
    /// It is where the server can. Nothing says that it is the right server.
    Preferred,
    /// It is, and the server's certificate must be good for its host name.
    Required {
        /// A file (PEM or DER) with the authority's certificate; the public authorities where it is not
        /// given.
        ca: Option<PathBuf>,
    },
}

impl Tls {
    /// As it is spelled in URLs and in Python: `off`, `preferred` or `required`, and the authority's
    /// certificate, with which it is required.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another word, and for a certificate where none is required.
    pub fn of(word: Option<&str>, ca: Option<PathBuf>) -> Result<Self> {
        match (word, ca) {
            (None | Some("off"), None) => Ok(Self::Off),
            (Some("preferred"), None) => Ok(Self::Preferred),
            (None | Some("required"), ca) => Ok(Self::Required { ca }),
            (Some(_), _) => Err(Error::Invalid(
                "tls must be 'off', 'preferred' or 'required'; tls_ca goes with 'required'"
                    .to_owned(),
            )),
        }
    }

    /// As [`Tls::of`] reads it; nothing where it is off.
    pub fn words(&self) -> (Option<&'static str>, Option<&PathBuf>) {
        match self {
            Self::Off => (None, None),
            Self::Preferred => (Some("preferred"), None),
            Self::Required { ca } => (Some("required"), ca.as_ref()),
        }
    }
}
