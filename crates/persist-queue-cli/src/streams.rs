//! Where a command reads from and writes to.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Read, Write};

/// The three streams of a command. Results go to `out`, words to `err`.
pub struct Streams {
    pub(crate) input: Box<dyn Read>,
    pub(crate) out: Box<dyn Write>,
    pub(crate) err: Box<dyn Write>,
    /// Whether somebody can answer a question.
    pub(crate) can_ask: bool,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Streams {
    /// Those of this process. Nothing may hold back what others want to read: commands flush.
    pub fn of_process() -> Self {
        Self {
            input: Box::new(io::stdin()),
            out: Box::new(BufWriter::with_capacity(64 * 1024, RawOut(io::stdout()))),
            err: Box::new(io::stderr()),
            can_ask: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }
}

/// Standard output, flushed with each write: it has a buffer of its own, by lines.
struct RawOut(io::Stdout);

impl Write for RawOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = self.0.lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().flush()
    }
}
