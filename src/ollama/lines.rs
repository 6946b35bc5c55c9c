//! Newline-delimited JSON put together again from chunks cut anywhere.

/// The longest line taken (the last one may carry a context of 128 K ids).
pub(super) const MAX_LINE: usize = 16 << 20;

/// What has come of the current line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes a chunk; gives the lines it completes, blank ones left out.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut out = Vec::new();
        let mut chunk = chunk;
        while let Some(end) = chunk.iter().position(|&b| b == b'\n') {
            self.grow(&chunk[..end])?;
            let line = std::mem::take(&mut self.rest);
            if !line.trim_ascii().is_empty() {
                out.push(line);
            }
            chunk = &chunk[end + 1..];
        }
        self.grow(chunk)?;
        Ok(out)
    }

    /// What is left when the stream ends: a last line without its newline.
    pub(super) fn finish(&mut self) -> Result<Vec<Vec<u8>>, String> {
        self.push(b"\n")
    }

    fn grow(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.rest.len() + bytes.len() > MAX_LINE {
            return Err(format!("a line is longer than {MAX_LINE} bytes"));
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_wherever_they_are_cut() {
        let body = "{\"a\":\"é\"}\n\n{\"b\":2}\r\n{\"c\":3}".as_bytes();
        let want: Vec<&[u8]> = vec!["{\"a\":\"é\"}".as_bytes(), b"{\"b\":2}\r", b"{\"c\":3}"];
        for i in 0..=body.len() {
            for j in i..=body.len() {
                let mut lines = Lines::default();
                let mut got = Vec::new();
                for part in [&body[..i], &body[i..j], &body[j..]] {
                    got.extend(lines.push(part).unwrap());
                }
                got.extend(lines.finish().unwrap());
                assert_eq!(got, want, "cut at {i}, {j}");
            }
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..16 {
            lines.push(&chunk).unwrap();
        }
        assert!(lines.push(b"x").unwrap_err().contains("longer"));
    }
}
