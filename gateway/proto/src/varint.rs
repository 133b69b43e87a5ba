//! The variable byte integer [MQTT-1.5.5]: seven bits to a byte, the lowest first.

/// The largest value that four bytes can say, and so the largest remaining length.
pub(crate) const VALUE_MAX: u32 = 268_435_455;

/// What stands where a variable byte integer is expected.
pub(crate) enum Varint {
    Whole {
        value: u32,
        length_bytes: usize,
    },
    /// The bytes end before the integer does.
    Short,
    /// The fourth byte says that a fifth follows.
    TooLong,
    /// The last byte adds nothing [MQTT-1.5.5-1].
    NotMinimal,
}

/// Reads the integer at the front of `bytes`.
#[inline]
pub(crate) fn read(bytes: &[u8]) -> Varint {
    match bytes.first() {
        // Nearly every length in telemetry is below 128.
        Some(&first) if first < 0x80 => Varint::Whole {
            value: u32::from(first),
            length_bytes: 1,
        },
        _ => read_longer(bytes),
    }
}

fn read_longer(bytes: &[u8]) -> Varint {
    let mut value = 0u32;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            if byte == 0 && index > 0 {
                return Varint::NotMinimal;
            }
            return Varint::Whole {
                value,
                length_bytes: index + 1,
            };
        }
    }
    if bytes.len() < 4 {
        Varint::Short
    } else {
        Varint::TooLong
    }
}

/// Says in how many bytes `value` is written.
pub(crate) fn length_bytes(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Writes `value`, in as many bytes as `length_bytes` says, into the front of a scratch array.
pub(crate) fn bytes_of(value: u32) -> [u8; 4] {
    debug_assert!(
        value <= VALUE_MAX,
        "a variable byte integer ends at 268,435,455"
    );
    let last = length_bytes(value) - 1;
    let mut bytes = [0; 4];
    for (index, byte) in bytes.iter_mut().enumerate().take(last + 1) {
        let more = if index < last { 0x80 } else { 0 };
        *byte = (value >> (7 * index)) as u8 & 0x7F | more;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_boundary_reads_back_as_written() {
        for value in [
            0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, VALUE_MAX,
        ] {
            let written = bytes_of(value);
            let count = length_bytes(value);
            let Varint::Whole {
                value: read_back,
                length_bytes,
            } = read(&written[..count])
            else {
                panic!("{value} does not read back from {written:?}");
            };
            assert_eq!((read_back, length_bytes), (value, count));
            for cut in 0..count {
                assert!(
                    matches!(read(&written[..cut]), Varint::Short),
                    "{value} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn a_fifth_byte_and_padding_are_refused() {
        assert!(matches!(read(&[0xFF, 0xFF, 0xFF, 0xFF]), Varint::TooLong));
        assert!(matches!(
            read(&[0x80, 0x80, 0x80, 0x80, 0x01]),
            Varint::TooLong
        ));
        assert!(matches!(read(&[0x80, 0x00]), Varint::NotMinimal));
        assert!(matches!(read(&[0xFF, 0x80, 0x00]), Varint::NotMinimal));
    }
}
