//! Items as JSON, through serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// JSON. Its name is `json`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn encode(&self, item: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(serde_json::to_writer(into, item)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_comes_back_as_the_same_one() {
        let mut seed = 7_u64;
        let spread = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            f64::from_bits(seed ^ seed >> 29)
        });
        // The first one came back as 5.9999999999999985e68.
        let floats = [5.999_999_999_999_999e68, f64::MAX, f64::MIN_POSITIVE, -0.1];
        for float in floats.into_iter().chain(spread.take(20_000)).filter(|float| float.is_finite())
        {
            let mut bytes = Vec::new();
            Json.encode(&float, &mut bytes).unwrap();
            let back: f64 = Json.decode(&bytes).unwrap();
            assert_eq!(back.to_bits(), float.to_bits(), "{float:e}");
        }
    }
}
