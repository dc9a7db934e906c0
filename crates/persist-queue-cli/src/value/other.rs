//! CBOR and MessagePack.

use ciborium::Value as Cbor;

use super::Value;

pub(crate) fn from_cbor(payload: &[u8]) -> Result<Value, String> {
    ciborium::from_reader(payload).map(from_dynamic).map_err(|error| error.to_string())
}

pub(crate) fn to_cbor(value: &Value) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&to_dynamic(value)?, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

pub(crate) fn from_msgpack(payload: &[u8]) -> Result<Value, String> {
    rmp_serde::from_slice(payload).map(from_dynamic).map_err(|error| error.to_string())
}

pub(crate) fn to_msgpack(value: &Value) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec(&to_dynamic(value)?).map_err(|error| error.to_string())
}

fn from_dynamic(value: Cbor) -> Value {
    match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(truth) => Value::Bool(truth),
        Cbor::Integer(number) => Value::Int(number.into()),
        Cbor::Float(number) => Value::Float(number),
        Cbor::Text(text) => Value::Text(text),
        Cbor::Bytes(bytes) => Value::Bytes(bytes),
        Cbor::Array(values) => Value::List(values.into_iter().map(from_dynamic).collect()),
        Cbor::Map(pairs) => Value::Map(
            pairs
                .into_iter()
                .map(|(key, value)| (from_dynamic(key), from_dynamic(value)))
                .collect(),
        ),
        Cbor::Tag(tag, value) => Value::Other(format!("tag {tag}"), vec![from_dynamic(*value)]),
        _ => Value::Other("an unknown type".to_owned(), Vec::new()),
    }
}

fn to_dynamic(value: &Value) -> Result<Cbor, String> {
    Ok(match value {
        Value::Null => Cbor::Null,
        Value::Bool(truth) => Cbor::Bool(*truth),
        Value::Int(number) => Cbor::Integer(
            (*number).try_into().map_err(|_| format!("the number {number} is too large"))?,
        ),
        Value::Float(number) => Cbor::Float(*number),
        Value::Text(text) => Cbor::Text(text.clone()),
        Value::Bytes(bytes) => Cbor::Bytes(bytes.clone()),
        Value::List(values) => {
            Cbor::Array(values.iter().map(to_dynamic).collect::<Result<_, _>>()?)
        }
        Value::Map(pairs) => Cbor::Map(
            pairs
                .iter()
                .map(|(key, value)| Ok((to_dynamic(key)?, to_dynamic(value)?)))
                .collect::<Result<_, String>>()?,
        ),
        Value::Other(name, _) => return Err(format!("an object of {name} cannot be made here")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_come_back() {
        let value = Value::List(vec![
            Value::Null,
            Value::Int(-5),
            Value::Float(0.5),
            Value::Bytes(vec![1, 2]),
            Value::Map(vec![(Value::Int(1), Value::Text("ü".into()))]),
        ]);
        assert_eq!(from_cbor(&to_cbor(&value).unwrap()), Ok(value.clone()));
        assert_eq!(from_msgpack(&to_msgpack(&value).unwrap()), Ok(value));
    }
}
