//! The Python face of persist-queue: extract, call, map errors. It decides nothing.

mod dict;
mod errors;
mod green;
mod host;
mod legacy;
mod queue;
mod serializer;
mod view;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::dict::SqliteDict;
    #[pymodule_export]
    use super::queue::FileQueue;
    #[pymodule_export]
    use super::view::FileView;
}
