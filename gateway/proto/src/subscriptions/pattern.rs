//! A filter as the index keeps it: exact, a pattern with wildcards, or a template for a fleet.
//!
//! A million devices that each subscribe to a topic of their own, `dev/{client id}/cmd`, are one
//! *template*: the level that is the client id is left open, and whom a topic is for is read off
//! the topic. A client id that is no level, or that would be read as a wildcard, makes none.

use super::limits;

/// What stands in a template's text for the level that is the client id. Text alone never makes a
/// template: a device may well have a level that reads like this.
const OWNER: &str = "%c";

/// A filter that is found level by level.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    /// The filter, with `%c` at the level that is the client id.
    pub text: Box<str>,
    /// Which level that is, if there is one.
    pub owner_level: Option<u8>,
}

/// One level of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// This level and no other.
    Literal(&'a str),
    /// `+`.
    Any,
    /// A client id: the subscriber's.
    Owner,
    /// `#`, always the last.
    Rest,
}

/// How a filter is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form<'a> {
    /// Found by the hash of the whole.
    Exact(&'a str),
    /// Found level by level.
    Pattern(&'a str, Option<u8>),
    /// Too many levels for the trie.
    TooDeep,
}

impl<'a> Form<'a> {
    /// The form of a plain filter that this client subscribes to.
    pub(super) fn of(filter: &'a str, client_id: &str) -> Form<'a> {
        let (mut levels, mut own_levels, mut own_level) = (0, 0, 0);
        let mut has_wildcard = false;
        for level in filter.split('/') {
            if matches!(level, "+" | "#") {
                // A client may be called `+`: its wildcard is a wildcard all the same.
                has_wildcard = true;
            } else if level == client_id && !level.is_empty() {
                own_levels += 1;
                own_level = levels;
            }
            levels += 1;
        }
        let fits = levels <= limits::LEVELS_MAX;
        // With the id in two levels both would have to be captured and compared, which no fleet
        // has asked for yet.
        match (has_wildcard, own_levels) {
            (_, 1) if fits => Form::Pattern(filter, Some(own_level as u8)),
            (true, _) if fits => Form::Pattern(filter, None),
            (true, _) => Form::TooDeep,
            (false, _) => Form::Exact(filter),
        }
    }

    /// The form of the filter of a shared subscription: whose it is plays no part.
    pub(super) fn of_shared(filter: &'a str) -> Form<'a> {
        match filter.split('/').count() {
            levels if levels > limits::LEVELS_MAX => Form::TooDeep,
            _ => Form::of(filter, NOBODY),
        }
    }
}

/// A client id that no client has.
const NOBODY: &str = "";

impl Pattern {
    /// The pattern of a filter whose level `owner_level` is a client id.
    pub(super) fn new(filter: &str, owner_level: Option<u8>) -> Pattern {
        let text = match owner_level {
            None => filter.into(),
            Some(level) => with_level(filter, level, OWNER),
        };
        Pattern { text, owner_level }
    }

    /// Its levels.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        steps(&self.text, self.owner_level)
    }
}

/// The levels of a filter, of which one may be a client id.
pub fn steps(filter: &str, owner_level: Option<u8>) -> impl Iterator<Item = Step<'_>> {
    let levels = filter.split('/').enumerate();
    levels.map(move |(index, level)| match level {
        _ if owner_level.is_some_and(|owner| usize::from(owner) == index) => Step::Owner,
        "+" => Step::Any,
        "#" => Step::Rest,
        literal => Step::Literal(literal),
    })
}

/// The filter with another text for one of its levels.
pub(super) fn with_level(filter: &str, at: u8, text: &str) -> Box<str> {
    let mut out = String::with_capacity(filter.len() + text.len());
    for (index, level) in filter.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        out.push_str(if index == usize::from(at) {
            text
        } else {
            level
        });
    }
    out.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_the_client_id_makes_a_template() {
        let form = Form::of("dev/d1/cmd", "d1");
        assert_eq!(form, Form::Pattern("dev/d1/cmd", Some(1)));
        let pattern = Pattern::new("dev/d1/cmd", Some(1));
        assert_eq!(&*pattern.text, "dev/%c/cmd");
        let steps: Vec<_> = pattern.steps().collect();
        let wanted = [Step::Literal("dev"), Step::Owner, Step::Literal("cmd")];
        assert_eq!(steps, wanted);
        assert_eq!(Form::of("d1/+/#", "d1"), Form::Pattern("d1/+/#", Some(0)));
        assert_eq!(Form::of("dev/%c", "%c"), Form::Pattern("dev/%c", Some(1)));
    }

    #[test]
    fn what_only_looks_like_a_client_id_makes_none() {
        for (filter, client_id) in [
            ("a/b/c", "a/b"),
            ("dev/d12/cmd", "d1"),
            ("d1/d1", "d1"),
            ("dev/%c/cmd", "d1"),
        ] {
            let form = Form::of(filter, client_id);
            assert_eq!(form, Form::Exact(filter), "{filter} of {client_id}");
        }
        assert_eq!(Form::of("+/a", "+"), Form::Pattern("+/a", None));
        assert_eq!(Form::of("a/#", "#"), Form::Pattern("a/#", None));
    }

    #[test]
    fn a_pattern_deeper_than_a_match_may_go_is_refused_and_an_exact_filter_is_not() {
        let deep = vec!["a"; limits::LEVELS_MAX + 1].join("/");
        assert_eq!(Form::of(&deep, "b"), Form::Exact(&deep));
        assert_eq!(Form::of_shared(&deep), Form::TooDeep);
        let pattern = format!("{deep}/#");
        assert_eq!(Form::of(&pattern, "a"), Form::TooDeep);
    }
}
