//! What is behind the serializers that sign and encrypt: bytes to bytes, by the codecs of the library.

use std::fmt;
use std::sync::Arc;

use persist_queue::codec::{Bytes, Codec, CodecError, Encrypted, Keys, Signed, Untrusted};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::errors::{Raised, untrusted};

/// From here on the interpreter is let go meanwhile; for less that would take longer than the work.
const LONG: usize = 64 * 1024;

/// One signs or encrypts with these keys.
#[pyclass(frozen, module = "persistqueue._native")]
pub(crate) struct Protection {
    codec: Arc<dyn Codec<Vec<u8>> + Send + Sync>,
}

// No key may be shown.
impl fmt::Debug for Protection {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Protection")
    }
}

#[pymethods]
impl Protection {
    #[new]
    fn new(
        encrypts: bool,
        keys: Vec<PyBackedBytes>,
        context: PyBackedBytes,
        accepts_others: bool,
    ) -> PyResult<Self> {
        let keys = Keys::new(keys).map_err(Raised::from)?;
        Ok(Self {
            codec: if encrypts {
                let codec = Encrypted::new(Bytes, keys).context(context);
                Arc::new(codec.accept_unencrypted(accepts_others))
            } else {
                Arc::new(Signed::new(Bytes, keys).context(context).accept_unsigned(accepts_others))
            },
        })
    }

    /// The bytes, signed or encrypted.
    fn protect<'py>(&self, py: Python<'py>, data: PyBackedBytes) -> PyResult<Bound<'py, PyBytes>> {
        let (size, codec) = (data.len(), &self.codec);
        done(py, size, move || {
            let mut protected = Vec::new();
            codec.encode(&data.to_vec(), &mut protected)?;
            Ok(protected)
        })
    }

    /// The bytes that were protected; of others, those themselves where they are accepted.
    fn verify<'py>(&self, py: Python<'py>, data: PyBackedBytes) -> PyResult<Bound<'py, PyBytes>> {
        let (size, codec) = (data.len(), &self.codec);
        done(py, size, move || codec.decode(&data))
    }
}

fn done(
    py: Python<'_>,
    size: usize,
    work: impl FnOnce() -> Result<Vec<u8>, CodecError> + Send,
) -> PyResult<Bound<'_, PyBytes>> {
    match if size < LONG { work() } else { py.detach(work) } {
        Ok(bytes) => Ok(PyBytes::new(py, &bytes)),
        Err(error) => Err(match error.downcast::<Untrusted>() {
            Ok(refusal) => untrusted(py, &refusal)?,
            Err(other) => PyRuntimeError::new_err(other.to_string()),
        }),
    }
}
