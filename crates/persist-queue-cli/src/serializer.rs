//! Which bytes an item has.

use std::fmt;

use serde_json::Value as Json;

use crate::value::{self, Value, json, pickle_read, pickle_write};

/// How items are serialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Serializer {
    /// What Python's classes use where nothing else is asked for
    Pickle,
    Json,
    Msgpack,
    #[value(alias = "cbor2")]
    Cbor,
    /// The bytes themselves
    #[value(alias = "bytes")]
    Raw,
}

impl Serializer {
    /// The name that a queue remembers it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pickle => "pickle",
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Cbor => "cbor2",
            Self::Raw => "bytes",
        }
    }

    /// That of a name that a queue remembers, if it is known here.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Pickle, Self::Json, Self::Msgpack, Self::Cbor, Self::Raw]
            .into_iter()
            .find(|serializer| serializer.name() == name)
    }

    pub(crate) fn encode(self, value: &Value) -> Result<Vec<u8>, String> {
        match self {
            Self::Pickle => pickle_write::dumps(value),
            Self::Json => {
                if let Some(name) = not_json(value) {
                    return Err(format!("JSON has no {name}"));
                }
                serde_json::to_vec(&to_plain(value)).map_err(|error| error.to_string())
            }
            Self::Msgpack => value::to_msgpack(value),
            Self::Cbor => value::to_cbor(value),
            Self::Raw => match value {
                Value::Text(text) => Ok(text.clone().into_bytes()),
                Value::Bytes(bytes) => Ok(bytes.clone()),
                _ => Err("a raw item is text or bytes".to_owned()),
            },
        }
    }

    pub(crate) fn decode(self, payload: &[u8]) -> Result<Value, String> {
        match self {
            Self::Pickle => pickle_read::loads(payload),
            Self::Json => {
                let read: Json =
                    serde_json::from_slice(payload).map_err(|error| error.to_string())?;
                Ok(plain(read))
            }
            Self::Msgpack => value::from_msgpack(payload),
            Self::Cbor => value::from_cbor(payload),
            Self::Raw => Ok(Value::of_line(payload.to_vec())),
        }
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What JSON cannot say of a value.
fn not_json(value: &Value) -> Option<&str> {
    match value {
        Value::Bytes(_) => Some("bytes"),
        Value::Float(number) if !number.is_finite() => Some("such number"),
        Value::Other(name, _) => Some(name),
        Value::List(values) => values.iter().find_map(not_json),
        Value::Map(pairs) => pairs.iter().find_map(|(key, value)| match key {
            Value::Text(_) => not_json(value),
            _ => Some("keys but text"),
        }),
        _ => None,
    }
}

/// The JSON of a value that JSON can say.
fn to_plain(value: &Value) -> Json {
    match value {
        Value::List(values) => Json::Array(values.iter().map(to_plain).collect()),
        Value::Map(pairs) => Json::Object(
            pairs
                .iter()
                .filter_map(|(key, value)| match key {
                    Value::Text(key) => Some((key.clone(), to_plain(value))),
                    _ => None,
                })
                .collect(),
        ),
        value => json::to_json(value),
    }
}

/// JSON as it is, where no key means anything.
fn plain(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => match number.as_i128() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(values) => Value::List(values.into_iter().map(plain).collect()),
        Json::Object(map) => Value::Map(
            map.into_iter().map(|(key, value)| (Value::Text(key), plain(value))).collect(),
        ),
    }
}
