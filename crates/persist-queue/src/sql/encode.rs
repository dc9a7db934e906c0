//! Making rows of items.

use super::{Put, PutOptions};
use crate::codec::Codec;
use crate::{Error, Result};

/// The rows that are made of items, which all have the same options.
pub(crate) fn encode_all<T, C: Codec<T>>(
    codec: &C,
    items: &[T],
    options: PutOptions,
) -> Result<Vec<Put>> {
    items.iter().map(|item| encode(codec, item, options)).collect()
}

/// The row that is made of an item.
pub(crate) fn encode<T, C: Codec<T>>(codec: &C, item: &T, options: PutOptions) -> Result<Put> {
    let mut data = Vec::new();
    codec.encode(item, &mut data).map_err(Error::Encode)?;
    Ok(Put { data, options, ..Put::default() })
}
