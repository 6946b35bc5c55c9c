use std::collections::HashMap;

/// Numbers for words or characters, so that they are compared fast.
#[derive(Default)]
pub(super) struct Vocabulary<'a>(HashMap<&'a str, u32>);

impl<'a> Vocabulary<'a> {
    /// Equal texts have equal numbers.
    pub(super) fn ids(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        let mut id = |text| {
            let next = self.0.len() as u32;
            *self.0.entry(text).or_insert(next)
        };
        texts.into_iter().map(&mut id).collect()
    }
}
