//! The bytes between the program and a worker: parts with their length in front, capped before memory is taken.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read, Result, Write};

use super::{Engine, RenderError, limits};

/// What a worker is asked: to check that a template can be prepared, or to render it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub engine: Engine,
    /// The template with what stays the same for all its renderings.
    pub setup: Cow<'a, str>,
    /// None: only prepare it.
    pub input: Option<Cow<'a, str>>,
}

/// JSON escapes of a template's text take up to six bytes each.
const MAX_SETUP: usize = 6 * limits::MAX_TEMPLATE + 4096;
/// An engine's error may quote the template.
const MAX_ANSWER: usize = limits::MAX_OUTPUT;

impl Request<'_> {
    pub(super) fn write(&self, out: &mut impl Write) -> Result<()> {
        let engine = match self.engine {
            Engine::Jinja => 0,
            Engine::Go => 1,
            Engine::Tera => 2,
        };
        let head = [engine, u8::from(self.input.is_some())];
        out.write_all(&head)?;
        part(out, &self.setup)?;
        part(out, self.input.as_deref().unwrap_or_default())?;
        out.flush()
    }

    /// None at the end of the stream.
    pub(super) fn read(from: &mut impl Read) -> Result<Option<Request<'static>>> {
        let mut head = [0; 2];
        match from.read_exact(&mut head) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let engine = match head[0] {
            0 => Engine::Jinja,
            1 => Engine::Go,
            2 => Engine::Tera,
            _ => return Err(Error::new(ErrorKind::InvalidData, "unknown template engine")),
        };
        let setup = read_part(from, MAX_SETUP)?;
        let input = read_part(from, limits::MAX_INPUT)?;
        Ok(Some(Request { engine, setup: setup.into(), input: (head[1] == 1).then(|| input.into()) }))
    }
}

pub(super) fn write_answer(out: &mut impl Write, answer: &std::result::Result<String, RenderError>) -> Result<()> {
    let (kind, text) = match answer {
        Ok(text) => (0, text.as_str()),
        Err(RenderError::Template(reason)) => (1, reason.as_str()),
        Err(RenderError::Output) => (2, ""),
        Err(RenderError::Time) => (3, ""),
        Err(RenderError::Depth) => (4, ""),
        Err(RenderError::Engine(reason)) => (5, reason.as_str()),
        // No engine gives them: the program's side finds them out.
        Err(
            RenderError::Memory | RenderError::TemplateSize(_) | RenderError::InputSize(_) | RenderError::NoWorker(_),
        ) => (5, "unexpected error"),
    };
    out.write_all(&[kind])?;
    part(out, text)?;
    out.flush()
}

pub(super) fn read_answer(from: &mut impl Read) -> Result<std::result::Result<String, RenderError>> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    let text = read_part(from, MAX_ANSWER)?;
    Ok(match kind[0] {
        0 => Ok(text),
        1 => Err(RenderError::Template(text)),
        2 => Err(RenderError::Output),
        3 => Err(RenderError::Time),
        4 => Err(RenderError::Depth),
        _ => Err(RenderError::Engine(text)),
    })
}

fn part(out: &mut impl Write, text: &str) -> Result<()> {
    let length = u32::try_from(text.len()).map_err(|_| Error::from(ErrorKind::FileTooLarge))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(text.as_bytes())
}

fn read_part(from: &mut impl Read, cap: usize) -> Result<String> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > cap {
        return Err(Error::from(ErrorKind::FileTooLarge));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| Error::from(ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_read_back() {
        for input in [None, Some(Cow::Borrowed("")), Some("é".into())] {
            let request = Request { engine: Engine::Tera, setup: "{{ x }}".into(), input };
            let mut bytes = Vec::new();
            request.write(&mut bytes).unwrap();
            assert_eq!(Request::read(&mut bytes.as_slice()).unwrap().unwrap(), request);
            assert!(Request::read(&mut &bytes[..bytes.len() - 1]).is_err());
        }
        assert_eq!(Request::read(&mut [].as_slice()).unwrap(), None);
        for answer in [Ok("a".to_owned()), Err(RenderError::Output), Err(RenderError::Template("b".into()))] {
            let mut bytes = Vec::new();
            write_answer(&mut bytes, &answer).unwrap();
            assert_eq!(read_answer(&mut bytes.as_slice()).unwrap(), answer);
        }
    }

    #[test]
    fn a_length_beyond_the_cap_takes_no_memory() {
        let bytes = [[0].as_slice(), &u32::MAX.to_le_bytes()].concat();
        assert_eq!(read_answer(&mut bytes.as_slice()).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
