//! Where items come from: arguments, lines, files.

use std::io::{self, BufRead, BufReader, Read};

use crate::failure::{Failure, Result};
use crate::serializer::Serializer;
use crate::value::{Value, json};

/// The bytes of one item.
pub(crate) fn item(
    text: Vec<u8>,
    is_json: bool,
    serializer: Serializer,
) -> Result<Vec<u8>, String> {
    if !is_json {
        return serializer.encode(&Value::of_line(text));
    }
    let read: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| format!("it is no JSON: {error}"))?;
    if let Some(raw) = json::raw(&read) {
        return raw;
    }
    serializer.encode(&json::from_json(read)?)
}

/// The lines of a stream, in batches: what is there is not kept back for what may come.
pub(crate) struct Lines<'a> {
    input: BufReader<&'a mut dyn Read>,
    name: &'a str,
    /// How many lines were read.
    pub(crate) read: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(input: &'a mut dyn Read, name: &'a str) -> Self {
        // As much as a pipe holds.
        let input = BufReader::with_capacity(64 * 1024, input);
        Self { input, name, read: 0 }
    }

    /// The next line without its end; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line).map_err(|error| self.failed(&error))?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        self.read += 1;
        Ok(Some(line))
    }

    /// At least one line and at most `most`; none at the end.
    pub(crate) fn batch(&mut self, most: usize) -> Result<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        while lines.len() < most {
            // Another one that would have to be waited for comes with the next batch.
            if !lines.is_empty() && !self.input.buffer().contains(&b'\n') {
                break;
            }
            match self.next()? {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        Ok(lines)
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::failed(format!("cannot read {}: {error}", self.name))
    }
}
