//! Values as JSON, and back.
//!
//! What JSON has no word for becomes an object with one key that begins with `$`: `{"$bytes": BASE64}`,
//! `{"$float": "nan"}`, `{"$int": "…"}`, `{"$map": [[key, value], …]}`, `{"$object": NAME, "parts":
//! […]}`. All but the last can be read back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value as Json, json};

use super::Value;

/// The key of an item that is given as its serialized bytes.
pub(crate) const RAW: &str = "$raw";

pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => json!({ "$int": number.to_string() }),
        },
        Value::Float(number) => Number::from_f64(*number)
            .map_or_else(|| json!({ "$float": number.to_string() }), Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => json!({ "$bytes": STANDARD.encode(bytes) }),
        Value::List(values) => Json::Array(values.iter().map(to_json).collect()),
        Value::Map(pairs) => map_to_json(pairs),
        Value::Other(name, parts) => {
            json!({ "$object": name, "parts": parts.iter().map(to_json).collect::<Vec<_>>() })
        }
    }
}

fn map_to_json(pairs: &[(Value, Value)]) -> Json {
    let mut map = Map::new();
    for (key, value) in pairs {
        match key {
            Value::Text(key) if !key.starts_with('$') && !map.contains_key(key) => {
                map.insert(key.clone(), to_json(value));
            }
            _ => {
                let pair = |(key, value)| json!([to_json(key), to_json(value)]);
                let pairs: Vec<Json> =
                    pairs.iter().map(|(key, value)| pair((key, value))).collect();
                return json!({ "$map": pairs });
            }
        }
    }
    Json::Object(map)
}

pub(crate) fn from_json(json: Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => match number.as_i128() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().ok_or("a number is too large")?),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(values) => {
            Value::List(values.into_iter().map(from_json).collect::<Result<_, _>>()?)
        }
        Json::Object(map) => match special(&map)? {
            Some(value) => value,
            None => Value::Map(
                map.into_iter()
                    .map(|(key, value)| Ok((Value::Text(key), from_json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
        },
    })
}

/// One of those that stand for what JSON has no word for.
fn special(map: &Map<String, Json>) -> Result<Option<Value>, String> {
    let (Some((key, value)), true) = (map.iter().next(), map.len() == 1) else { return Ok(None) };
    let text = || value.as_str().ok_or_else(|| format!("'{key}' must have a text"));
    Ok(Some(match key.as_str() {
        "$bytes" => Value::Bytes(bytes(text()?)?),
        "$float" => Value::Float(text()?.parse().map_err(|_| "'$float' must have a number")?),
        "$int" => Value::Int(text()?.parse().map_err(|_| "'$int' must have a whole number")?),
        "$map" => {
            let pairs = value.as_array().ok_or("'$map' must have a list of pairs")?;
            let pair = |pair: &Json| match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) => Ok((from_json(key.clone())?, from_json(value.clone())?)),
                _ => Err("'$map' must have a list of pairs".to_owned()),
            };
            Value::Map(pairs.iter().map(pair).collect::<Result<_, _>>()?)
        }
        _ => return Ok(None),
    }))
}

/// The item of `{"$raw": BASE64}`, if it is one.
pub(crate) fn raw(json: &Json) -> Option<Result<Vec<u8>, String>> {
    let map = json.as_object().filter(|map| map.len() == 1)?;
    let text = map.get(RAW)?.as_str();
    Some(text.ok_or_else(|| format!("'{RAW}' must have a text")).and_then(bytes))
}

pub(crate) fn to_raw(payload: &[u8]) -> Json {
    json!({ RAW: STANDARD.encode(payload) })
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("'{text}' is no base64: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_has_no_word_for_comes_back_as_it_was() {
        let pairs =
            vec![(Value::Int(1), Value::Null), (Value::Text("a".into()), Value::Bool(true))];
        for value in [
            Value::Bytes(vec![0, 255]),
            Value::Float(f64::INFINITY),
            Value::Float(1.0),
            Value::Int(1),
            Value::Int(i128::from(u64::MAX)),
            Value::Int(i128::MIN),
            Value::Map(pairs),
            Value::Map(vec![(Value::Text("$bytes".into()), Value::Text("no base64!".into()))]),
            Value::List(vec![Value::Map(Vec::new()), Value::Text("ü\n".into())]),
        ] {
            let text = to_json(&value).to_string();
            assert_eq!(from_json(serde_json::from_str(&text).unwrap()), Ok(value), "{text}");
        }
    }
}
