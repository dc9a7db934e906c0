//! A value of an item, whatever its serializer: what can be shown, and made anew of what was shown.

pub(crate) mod json;
mod other;
mod pickle_code;
pub(crate) mod pickle_read;
pub(crate) mod pickle_write;

pub(crate) use other::{from_cbor, from_msgpack, to_cbor, to_msgpack};

/// A plain value; or, for what is none, enough to look at it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// Of another type: its name, and what it was made of. Nothing was called to find out.
    Other(String, Vec<Value>),
}

impl Value {
    /// A line of input: bytes where it is no text.
    pub(crate) fn of_line(line: Vec<u8>) -> Self {
        match String::from_utf8(line) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }

    /// The name of the first type in it that is none of the plain ones.
    pub(crate) fn foreign(&self) -> Option<&str> {
        match self {
            Self::Other(name, _) => Some(name),
            Self::List(values) => values.iter().find_map(Self::foreign),
            Self::Map(pairs) => {
                pairs.iter().find_map(|(key, value)| key.foreign().or_else(|| value.foreign()))
            }
            _ => None,
        }
    }
}
