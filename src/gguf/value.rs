//! Metadata values, in our own words, so that no other module names the container crate.

/// A metadata value; the writer keeps the width it is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    Strings(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
    /// Any other array.
    Array(Vec<Value>),
}

/// Key order is kept sorted, so that output is reproducible.
pub type Metadata = std::collections::BTreeMap<String, Value>;

impl Value {
    /// Any integer that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::U64(v) => Some(v),
            _ => self.as_i64().and_then(|v| u64::try_from(v).ok()),
        }
    }

    /// Any integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::I8(v) => Some(v.into()),
            Self::I16(v) => Some(v.into()),
            Self::I32(v) => Some(v.into()),
            Self::I64(v) => Some(v),
            Self::U8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::U64(v) => i64::try_from(v).ok(),
            _ => None,
        }
    }

    /// Any number.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(v) => Some(v.into()),
            Self::F64(v) => Some(v),
            _ => self.as_i64().map(|v| v as f64),
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(v) => Some(v),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(v) => Some(v),
            _ => None,
        }
    }

    /// An array of strings (an empty array of anything counts).
    pub fn as_strings(&self) -> Option<&[String]> {
        match self {
            Self::Strings(v) => Some(v),
            Self::Array(v) if v.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// An array of integers of any width.
    pub fn to_i64s(&self) -> Option<Vec<i64>> {
        match self {
            Self::I32s(v) => Some(v.iter().map(|&x| x.into()).collect()),
            Self::Array(v) => v.iter().map(Self::as_i64).collect(),
            _ => None,
        }
    }

    /// An array of numbers.
    pub fn to_f32s(&self) -> Option<Vec<f32>> {
        match self {
            Self::F32s(v) => Some(v.clone()),
            Self::I32s(v) => Some(v.iter().map(|&x| x as f32).collect()),
            Self::Array(v) => v.iter().map(|x| x.as_f64().map(|f| f as f32)).collect(),
            _ => None,
        }
    }

    /// What it is, for messages: `string`, `array of i32` …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I8(_) => "i8",
            Self::U16(_) => "u16",
            Self::I16(_) => "i16",
            Self::U32(_) => "u32",
            Self::I32(_) => "i32",
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Bool(_) => "bool",
            Self::String(_) => "string",
            Self::Strings(_) => "array of strings",
            Self::I32s(_) => "array of i32",
            Self::F32s(_) => "array of f32",
            Self::Array(_) => "array",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_any_width_and_never_wrapped() {
        assert_eq!(Value::I8(-1).as_u64(), None);
        assert_eq!(Value::I32(7).as_u64(), Some(7));
        assert_eq!(Value::U64(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Value::U64(u64::MAX).as_i64(), None);
        assert_eq!(Value::U16(3).as_f64(), Some(3.0));
        assert_eq!(Value::String("3".into()).as_f64(), None);
        assert_eq!(Value::Array(vec![Value::U32(1), Value::U32(2)]).to_i64s(), Some(vec![1, 2]));
        assert_eq!(Value::Array(vec![]).as_strings(), Some(&[][..]));
    }
}
