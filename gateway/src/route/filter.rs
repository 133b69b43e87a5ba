//! The topic filter of a rule: what it matches, where its wildcards stand, what it leaves for later
//! rules.

/// A topic filter, cut into levels [MQTT-4.7.1].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    levels: Vec<Level>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(Box<str>),
    /// `+`: one level [MQTT-4.7.1-2].
    One,
    /// `#`: the level above and all below [MQTT-4.7.1-1].
    Rest,
}

/// The part of a topic that a wildcard stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// The level of this index.
    Level(usize),
    /// The level of this index and all that follow.
    From(usize),
}

/// The longest topic filter: a UTF-8 string of MQTT [MQTT-1.5.4].
const FILTER_BYTES_MAX: usize = 65_535;

impl Filter {
    /// The error says what is wrong and what would be right.
    pub(super) fn parse(filter: &str) -> Result<Filter, String> {
        if filter.is_empty() {
            return Err("is empty; \"#\" matches every topic".into());
        }
        if filter.len() > FILTER_BYTES_MAX {
            return Err(format!(
                "has {} bytes; MQTT allows {FILTER_BYTES_MAX}",
                filter.len()
            ));
        }
        if filter.contains('\0') {
            return Err("contains a NUL character, which no MQTT topic does".into());
        }
        let count = filter.split('/').count();
        let levels = filter
            .split('/')
            .enumerate()
            .map(|(index, level)| match level {
                "+" => Ok(Level::One),
                "#" if index + 1 == count => Ok(Level::Rest),
                "#" => Err(format!("{filter:?}: \"#\" can only be the last level")),
                _ if level.contains(['+', '#']) => {
                    let right = "a wildcard fills a whole level, as in \"a/+/b\" or \"a/#\"";
                    Err(format!(
                        "{filter:?}: level {level:?} mixes a wildcard with text; {right}"
                    ))
                }
                _ => Ok(Level::Literal(level.into())),
            });
        Ok(Filter {
            levels: levels.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the filter matches a topic name.
    pub(super) fn matches(&self, topic: &str) -> bool {
        // A leading wildcard does not match topics of the server's own [MQTT-4.7.2-1].
        if topic.starts_with('$') && !matches!(self.levels[0], Level::Literal(_)) {
            return false;
        }
        if let [Level::Rest] = self.levels[..] {
            return true; // The default route: no level needs a look.
        }
        let mut names = topic.split('/');
        for level in &self.levels {
            match (level, names.next()) {
                (Level::Rest, _) => return true,
                (Level::One, Some(_)) => {}
                (Level::Literal(literal), Some(name)) if **literal == *name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Where each wildcard stands, in order.
    pub(super) fn captures(&self) -> Vec<Capture> {
        let capture = |(index, level): (usize, &Level)| match level {
            Level::Literal(_) => None,
            Level::One => Some(Capture::Level(index)),
            Level::Rest => Some(Capture::From(index)),
        };
        self.levels.iter().enumerate().filter_map(capture).collect()
    }

    /// Whether every topic that `other` matches is matched by this filter too.
    pub(super) fn covers(&self, other: &Filter) -> bool {
        if let (Level::One | Level::Rest, Level::Literal(first)) =
            (&self.levels[0], &other.levels[0])
            && first.starts_with('$')
        {
            return false;
        }
        let mut others = other.levels.iter();
        for (index, level) in self.levels.iter().enumerate() {
            match (level, others.next()) {
                (Level::Rest, _) => return true,
                // Every topic has a first level, so "+/#" leaves nothing of "#".
                (Level::One, Some(Level::Rest)) if index == 0 => {
                    return self.levels.get(1) == Some(&Level::Rest);
                }
                (Level::One, Some(Level::One | Level::Literal(_))) => {}
                (Level::Literal(_), Some(theirs)) if level == theirs => {}
                _ => return false,
            }
        }
        others.next().is_none()
    }
}

impl Capture {
    /// What the wildcard stands for in a topic that the filter matches. It is empty where `#`
    /// stands for the level above it.
    pub(super) fn of<'a>(&self, topic: &'a str) -> &'a str {
        let (skipped, one) = match *self {
            Capture::Level(index) => (index, true),
            Capture::From(index) => (index, false),
        };
        let mut rest = topic;
        for _ in 0..skipped {
            match memchr(rest) {
                Some(slash) => rest = &rest[slash + 1..],
                None => return "",
            }
        }
        if one {
            &rest[..memchr(rest).unwrap_or(rest.len())]
        } else {
            rest
        }
    }
}

fn memchr(text: &str) -> Option<usize> {
    text.bytes().position(|byte| byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_filter_matches_as_the_specification_says() {
        for (text, topic, matches) in [
            ("#", "a", true),
            ("#", "a/b/c", true),
            ("#", "/", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("sport/#", "sport", true),
            ("sport/#", "sport/", true),
            ("sport/#", "sports", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b/c/d", false),
            ("a/b", "a/b", true),
            ("a/b", "A/b", false),
        ] {
            assert_eq!(filter(text).matches(topic), matches, "{text} {topic}");
        }
    }

    #[test]
    fn a_bad_filter_is_told_with_what_would_be_right() {
        for (text, word) in [
            ("", "empty"),
            ("a/#/b", "last level"),
            ("a/b#", "whole level"),
            ("a+/b", "whole level"),
            ("a\0b", "NUL"),
        ] {
            match Filter::parse(text) {
                Err(message) => assert!(message.contains(word), "{text}: {message}"),
                Ok(_) => panic!("{text} is no filter"),
            }
        }
    }

    #[test]
    fn wildcards_stand_for_the_levels_they_match() {
        let captured = |text: &str, topic: &'static str| -> Vec<&str> {
            filter(text)
                .captures()
                .iter()
                .map(|capture| capture.of(topic))
                .collect()
        };
        assert_eq!(captured("dw/+/t/+/#", "dw/a/t/b/c/d"), ["a", "b", "c/d"]);
        assert_eq!(captured("dw/+/#", "dw/a"), ["a", ""]);
        assert_eq!(captured("+/+", "/x"), ["", "x"]);
        assert_eq!(captured("#", "a/b"), ["a/b"]);
        assert!(captured("a/b", "a/b").is_empty());
    }

    #[test]
    fn one_filter_covers_another_when_nothing_is_left_for_it() {
        for (wide, narrow, covers) in [
            ("#", "a/b", true),
            ("#", "#", true),
            ("#", "+/#", true),
            ("+/#", "#", true),
            ("#", "$SYS/#", false),
            ("+/b", "$SYS/b", false),
            ("$SYS/#", "$SYS/+", true),
            ("a/#", "a", true),
            ("a/+", "a/b", true),
            ("a/+", "a/#", false),
            ("a/b", "a/+", false),
            ("a/+/#", "a/#", false),
            ("+/+", "a/+", true),
            ("a/+/c", "a/b/+", false),
        ] {
            assert_eq!(
                filter(wide).covers(&filter(narrow)),
                covers,
                "{wide} over {narrow}"
            );
        }
    }

    #[test]
    fn what_a_filter_covers_it_matches() {
        let texts = [
            "#", "+/#", "+", "a/#", "a/+", "+/b", "a/b", "a/+/#", "a", "$x/#", "+/+", "a/b/c",
        ];
        let topics = [
            "a", "a/b", "a/b/c", "b", "b/b", "$x", "$x/b", "/", "a/", "/b", "a/b/",
        ];
        for wide in texts.map(filter) {
            for narrow in texts.map(filter) {
                let left = topics
                    .iter()
                    .any(|topic| narrow.matches(topic) && !wide.matches(topic));
                assert_eq!(wide.covers(&narrow), !left, "{wide:?} over {narrow:?}");
            }
        }
    }
}
