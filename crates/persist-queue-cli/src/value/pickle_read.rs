//! Reads Python's pickles without Python: nothing is imported and nothing is called, whatever they ask
//! for. Objects of classes become their names and what they would be made of.

use std::collections::HashMap;

use super::Value;
use super::pickle_code as code;

/// Deeper than this nothing is shown: a pickle can nest deeper than a stack holds.
const DEEPEST: usize = 200;
/// More parts than this are not shown: a pickle of some bytes can stand for billions of them.
const MOST_PARTS: usize = 5_000_000;

/// A value in the making: what is in a container may still change, so all stand in one list.
#[derive(Debug)]
enum Node {
    Plain(Value),
    List(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    /// A class or function, by its name.
    Global(String),
    /// Of a type: what it would be made of.
    Object(String, Vec<usize>),
}

/// The value of a pickle.
pub(crate) fn loads(pickle: &[u8]) -> Result<Value, String> {
    let mut machine = Machine { rest: pickle, ..Machine::default() };
    let root = machine.run()?;
    let mut parts = 0;
    machine.value(root, 0, &mut parts)
}

#[derive(Debug, Default)]
struct Machine<'a> {
    rest: &'a [u8],
    nodes: Vec<Node>,
    stack: Vec<usize>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u64, usize>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<usize, String> {
        loop {
            let [instruction] = self.fixed()?;
            if instruction == code::STOP {
                return self.pop();
            }
            self.step(instruction)?;
        }
    }

    fn step(&mut self, instruction: u8) -> Result<(), String> {
        match instruction {
            code::PROTOCOL => drop(self.fixed::<1>()?),
            code::FRAME => drop(self.fixed::<8>()?),
            code::MARK => self.marks.push(self.stack.len()),
            code::NONE => self.plain(Value::Null),
            code::TRUE | code::FALSE => self.plain(Value::Bool(instruction == code::TRUE)),
            code::APPEND | code::APPENDS | 0x90 => self.append(instruction)?,
            code::SET_ITEM | code::SET_ITEMS => self.set_items(instruction)?,
            code::MEMOIZE | b'p' | b'q' | b'r' => {
                let key = match instruction {
                    code::MEMOIZE => self.memo.len() as u64,
                    _ => self.memo_key(instruction)?,
                };
                let top = *self.stack.last().ok_or("the stack is empty")?;
                self.memo.insert(key, top);
            }
            b'g' | b'h' | b'j' => {
                let key = self.memo_key(instruction)?;
                let node =
                    *self.memo.get(&key).ok_or("it refers to something that is not there")?;
                self.stack.push(node);
            }
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = *self.stack.last().ok_or("the stack is empty")?;
                self.stack.push(top);
            }
            _ => {
                if !self.number(instruction)?
                    && !self.text_or_bytes(instruction)?
                    && !self.container(instruction)?
                    && !self.object(instruction)?
                {
                    return Err(format!("there is no instruction {instruction:#04x}"));
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, instruction: u8) -> Result<bool, String> {
        let number = match instruction {
            code::INT_1 => i128::from(self.fixed::<1>()?[0]),
            code::INT_2 => i128::from(u16::from_le_bytes(self.fixed()?)),
            code::INT_4 => i128::from(i32::from_le_bytes(self.fixed()?)),
            code::LONG_1 | 0x8b => {
                let length = match instruction {
                    code::LONG_1 => u64::from(self.fixed::<1>()?[0]),
                    _ => u64::from(u32::from_le_bytes(self.fixed()?)),
                };
                let bytes = self.take(length)?;
                let node = long(bytes).map_or_else(
                    || Node::Object(format!("int of {} bytes", bytes.len()), Vec::new()),
                    |number| Node::Plain(Value::Int(number)),
                );
                self.push(node);
                return Ok(true);
            }
            b'I' | b'L' => {
                let line = self.line()?;
                // How protocol 0 writes the truth.
                match line {
                    "00" => self.plain(Value::Bool(false)),
                    "01" => self.plain(Value::Bool(true)),
                    _ => match line.trim_end_matches('L').parse() {
                        Ok(number) => self.plain(Value::Int(number)),
                        Err(_) => self.push(Node::Object(format!("int {line}"), Vec::new())),
                    },
                }
                return Ok(true);
            }
            code::FLOAT_8 => {
                let number = f64::from_be_bytes(self.fixed()?);
                self.plain(Value::Float(number));
                return Ok(true);
            }
            b'F' => {
                let number = self.line()?.parse().map_err(|_| "a number is none")?;
                self.plain(Value::Float(number));
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.plain(Value::Int(number));
        Ok(true)
    }

    fn text_or_bytes(&mut self, instruction: u8) -> Result<bool, String> {
        let length = match instruction {
            code::TEXT_1 | code::BYTES_1 | b'U' => u64::from(self.fixed::<1>()?[0]),
            code::TEXT_4 | code::BYTES_4 | b'T' => u64::from(u32::from_le_bytes(self.fixed()?)),
            code::TEXT_8 | code::BYTES_8 | 0x96 => u64::from_le_bytes(self.fixed()?),
            b'V' => {
                let text = unescaped(self.line()?);
                self.plain(Value::Text(text));
                return Ok(true);
            }
            b'S' => {
                let line = self.line()?;
                let text = line.trim_matches(['\'', '"']).to_owned();
                self.plain(Value::Text(text));
                return Ok(true);
            }
            _ => return Ok(false),
        };
        let bytes = self.take(length)?;
        let value = match instruction {
            code::TEXT_1 | code::TEXT_4 | code::TEXT_8 => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                // Lone surrogates: text to Python alone.
                Err(_) => Value::Other("str".to_owned(), vec![Value::Bytes(bytes.to_vec())]),
            },
            0x96 => Value::Other("bytearray".to_owned(), vec![Value::Bytes(bytes.to_vec())]),
            b'U' | b'T' => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Bytes(bytes.to_vec()),
            },
            _ => Value::Bytes(bytes.to_vec()),
        };
        self.plain(value);
        Ok(true)
    }

    fn container(&mut self, instruction: u8) -> Result<bool, String> {
        let node = match instruction {
            code::EMPTY_LIST => Node::List(Vec::new()),
            code::EMPTY_DICT => Node::Dict(Vec::new()),
            b'l' => Node::List(self.since_mark()?),
            b'd' => {
                let items = self.since_mark()?;
                Node::Dict(pairs(&items)?)
            }
            b')' => Node::Object("tuple".to_owned(), Vec::new()),
            b't' => Node::Object("tuple".to_owned(), self.since_mark()?),
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(instruction - 0x84));
                let items = self.stack.split_off(start.ok_or("the stack is empty")?);
                Node::Object("tuple".to_owned(), items)
            }
            0x8f => Node::Object("set".to_owned(), Vec::new()),
            0x91 => Node::Object("frozenset".to_owned(), self.since_mark()?),
            _ => return Ok(false),
        };
        self.push(node);
        Ok(true)
    }

