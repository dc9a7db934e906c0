//! Plain values as Python pickles them with protocol 4: for those without repetitions in them, byte by
//! byte.

use super::Value;
use super::pickle_code as code;

/// How many items `pickle` hands over at once.
const BATCH: usize = 1000;
/// Less than this, with the end, has no frame.
const SMALLEST_FRAME: usize = 4;

/// The pickle of a value.
pub(crate) fn dumps(value: &Value) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write(value, &mut body)?;
    body.push(code::STOP);
    let mut pickle = Vec::with_capacity(body.len() + 11);
    pickle.extend([code::PROTOCOL, 4]);
    if body.len() >= SMALLEST_FRAME {
        pickle.push(code::FRAME);
        pickle.extend((body.len() as u64).to_le_bytes());
    }
    pickle.append(&mut body);
    Ok(pickle)
}

fn write(value: &Value, into: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => into.push(code::NONE),
        Value::Bool(true) => into.push(code::TRUE),
        Value::Bool(false) => into.push(code::FALSE),
        Value::Int(number) => whole_number(*number, into),
        Value::Float(number) => {
            into.push(code::FLOAT_8);
            into.extend(number.to_be_bytes());
        }
        Value::Text(text) => {
            block([code::TEXT_1, code::TEXT_4, code::TEXT_8], text.as_bytes(), into);
        }
        Value::Bytes(bytes) => block([code::BYTES_1, code::BYTES_4, code::BYTES_8], bytes, into),
        Value::List(values) => {
            into.extend([code::EMPTY_LIST, code::MEMOIZE]);
            let one = |value: &Value, into: &mut Vec<u8>| write(value, into);
            batches(values, [code::APPEND, code::APPENDS], one, into)?;
        }
        Value::Map(pairs) => {
            into.extend([code::EMPTY_DICT, code::MEMOIZE]);
            let one = |(key, value): &(Value, Value), into: &mut Vec<u8>| {
                write(key, into)?;
                write(value, into)
            };
            batches(pairs, [code::SET_ITEM, code::SET_ITEMS], one, into)?;
        }
        Value::Other(name, _) => return Err(format!("an object of {name} cannot be made here")),
    }
    Ok(())
}

fn batches<T>(
    items: &[T],
    [single, several]: [u8; 2],
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), String>,
    into: &mut Vec<u8>,
) -> Result<(), String> {
    for batch in items.chunks(BATCH) {
        if let [item] = batch {
            write(item, into)?;
            into.push(single);
            continue;
        }
        into.push(code::MARK);
        for item in batch {
            write(item, into)?;
        }
        into.push(several);
    }
    Ok(())
}

fn block([short, middle, long]: [u8; 3], bytes: &[u8], into: &mut Vec<u8>) {
    let length = bytes.len();
    if let Ok(length) = u8::try_from(length) {
        into.extend([short, length]);
    } else if let Ok(length) = u32::try_from(length) {
        into.push(middle);
        into.extend(length.to_le_bytes());
    } else {
        into.push(long);
        into.extend((length as u64).to_le_bytes());
    }
    into.extend(bytes);
    into.push(code::MEMOIZE);
}

fn whole_number(number: i128, into: &mut Vec<u8>) {
    if let Ok(number) = u8::try_from(number) {
        into.extend([code::INT_1, number]);
    } else if let Ok(number) = u16::try_from(number) {
        into.push(code::INT_2);
        into.extend(number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        into.push(code::INT_4);
        into.extend(number.to_le_bytes());
    } else {
        // The fewest bytes that keep the sign.
        let spare = number.leading_zeros().max(number.leading_ones()) - 1;
        let length = 16 - spare as usize / 8;
        into.extend([code::LONG_1, length as u8]);
        into.extend(number.to_le_bytes().iter().take(length));
    }
}
