//! A command of the shell for an item.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use persist_queue::any::Item;

use crate::failure::{Failure, Result};
use crate::output::Form;
use crate::value::Value;

/// Runs it with the item on its standard input; an error where it does not exit with 0.
pub(super) fn run(command: &str, item: &Item, value: &Value, form: Form) -> Result<()> {
    let failed = |why: String| Failure::failed(format!("item {} went back: {why}", item.id));
    let mut text = Vec::new();
    form.write(value, &mut text)?;
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::piped()).env("PERSISTQ_ID", item.id.to_string());
    if let Some(attempts) = item.attempts {
        shell.env("PERSISTQ_ATTEMPTS", attempts.to_string());
    }
    let mut child = shell.spawn().map_err(|error| failed(format!("sh cannot be run: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(&text) {
            // It need not read it: its exit code says whether it is content.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.map_err(|error| failed(format!("it cannot be told: {error}")))?,
        }
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(format!("the command ended with {status}"))) }
}
