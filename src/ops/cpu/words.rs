//! Buffers of f32 words: kept from call to call, or such that begin at a cache line: a load of 64 bytes then touches one line, not two.

/// The first `len` words of a buffer that is kept from call to call, of which there are as many after this.
pub(super) fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Like `Vec<f32>`, aligned.
#[derive(Default)]
pub(super) struct Words {
    lines: Vec<Line>,
    len: usize,
}

impl Words {
    /// The first `len` words, of which there are as many after this. The first `kept` have the values that they had, the others
    /// any.
    pub(super) fn at_least(&mut self, len: usize, kept: usize) -> &mut [f32] {
        if self.len < len {
            if kept == 0 {
                // Not both at once: the old ones can be as large as the logits.
                self.lines = Vec::new();
            }
            let lines = len.div_ceil(16);
            self.lines.reserve_exact(lines - self.lines.len());
            self.lines.resize(lines, Line([0.0; 16]));
            self.len = len;
        }
        &mut self[..len]
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.len)
    }
}

impl std::ops::Deref for Words {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 floats without padding; there are lines for `len` at least.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl std::ops::DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_kept_have_their_values_when_there_are_more() {
        let mut words = Words::default();
        words.at_least(20, 0).fill(1.0);
        words.at_least(100, 20)[20..].fill(2.0);
        assert!(words.at_least(50, 50).iter().eq([[1.0; 20].as_slice(), &[2.0; 30]].concat().iter()));
        let all = words.at_least(1000, 0);
        assert_eq!((all.len(), all.as_ptr().addr() % 64), (1000, 0));
    }
}
