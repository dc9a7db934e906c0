//! Items that a codec reads.

use std::collections::BTreeMap;
use std::fmt::Debug;

use persist_queue::Codec;
use persist_queue::codec::{Cbor, Json, MessagePack, Pickle};
use serde::{Deserialize, Serialize};

/// Something of each kind that there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Nothing(()),
    Truth(bool),
    Whole(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

/// The input: a codec and an item's bytes.
pub fn check(input: &[u8]) {
    let Some((codec, bytes)) = input.split_first() else { return };
    match codec % 4 {
        0 => read(&MessagePack, bytes),
        1 => read(&Cbor, bytes),
        2 => read(&Json, bytes),
        _ => read(&Pickle, bytes),
    }
}

fn read<C: Codec<Value> + Codec<(u64, String)>>(codec: &C, bytes: &[u8]) {
    comes_back::<(u64, String), C>(codec, bytes);
    comes_back::<Value, C>(codec, bytes);
}

/// What can be read can be written, and is written the same when it is read again. (Compared by bytes:
/// there are numbers that do not equal themselves.)
fn comes_back<T: Debug, C: Codec<T>>(codec: &C, bytes: &[u8]) {
    let Ok(item) = codec.decode(bytes) else { return };
    let written = |item: &T| {
        let mut bytes = Vec::new();
        codec.encode(item, &mut bytes).map(|()| bytes)
    };
    let Ok(once) = written(&item) else { return };
    let read = codec.decode(&once);
    let again = read.ok().and_then(|item| written(&item).ok());
    assert_eq!(again.as_ref(), Some(&once), "{item:?} does not come back");
}
