//! Whether bytes are one CBOR value. A damaged length prefix is noticed by this.

use super::cursor::Cursor;

/// Whether `bytes` are exactly one value. Walks without recursion, so that no nesting is too deep.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut cursor = Cursor::new(bytes);
    // For each container that we are in: how many values are to come; None: as many as there are
    // before a break.
    let mut open = vec![Some(1)];
    while let Some(left) = open.last_mut() {
        match left {
            Some(0) => drop(open.pop()),
            Some(count) => {
                *count -= 1;
                pass(&mut cursor, &mut open, false)?;
            }
            None => pass(&mut cursor, &mut open, true)?,
        }
    }
    if cursor.is_at_end() { Ok(()) } else { Err("bytes follow the value".to_owned()) }
}

/// Goes behind the head of a value, and the value if it is a plain one; a container is opened.
fn pass(
    cursor: &mut Cursor<'_>,
    open: &mut Vec<Option<u64>>,
    may_break: bool,
) -> Result<(), String> {
    let head = cursor.byte()?;
    match (head >> 5, argument(head & 31, cursor)?) {
        (0 | 1 | 7, Some(_)) => {}
        (2, Some(length)) => drop(cursor.take(length)?),
        (3, Some(length)) => cursor.text(length)?,
        (4, Some(length)) => open.push(Some(length)),
        (5, Some(length)) => open.push(Some(length.saturating_mul(2))),
        (6, Some(_)) => open.push(Some(1)),
        (2..=5, None) => open.push(None),
        (7, None) if may_break => drop(open.pop()),
        _ => return Err(format!("CBOR has no value {head:#04x} here")),
    }
    Ok(())
}

/// The number in a head; None: not known before a break.
fn argument(low: u8, cursor: &mut Cursor<'_>) -> Result<Option<u64>, String> {
    match low {
        0..=23 => Ok(Some(u64::from(low))),
        24..=27 => cursor.big_endian(1 << (low - 24)).map(Some),
        31 => Ok(None),
        _ => Err(format!("CBOR has no length {low}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_whole_values() {
        let values: [&[u8]; 9] = [
            &[0x00],
            &[0x38, 0x63],
            &[0x62, b'a', b'b'],
            &[0x82, 0x01, 0x80],
            &[0xa1, 0x01, 0xf6],
            &[0xc1, 0x1a, 0, 0, 0, 0],
            &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x9f, 0x01, 0x9f, 0xff, 0xff],
            &[0x7f, 0x61, b'a', 0xff],
        ];
        for value in values {
            assert_eq!(check(value), Ok(()), "{value:x?}");
        }
        let deep = [vec![0x81; 1_000_000], vec![0xf6]].concat();
        assert_eq!(check(&deep), Ok(()));
    }

    #[test]
    fn refuses_all_else() {
        let values: [&[u8]; 8] = [
            &[],
            &[0x00, 0x00],
            &[0x82, 0x01],
            &[0xff],
            &[0x1c],
            &[0x81, 0xff],
            &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            &[0x7b, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ];
        for value in values {
            assert!(check(value).is_err(), "{value:x?}");
        }
    }
}
