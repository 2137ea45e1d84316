//! What came in over a stream and is not written yet.
//!
//! Small pieces are joined: a peer that sends bytes one by one to a reader that does not read must not take more memory
//! than the bytes do.

use std::{collections::VecDeque, io, io::IoSlice};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Pieces below this are copied behind one another, larger ones kept as they came.
const SMALL: usize = 2 * 1024;
/// Joined pieces are at most this large.
const JOINED: usize = 16 * 1024;
/// Pieces that one write takes.
const MOST_SLICES: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    whole: VecDeque<Bytes>,
    /// The last of the queue, still growing.
    joined: BytesMut,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.joined.is_empty()
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        // Alone in the queue it is written at once: no copy.
        if piece.len() >= SMALL || self.is_empty() {
            self.seal();
            self.whole.push_back(piece);
            return;
        }
        if self.joined.len() + piece.len() > JOINED {
            self.seal();
        }
        self.joined.extend_from_slice(&piece);
    }

    fn seal(&mut self) {
        if !self.joined.is_empty() {
            self.whole.push_back(self.joined.split().freeze());
        }
    }

    /// Writes what the writer takes at once, at least one byte; nothing is lost when this is dropped half-way.
    pub(crate) async fn write_to(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<usize> {
        let pieces = self.whole.iter().map(|piece| &piece[..]);
        let pieces = pieces.chain((!self.joined.is_empty()).then_some(&self.joined[..]));
        let slices: Vec<IoSlice<'_>> = pieces.take(MOST_SLICES).map(IoSlice::new).collect();
        match writer.write_vectored(&slices).await? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    /// Takes away what was written.
    pub(crate) fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.whole.front_mut() {
            if first.len() > count {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.whole.pop_front();
        }
        self.joined.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever the sizes of pieces and of writes: the bytes come out in their order, each once.
        #[test]
        fn bytes_come_out_as_they_went_in(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..40),
            limit in 1_usize..9000,
        ) {
            let mut queue = Queue::default();
            let mut written = Vec::new();
            let expected: Vec<u8> = pieces.concat();
            for (index, piece) in pieces.into_iter().enumerate() {
                queue.push(Bytes::from(piece));
                if index % 3 == 0 && !queue.is_empty() {
                    take(&mut queue, &mut written, limit);
                }
            }
            while !queue.is_empty() {
                take(&mut queue, &mut written, limit);
            }
            prop_assert!(written == expected);
        }
    }

    fn take(queue: &mut Queue, written: &mut Vec<u8>, limit: usize) {
        let mut all: Vec<u8> = queue.whole.iter().flat_map(|piece| piece.to_vec()).collect();
        all.extend_from_slice(&queue.joined);
        let count = all.len().min(limit);
        written.extend_from_slice(&all[..count]);
        queue.advance(count);
    }

    #[test]
    fn small_pieces_are_joined() {
        let mut queue = Queue::default();
        for _ in 0..10_000 {
            queue.push(Bytes::from_static(b"ab"));
        }
        assert!(queue.whole.len() < 4, "{} pieces", queue.whole.len());
    }
}
