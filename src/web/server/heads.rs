//! Reads each request's head once more, for what hyper does not pass on: it takes away the length of a request that also
//! comes in chunks, and such a request is how one is smuggled behind another (RFC 9112 §6.1, §11.2). Not here: what is
//! refused (`server`), and what is in chunks, because a connection ends after a request in chunks.

#[cfg(test)]
mod tests;

use super::{LARGEST_HEAD, MOST_FIELDS};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a head says where its request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// One length, or none: the next head begins so many bytes later.
    Length(u64),
    /// Chunks alone.
    Chunks,
    /// A length and chunks, or several lengths, or one that is no number.
    Twice,
}

/// What the heads of one connection said, in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Heads(Arc<Mutex<VecDeque<Said>>>);

impl Heads {
    /// What the next request said. Nothing when no such head was seen: whoever reads it reads something else than we do.
    pub fn next(&self) -> Option<Said> {
        self.0.lock().expect("nobody panics with the heads in hand").pop_front()
    }

    fn add(&self, said: Said) {
        self.0.lock().expect("nobody panics with the heads in hand").push_back(said);
    }
}

/// Where the next byte belongs.
enum At {
    Head(Vec<u8>),
    /// So many bytes of a body are still to come.
    Body(u64),
    /// Nothing more is looked at.
    End,
}

/// Follows the bytes of a connection from head to head.
pub(super) struct Reader {
    heads: Heads,
    at: At,
}

impl Reader {
    pub fn new(heads: Heads) -> Self {
        Self { heads, at: At::Head(Vec::new()) }
    }

    /// Looks at bytes in the pieces in which they come.
    pub fn look(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.at {
                At::End => return,
                At::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        self.at = At::Head(Vec::new());
                    }
                }
                At::Head(head) => {
                    let before = head.len();
                    let here = bytes.len().min(LARGEST_HEAD + 1 - before);
                    head.extend_from_slice(&bytes[..here]);
                    // A head ends with an end of line, so nothing else needs a look.
                    let parsed = if bytes[..here].contains(&b'\n') { parse(head) } else { Ok(None) };
                    match parsed {
                        Ok(Some((length, said))) => {
                            bytes = &bytes[length - before..];
                            self.heads.add(said);
                            self.at = match said {
                                Said::Length(0) => At::Head(Vec::new()),
                                Said::Length(length) => At::Body(length),
                                Said::Chunks | Said::Twice => At::End,
                            };
                        }
                        Ok(None) if head.len() <= LARGEST_HEAD => return,
                        Ok(None) | Err(_) => self.at = At::End,
                    }
                }
            }
        }
    }
}

/// How long the head is and what it says; nothing while it is not complete. With hyper's own parser, so that both see
/// the same lines and the same end.
fn parse(bytes: &[u8]) -> Result<Option<(usize, Said)>, httparse::Error> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = request.parse(bytes)? else { return Ok(None) };
    let named = |name: &'static str| {
        request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name))
    };
    let has_chunks = named("transfer-encoding").next().is_some();
    let mut lengths = named("content-length").map(|field| number(field.value));
    let said = match (has_chunks, lengths.next(), lengths.next()) {
        (true, None, _) => Said::Chunks,
        (false, None, _) => Said::Length(0),
        (false, Some(Some(length)), None) => Said::Length(length),
        _ => Said::Twice,
    };
    Ok(Some((length, said)))
}

/// Digits and nothing else (RFC 9112 §6.2).
fn number(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}

/// A connection whose heads are looked at while they are read.
pub(super) struct Reading<S> {
    stream: S,
    reader: Reader,
}

impl<S> Reading<S> {
    pub fn new(stream: S, heads: Heads) -> Self {
        Self { stream, reader: Reader::new(heads) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Reading<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.reader.look(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Reading<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
