//! Names every way in which a peer can be wrong before and around its MQTT, for their counter.

use tributary_transport::{proxy, upgrade, websocket};

const VOCABULARIES: [&[&str]; 4] = [
    proxy::Refusal::NAMES,
    proxy::Malformed::NAMES,
    upgrade::Refusal::NAMES,
    websocket::Malformed::NAMES,
];

const COUNT: usize =
    VOCABULARIES[0].len() + VOCABULARIES[1].len() + VOCABULARIES[2].len() + VOCABULARIES[3].len();

/// All of them in one row.
pub const NAMES: &[&str] = &joined();

const fn joined() -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    let (mut count, mut vocabulary) = (0, 0);
    while vocabulary < VOCABULARIES.len() {
        let mut index = 0;
        while index < VOCABULARIES[vocabulary].len() {
            names[count] = VOCABULARIES[vocabulary][index];
            (count, index) = (count + 1, index + 1);
        }
        vocabulary += 1;
    }
    names
}

/// Place of a name; only peers that are wrong pay for the search.
pub fn index(name: &str) -> usize {
    let place = NAMES.iter().position(|other| *other == name);
    place.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_place_of_its_own_among_as_many_as_a_counter_takes() {
        assert!(NAMES.len() <= crate::books::LABELS_MAX, "{}", NAMES.len());
        for (place, name) in NAMES.iter().enumerate() {
            assert_eq!(index(name), place, "{name}");
        }
    }
}