    fn object(&mut self, instruction: u8) -> Result<bool, String> {
        let node = match instruction {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                Node::Global(format!("{module}.{name}"))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                Node::Global(format!("{}.{}", self.name(module), self.name(name)))
            }
            // Called with arguments; made with them; and with those that have names.
            b'R' | 0x81 | 0x92 => {
                let mut parts = vec![self.pop()?];
                if instruction == 0x92 {
                    parts.insert(0, self.pop()?);
                }
                let class = self.pop()?;
                Node::Object(self.name(class), parts)
            }
            b'o' | b'i' => {
                let class = if instruction == b'i' {
                    Some(format!("{}.{}", self.line()?, self.line()?))
                } else {
                    None
                };
                let mut parts = self.since_mark()?;
                let class = match class {
                    Some(class) => class,
                    None if parts.is_empty() => return Err("an object has no class".to_owned()),
                    None => {
                        let class = parts.remove(0);
                        self.name(class)
                    }
                };
                Node::Object(class, parts)
            }
            // Given its state.
            b'b' => {
                let state = self.pop()?;
                let top = *self.stack.last().ok_or("the stack is empty")?;
                if let Some(Node::Object(_, parts)) = self.nodes.get_mut(top) {
                    parts.push(state);
                }
                return Ok(true);
            }
            b'P' => Node::Object(format!("persistent id {}", self.line()?), Vec::new()),
            b'Q' => Node::Object("persistent id".to_owned(), vec![self.pop()?]),
            0x82..=0x84 => {
                let length = 1 << (instruction - 0x82);
                let bytes = self.take(length)?;
                Node::Global(format!("extension {bytes:?}"))
            }
            0x97 => Node::Object("buffer".to_owned(), Vec::new()),
            0x98 => return Ok(true),
            _ => return Ok(false),
        };
        self.push(node);
        Ok(true)
    }

    fn append(&mut self, instruction: u8) -> Result<(), String> {
        let items =
            if instruction == code::APPEND { vec![self.pop()?] } else { self.since_mark()? };
        let top = *self.stack.last().ok_or("the stack is empty")?;
        match self.nodes.get_mut(top) {
            Some(Node::List(list) | Node::Object(_, list)) => list.extend(items),
            _ => return Err("it appends to something that is no list".to_owned()),
        }
        Ok(())
    }

    fn set_items(&mut self, instruction: u8) -> Result<(), String> {
        let items = if instruction == code::SET_ITEM {
            let (value, key) = (self.pop()?, self.pop()?);
            vec![key, value]
        } else {
            self.since_mark()?
        };
        let top = *self.stack.last().ok_or("the stack is empty")?;
        match self.nodes.get_mut(top) {
            Some(Node::Dict(dict)) => dict.extend(pairs(&items)?),
            Some(Node::Object(_, parts)) => parts.extend(items),
            _ => return Err("it sets items of something that has none".to_owned()),
        }
        Ok(())
    }

    fn name(&self, node: usize) -> String {
        match self.nodes.get(node) {
            Some(Node::Plain(Value::Text(text)) | Node::Global(text)) => text.clone(),
            Some(Node::Object(name, _)) => format!("{name}()"),
            _ => "something".to_owned(),
        }
    }

    fn memo_key(&mut self, instruction: u8) -> Result<u64, String> {
        match instruction {
            b'h' | b'q' => Ok(u64::from(self.fixed::<1>()?[0])),
            b'j' | b'r' => Ok(u64::from(u32::from_le_bytes(self.fixed()?))),
            _ => self.line()?.parse().map_err(|_| "a place in the memo is no number".to_owned()),
        }
    }

    fn plain(&mut self, value: Value) {
        self.push(Node::Plain(value));
    }

    fn push(&mut self, node: Node) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<usize, String> {
        self.stack.pop().ok_or_else(|| "the stack is empty".to_owned())
    }

    fn since_mark(&mut self) -> Result<Vec<usize>, String> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        if mark > self.stack.len() {
            return Err("the stack is empty".to_owned());
        }
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(bytes)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or("it ends too early")?;
        let line = std::str::from_utf8(&self.rest[..end]).map_err(|_| "a line is no text")?;
        self.rest = &self.rest[end + 1..];
        Ok(line)
    }

    fn value(&self, node: usize, depth: usize, parts: &mut usize) -> Result<Value, String> {
        *parts += 1;
        if depth > DEEPEST {
            return Err(format!("it nests deeper than {DEEPEST}, or contains itself"));
        }
        if *parts > MOST_PARTS {
            return Err(format!("it has more than {MOST_PARTS} parts"));
        }
        let mut all = |nodes: &[usize]| -> Result<Vec<Value>, String> {
            nodes.iter().map(|node| self.value(*node, depth + 1, parts)).collect()
        };
        Ok(match self.nodes.get(node).ok_or("it is empty")? {
            Node::Plain(value) => value.clone(),
            Node::List(items) => Value::List(all(items)?),
            Node::Dict(pairs) => {
                let mut values = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let [key, value]: [Value; 2] = all(&[*key, *value])?
                        .try_into()
                        .map_err(|_| "a pair is none".to_owned())?;
                    values.push((key, value));
                }
                Value::Map(values)
            }
            Node::Global(name) => Value::Other(name.clone(), Vec::new()),
            Node::Object(name, items) => Value::Other(name.clone(), all(items)?),
        })
    }
}

