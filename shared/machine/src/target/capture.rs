//! Bytes of a stream to lines, bounded: a line that never ends doesn't fill the memory.

/// A line is taken up to here before it is redacted; far more than is kept of it afterwards, so that no secret is
/// halved by the cut and its half kept.
pub(crate) const RAW_BYTES: usize = 64 * 1024;

/// Collects lines from chunks.
#[derive(Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    /// Bytes of the line beyond the bound.
    missing: usize,
}

impl Lines {
    /// Takes a chunk; `each` gets every line it completes, and how many of its bytes are missing.
    pub(crate) fn feed(&mut self, mut chunk: &[u8], mut each: impl FnMut(&[u8], usize)) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            if self.partial.is_empty() && end <= RAW_BYTES {
                each(visible(&chunk[..end]), 0);
            } else {
                self.extend(&chunk[..end]);
                each(visible(&self.partial), self.missing);
                self.partial.clear();
                self.missing = 0;
            }
            chunk = &chunk[end + 1..];
        }
        self.extend(chunk);
    }

    /// The line that the stream ended in, if any.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&[u8], usize)) {
        if !self.partial.is_empty() {
            each(visible(&self.partial), self.missing);
            self.partial.clear();
        }
    }

    fn extend(&mut self, more: &[u8]) {
        let room = RAW_BYTES - self.partial.len();
        let taken = more.len().min(room);
        self.partial.extend_from_slice(&more[..taken]);
        self.missing += more.len() - taken;
    }
}

/// What a terminal would show: progress bars return to the start of their line and write over it.
fn visible(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().rposition(|byte| *byte == b'\r').map_or(line, |at| &line[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<(String, usize)> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line, cut| all.push((String::from_utf8_lossy(line).into_owned(), cut)));
        }
        lines.finish(|line, cut| all.push((String::from_utf8_lossy(line).into_owned(), cut)));
        all
    }

    #[test]
    fn lines_do_not_depend_on_chunks() {
        let expected: Vec<_> = ["one", "", "two", "90 %", "end"].map(|l| (l.to_owned(), 0)).into();
        assert_eq!(lines(&[b"one\n\ntwo\r\n10 %\r90 %\nend"]), expected);
        let text = b"one\n\ntwo\r\n10 %\r90 %\nend";
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&bytes), expected);
    }

    #[test]
    fn endless_lines_are_bounded() {
        let chunk = vec![b'x'; 40_000];
        let all = lines(&[&chunk, &chunk, b"\nnext\n"]);
        assert_eq!(all[0].0.len(), RAW_BYTES);
        assert_eq!(all[0].1, 80_000 - RAW_BYTES);
        assert_eq!(all[1], ("next".to_owned(), 0));
    }
}
