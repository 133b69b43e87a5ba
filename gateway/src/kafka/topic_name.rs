//! Which names Kafka allows a topic to have.

use super::limits;

/// Whether Kafka allows a topic of this name (`org.apache.kafka.common.internals.Topic`).
pub fn is_legal(name: &str) -> bool {
    (1..=limits::TOPIC_BYTES_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(is_legal_byte)
}

/// Whether a topic's name may contain this.
pub fn is_legal_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_kafka_does_not_allow_is_told_from_one_that_it_does() {
        for name in ["mqtt", "a.b_c-9", &"x".repeat(249)] {
            assert!(is_legal(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "ü", "a b", "a{", &"x".repeat(250)] {
            assert!(!is_legal(name), "{name}");
        }
    }
}
