//! The command `persistq`, in this process.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command with `arguments`, the first of which is its name; gives its exit code. `program` is
/// how it is started again, for those commands that need processes of their own.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, arguments: Vec<OsString>, program: Vec<OsString>) -> u8 {
    py.detach(|| {
        persistq::set_program(program);
        persistq::run(arguments, &mut persistq::Streams::of_process())
    })
}