fn pairs(items: &[usize]) -> Result<Vec<(usize, usize)>, String> {
    if !items.len().is_multiple_of(2) {
        return Err("a dictionary has a key without a value".to_owned());
    }
    Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn long(bytes: &[u8]) -> Option<i128> {
    let last = *bytes.last().unwrap_or(&0);
    let fill = if last >= 0x80 { 0xff } else { 0 };
    let mut wide = [fill; 16];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(wide))
}

/// Text of protocol 0: `\uXXXX` and `\UXXXXXXXX` stand for characters.
fn unescaped(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let length = match rest.as_bytes().get(at + 1) {
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let digits = rest.get(at + 2..at + 2 + length).filter(|_| length > 0);
        let found =
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        if let Some(character) = found {
            text.push(character);
            rest = &rest[at + 2 + length..];
        } else {
            text.push('\\');
            rest = &rest[at + 1..];
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::super::pickle_write::dumps;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let long: Vec<_> = (0..2001).map(Value::Int).collect();
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Float(-0.5),
            Value::Text("ü".repeat(200)),
            Value::Bytes(vec![7; 300]),
            Value::List(long),
            Value::Map(vec![(Value::Text("a".into()), Value::List(vec![Value::Null]))]),
        ] {
            assert_eq!(loads(&dumps(&value).unwrap()), Ok(value));
        }
        for exponent in 0..120 {
            for number in [1_i128 << exponent, -(1 << exponent), (1 << exponent) - 1] {
                assert_eq!(loads(&dumps(&Value::Int(number)).unwrap()), Ok(Value::Int(number)));
            }
        }
    }

    #[test]
    fn an_object_is_named_and_nothing_is_called() {
        // What os.system("true") would be made by.
        let pickle = b"cposix\nsystem\n(S'true'\ntR.";
        let argument = Value::Other("tuple".into(), vec![Value::Text("true".into())]);
        assert_eq!(loads(pickle), Ok(Value::Other("posix.system".into(), vec![argument])));
    }

    #[test]
    fn hostile_pickles_are_refused_and_not_followed() {
        // A list in itself; lists in lists by the million; a billion of parts; and broken ones.
        assert!(loads(b"]\x94h\x00a.").unwrap_err().contains("itself"));
        let deep = [b"]".repeat(1_000_000), b"a".repeat(999_999), b".".to_vec()].concat();
        assert!(loads(&deep).unwrap_err().contains("deeper"));
        let mut doubled = b"\x80\x04]\x94".to_vec();
        for step in 0..40 {
            doubled.extend([b'0', b']', b'(', b'h', step, b'h', step, b'e', 0x94]);
        }
        doubled.push(b'.');
        assert!(loads(&doubled).unwrap_err().contains("parts"));
        for broken in
            [&b""[..], b".", b"t.", b"(", b"a.", b"\x8c\xff.", b"h\x07.", b"\xff.", b"(1(."]
        {
            assert!(loads(broken).is_err(), "{broken:?}");
        }
    }
}
