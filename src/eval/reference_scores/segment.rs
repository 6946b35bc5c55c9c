/// One answer of a corpus and the texts that it is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) answer: &'a str,
    pub(crate) references: &'a [&'a str],
}
