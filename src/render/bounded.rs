//! The text that a rendering writes, up to its limit.

use std::io::{Error, ErrorKind, Result, Write};

use super::limits::MAX_OUTPUT;

/// A buffer that takes at most the output limit. A write beyond it fails and ends the rendering.
#[derive(Debug, Default)]
pub struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Bounded {
    /// The text, or None where more was written than the limit.
    pub fn text(self) -> Option<String> {
        if self.full { None } else { String::from_utf8(self.bytes).ok() }
    }

    pub fn is_full(&self) -> bool {
        self.full
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if bytes.len() > MAX_OUTPUT - self.bytes.len() {
            self.full = true;
            return Err(Error::new(ErrorKind::FileTooLarge, "the rendering writes too much"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_the_limit_and_not_a_byte_more() {
        let mut out = Bounded::default();
        out.write_all(&vec![b'x'; MAX_OUTPUT]).unwrap();
        assert!(!out.is_full());
        assert!(out.write_all(b"x").is_err() && out.is_full());
        assert_eq!(out.text(), None);
    }
}
