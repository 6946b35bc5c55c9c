//! TFRecord framing and the few fields of TensorFlow's `Event` that a scalar needs (tensorflow/core/util/event.proto).

/// A number under its tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) tag: String,
    pub(super) value: f32,
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'a> {
    /// The first event of a file: steps that come again after a restart are purged.
    FileVersion,
    /// A session begins: TensorBoard forgets the steps from this one on.
    SessionStart,
    Scalars(&'a [Scalar]),
}

const VERSION: &str = "brain.Event:2";

/// Wire types of protobuf.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// A serialised `Event`. `wall_time`: seconds since 1970.
pub(super) fn event(wall_time: f64, step: u64, payload: &Payload<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    // double wall_time = 1
    key(&mut out, 1, FIXED64);
    out.extend(wall_time.to_le_bytes());
    // int64 step = 2; a default is not written
    if step > 0 {
        key(&mut out, 2, VARINT);
        varint(&mut out, step);
    }
    match payload {
        // string file_version = 3
        Payload::FileVersion => bytes(&mut out, 3, VERSION.as_bytes()),
        // SessionLog session_log = 7, whose status = 1 is START = 1
        Payload::SessionStart => bytes(&mut out, 7, &[0x08, 0x01]),
        // Summary summary = 5, whose value = 1 is repeated
        Payload::Scalars(scalars) => {
            let mut summary = Vec::new();
            for scalar in *scalars {
                let mut value = Vec::new();
                // string tag = 1; float simple_value = 2
                bytes(&mut value, 1, scalar.tag.as_bytes());
                key(&mut value, 2, FIXED32);
                value.extend(scalar.value.to_le_bytes());
                bytes(&mut summary, 1, &value);
            }
            bytes(&mut out, 5, &summary);
        }
    }
    out
}

/// A record of a TFRecord file: length, its checksum, data, its checksum.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend(data);
    out.extend(masked(crc32c(data)).to_le_bytes());
    out
}

fn key(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    varint(out, field << 3 | wire_type);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, field: u64, data: &[u8]) {
    key(out, field, BYTES);
    varint(out, data.len() as u64);
    out.extend(data);
}

/// TFRecord's mask: a checksum of data that holds checksums would be a weak one.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit-reversed polynomial 0x82f63b78; events are short.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Made by TensorBoard's own writer: `tests/oracles/tfevents.py`, which also reads it back.
    const FIXTURE: &str = include_str!("../../../tests/fixtures/tfevents.json");

    /// An event, as far as it is ours.
    #[derive(Debug, Default, PartialEq)]
    pub(crate) struct Read {
        pub(crate) step: u64,
        pub(crate) scalars: Vec<Scalar>,
    }

    struct Reader<'a>(&'a [u8]);

    impl<'a> Reader<'a> {
        fn take(&mut self, n: usize) -> &'a [u8] {
            let (head, rest) = self.0.split_at(n);
            self.0 = rest;
            head
        }

        fn varint(&mut self) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = self.take(1)[0];
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        }

        /// (field, content); numbers as their bytes.
        fn field(&mut self) -> Option<(u64, u64, &'a [u8])> {
            if self.0.is_empty() {
                return None;
            }
            let key = self.varint();
            let (field, mut number) = (key >> 3, 0);
            let content = match key & 7 {
                VARINT => {
                    number = self.varint();
                    &[][..]
                }
                FIXED64 => self.take(8),
                FIXED32 => self.take(4),
                _ => {
                    let length = self.varint() as usize;
                    self.take(length)
                }
            };
            Some((field, number, content))
        }
    }

    /// Every event of a file; its checksums are checked.
    pub(crate) fn read(file: &[u8]) -> Vec<Read> {
        let mut reader = Reader(file);
        let mut events = Vec::new();
        while !reader.0.is_empty() {
            let length = reader.take(8);
            let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
            assert_eq!(number(reader.take(4)), masked(crc32c(length)));
            let data = reader.take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            assert_eq!(number(reader.take(4)), masked(crc32c(data)));
            let (mut event, mut read) = (Reader(data), Read::default());
            while let Some((field, number, content)) = event.field() {
                match field {
                    2 => read.step = number,
                    5 => {
                        let mut summary = Reader(content);
                        while let Some((1, _, value)) = summary.field() {
                            let mut value = Reader(value);
                            let (_, _, tag) = value.field().unwrap();
                            let (_, _, number) = value.field().unwrap();
                            let tag = String::from_utf8(tag.to_vec()).unwrap();
                            read.scalars.push(Scalar { tag, value: f32::from_le_bytes(number.try_into().unwrap()) });
                        }
                    }
                    _ => {}
                }
            }
            events.push(read);
        }
        events
    }

    #[test]
    fn the_bytes_are_those_of_tensorboards_own_writer() {
        let fixture: serde_json::Value = serde_json::from_str(FIXTURE).unwrap();
        let mut ours = Vec::new();
        for wanted in fixture["events"].as_array().unwrap() {
            let scalars: Vec<Scalar> = wanted["scalars"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| Scalar { tag: s[0].as_str().unwrap().to_owned(), value: s[1].as_f64().unwrap() as f32 })
                .collect();
            let payload = match wanted["kind"].as_str().unwrap() {
                "file_version" => Payload::FileVersion,
                "session_start" => Payload::SessionStart,
                _ => Payload::Scalars(&scalars),
            };
            let step = wanted["step"].as_u64().unwrap();
            ours.extend(framed(&event(wanted["wall_time"].as_f64().unwrap(), step, &payload)));
        }
        let hex: String = ours.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, fixture["hex"].as_str().unwrap());
        let scalars: usize = read(&ours).iter().map(|event| event.scalars.len()).sum();
        assert!(scalars >= 6, "{scalars}");
    }

    /// RFC 3720, B.4.
    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
