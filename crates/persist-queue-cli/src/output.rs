//! How items are written.

use std::io::{self, Write};

use crate::serializer::Serializer;
use crate::value::{Value, json};

/// In which form items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line each: text as it is, anything else as JSON.
    Lines,
    /// JSON, a line each.
    Json,
}

impl Form {
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Lines }
    }

    pub(crate) fn write(self, value: &Value, out: &mut dyn Write) -> io::Result<()> {
        match (self, value) {
            (Self::Lines, Value::Text(text)) => out.write_all(text.as_bytes())?,
            (Self::Lines, Value::Bytes(bytes)) => out.write_all(bytes)?,
            _ => write!(out, "{}", json::to_json(value))?,
        }
        out.write_all(b"\n")
    }
}

/// An item to look at, whatever its bytes are.
pub(crate) fn to_look_at(serializer: Serializer, payload: &[u8]) -> Value {
    serializer.decode(payload).unwrap_or_else(|reason| {
        let name = format!("{} bytes that are no {serializer}: {reason}", payload.len());
        Value::Other(name, vec![Value::Text(payload.escape_ascii().to_string())])
    })
}

/// An item to be taken away: only what is shown as all that it is.
pub(crate) fn to_take(serializer: Serializer, payload: &[u8]) -> Result<Value, String> {
    let value = without_shapes(serializer.decode(payload)?);
    match value.foreign() {
        Some(name) => Err(format!("it has an object of {name} in it, which only Python can make")),
        None => Ok(value),
    }
}

/// Tuples and sets are lists to whoever reads JSON.
fn without_shapes(value: Value) -> Value {
    match value {
        Value::Other(name, parts) if ["tuple", "set", "frozenset"].contains(&name.as_str()) => {
            Value::List(parts.into_iter().map(without_shapes).collect())
        }
        Value::List(values) => Value::List(values.into_iter().map(without_shapes).collect()),
        Value::Map(pairs) => Value::Map(
            pairs
                .into_iter()
                .map(|(key, value)| (without_shapes(key), without_shapes(value)))
                .collect(),
        ),
        value => value,
    }
}
