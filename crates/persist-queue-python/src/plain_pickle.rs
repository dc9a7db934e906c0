//! The pickles of single plain values, written and read without the `pickle` module: the very bytes of
//! its protocol 4 (PEP 3154; `pickletools.dis` shows them). Anything else is left to `pickle`.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyNone, PyString};

/// The protocol of `pickle` whose bytes these are.
pub(crate) const PROTOCOL: u8 = 4;

const HEAD: [u8; 2] = [0x80, PROTOCOL];
const FRAME: u8 = 0x95;
/// Less than this, with the STOP, has no frame.
const SMALLEST_FRAME: usize = 4;
/// What is longer is left to `pickle`, which begins another frame at 64 KiB.
const LONGEST: usize = 0xf000;

const STOP: u8 = b'.';
const MEMOIZE: u8 = 0x94;
const NONE: u8 = b'N';
const TRUE: u8 = 0x88;
const FALSE: u8 = 0x89;
const FLOAT: u8 = b'G';
const INT_1: u8 = b'K';
const INT_2: u8 = b'M';
const INT_4: u8 = b'J';
const LONG: u8 = 0x8a;
const TEXT_1: u8 = 0x8c;
const TEXT_4: u8 = b'X';
const BYTES_1: u8 = b'C';
const BYTES_4: u8 = b'B';

/// What `pickle.dumps(item, 4)` gives, if the item is one of those that are written here.
pub(crate) fn dumps<'py>(item: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    let py = item.py();
    // Lone surrogates are no UTF-8.
    if let Ok(text) = item.cast_exact::<PyString>() {
        return block(py, [TEXT_1, TEXT_4], text.to_str().ok()?.as_bytes());
    }
    if let Ok(bytes) = item.cast_exact::<PyBytes>() {
        return block(py, [BYTES_1, BYTES_4], bytes.as_bytes());
    }
    if let Ok(number) = item.cast_exact::<PyInt>() {
        return whole_number(py, number.extract().ok()?);
    }
    if let Ok(number) = item.cast_exact::<PyFloat>() {
        return pickle(py, &[FLOAT], &number.value().to_be_bytes(), &[]);
    }
    if let Ok(truth) = item.cast_exact::<PyBool>() {
        return pickle(py, &[if truth.is_true() { TRUE } else { FALSE }], &[], &[]);
    }
    if item.is_none() { pickle(py, &[NONE], &[], &[]) } else { None }
}

/// The item of a pickle, if it is one that [`dumps`] could have written.
pub(crate) fn loads<'py>(py: Python<'py>, pickle: &[u8]) -> Option<Bound<'py, PyAny>> {
    let (&code, operand) = body(pickle)?.split_first()?;
    let fixed = || operand.strip_suffix(&[STOP]);
    Some(match code {
        TEXT_1 | TEXT_4 => {
            // Other bytes than UTF-8 are lone surrogates, which `pickle` can read.
            let text = std::str::from_utf8(counted(code == TEXT_1, operand)?).ok()?;
            PyString::new(py, text).into_any()
        }
        BYTES_1 | BYTES_4 => PyBytes::new(py, counted(code == BYTES_1, operand)?).into_any(),
        INT_1 => to_python(py, u8::from_le_bytes(fixed()?.try_into().ok()?).into())?,
        INT_2 => to_python(py, u16::from_le_bytes(fixed()?.try_into().ok()?).into())?,
        INT_4 => to_python(py, i32::from_le_bytes(fixed()?.try_into().ok()?).into())?,
        FLOAT => {
            let number = f64::from_be_bytes(fixed()?.try_into().ok()?);
            PyFloat::new(py, number).into_any()
        }
        TRUE | FALSE if fixed()?.is_empty() => PyBool::new(py, code == TRUE).to_owned().into_any(),
        NONE if fixed()?.is_empty() => PyNone::get(py).to_owned().into_any(),
        _ => return None,
    })
}

fn to_python(py: Python<'_>, number: i64) -> Option<Bound<'_, PyAny>> {
    Some(number.into_pyobject(py).ok()?.into_any())
}

/// What is between the head of a pickle and its end, with the STOP.
fn body(pickle: &[u8]) -> Option<&[u8]> {
    let body = pickle.strip_prefix(&HEAD)?;
    let Some(framed) = body.strip_prefix(&[FRAME]) else { return Some(body) };
    let (length, body) = framed.split_first_chunk::<8>()?;
    (u64::from_le_bytes(*length) == body.len() as u64).then_some(body)
}

/// A text's or bytes' own, where they are all that the pickle has.
fn counted(short: bool, operand: &[u8]) -> Option<&[u8]> {
    let (length, rest) = if short {
        let (length, rest) = operand.split_first()?;
        (usize::from(*length), rest)
    } else {
        let (length, rest) = operand.split_first_chunk::<4>()?;
        (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
    };
    let block = rest.strip_suffix(&[MEMOIZE, STOP])?;
    (block.len() == length).then_some(block)
}

fn block<'py>(py: Python<'py>, codes: [u8; 2], block: &[u8]) -> Option<Bound<'py, PyBytes>> {
    let [short, long] = codes;
    if let Ok(length) = u8::try_from(block.len()) {
        return pickle(py, &[short, length], block, &[MEMOIZE]);
    }
    if block.len() > LONGEST {
        return None;
    }
    let [a, b, c, d] = u32::try_from(block.len()).ok()?.to_le_bytes();
    pickle(py, &[long, a, b, c, d], block, &[MEMOIZE])
}

fn whole_number(py: Python<'_>, number: i64) -> Option<Bound<'_, PyBytes>> {
    if let Ok(number) = u8::try_from(number) {
        return pickle(py, &[INT_1, number], &[], &[]);
    }
    if let Ok(number) = u16::try_from(number) {
        return pickle(py, &[INT_2], &number.to_le_bytes(), &[]);
    }
    if let Ok(number) = i32::try_from(number) {
        return pickle(py, &[INT_4], &number.to_le_bytes(), &[]);
    }
    // The fewest bytes that keep the sign.
    let spare = number.leading_zeros().max(number.leading_ones()) - 1;
    let length = 8 - spare / 8;
    let bytes = number.to_le_bytes();
    pickle(py, &[LONG, length as u8], &bytes[..length as usize], &[])
}

fn pickle<'py>(
    py: Python<'py>,
    code: &[u8],
    operand: &[u8],
    memoize: &[u8],
) -> Option<Bound<'py, PyBytes>> {
    let length = code.len() + operand.len() + memoize.len() + 1;
    let frame = (length as u64).to_le_bytes();
    let (frame_code, frame): (&[u8], &[u8]) =
        if length < SMALLEST_FRAME { (&[], &[]) } else { (&[FRAME], &frame) };
    let parts = [&HEAD, frame_code, frame, code, operand, memoize, &[STOP]];
    let total = parts.iter().map(|part| part.len()).sum();
    let fill = |mut rest: &mut [u8]| {
        for part in parts {
            let (filled, behind) = rest.split_at_mut(part.len());
            filled.copy_from_slice(part);
            rest = behind;
        }
        Ok(())
    };
    // Without memory `pickle` fails with an error of its own.
    PyBytes::new_with(py, total, fill).ok()
}
