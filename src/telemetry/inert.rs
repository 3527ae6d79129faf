//! Log lines for people, without anything that a terminal would act on: one event is one line, whatever is in it.
//! Not here: lines for machines, where JSON does that.

use shipgate_domain::hidden::is_hidden;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Makes writers whose every write is one line.
pub(super) struct Inert<M>(pub M);

/// One event on its way out.
pub struct Line<W: Write> {
    out: W,
    /// Colours of our own are codes too; they are let through where a terminal reads them.
    said: Vec<u8>,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Inert<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { out: self.0.make_writer(), said: Vec::new() }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.said.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for Line<W> {
    fn drop(&mut self) {
        if self.said.is_empty() {
            return;
        }
        // Standard error that cannot be written to leaves nobody to tell.
        let _ = self.out.write_all(one_line(&String::from_utf8_lossy(&self.said)).as_bytes());
    }
}

/// The text with what is hidden written out (`\u{202e}`), and one line break, at the end.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.trim_end_matches('\n').chars() {
        if is_hidden(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line.push('\n');
    line
}
