//! Matches user names and client ids: `*` for any run of characters, `?` for one.

/// Whether `glob` takes in all of `text`.
///
/// Only the last `*` is ever tried again, so the work is at most the product of both lengths.
pub(crate) fn takes_in(glob: &str, text: &str) -> bool {
    let (mut wanted, mut rest) = (glob.chars(), text.chars());
    // What to go back to: the glob behind the last `*`, the text that it has not swallowed yet.
    let mut again = None;
    loop {
        let here = (wanted.clone(), rest.clone());
        match (wanted.next(), rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                again = Some((wanted.clone(), here.1.clone()));
                rest = here.1;
            }
            (Some('?'), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => {
                let Some((behind, mut left)) = again else {
                    return false;
                };
                if left.next().is_none() {
                    return false;
                }
                again = Some((behind.clone(), left.clone()));
                (wanted, rest) = (behind, left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_runs_and_question_marks_take_one_character() {
        for (glob, text) in [
            ("*", ""),
            ("*", "anything"),
            ("dev-*", "dev-"),
            ("dev-*", "dev-17"),
            ("*-gw", "north-gw"),
            ("a*b*c", "a--b-b--c"),
            ("a*b*c", "abc"),
            ("?", "ü"),
            ("d?v*", "dev-17"),
            ("**", "x"),
            ("", ""),
        ] {
            assert!(takes_in(glob, text), "{glob:?} should take in {text:?}");
        }
        for (glob, text) in [
            ("", "a"),
            ("?", ""),
            ("?", "ab"),
            ("dev-*", "dev"),
            ("dev", "dev-1"),
            ("*-gw", "north-gw-2"),
            ("a*b*c", "a--c--b"),
            ("Dev", "dev"),
        ] {
            assert!(
                !takes_in(glob, text),
                "{glob:?} should not take in {text:?}"
            );
        }
    }

    #[test]
    fn every_short_glob_agrees_with_a_recursive_one() {
        fn again(glob: &[u8], text: &[u8]) -> bool {
            match (glob, text) {
                ([], []) => true,
                ([b'*', behind @ ..], _) => {
                    again(behind, text) || (!text.is_empty() && again(glob, &text[1..]))
                }
                ([b'?', behind @ ..], [_, rest @ ..]) => again(behind, rest),
                ([a, behind @ ..], [b, rest @ ..]) => a == b && again(behind, rest),
                _ => false,
            }
        }
        let words = |letters: &[u8], length: u32| -> Vec<String> {
            let all =
                (0..=length).flat_map(|n| (0..(letters.len() as u64).pow(n)).map(move |i| (n, i)));
            let word = |(n, mut i): (u32, u64)| {
                let letter = |_| {
                    let at = i % letters.len() as u64;
                    i /= letters.len() as u64;
                    char::from(letters[at as usize])
                };
                (0..n).map(letter).collect()
            };
            all.map(word).collect()
        };
        let mut hits = 0;
        for glob in words(b"ab*?", 5) {
            for text in words(b"ab", 5) {
                let expected = again(glob.as_bytes(), text.as_bytes());
                assert_eq!(takes_in(&glob, &text), expected, "{glob} against {text}");
                hits += usize::from(expected);
            }
        }
        assert!(hits > 1_000, "the comparison saw only {hits} matches");
    }
}
