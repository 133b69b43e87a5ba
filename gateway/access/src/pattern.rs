//! A rule's topic in the form that decisions read: what it takes in of a filter, and what it meets.
//!
//! A topic is the filter that takes in that one topic, so both questions serve for either. The
//! topic without a character, which `/#` and `+` match, is counted as one though nobody may publish
//! to it [MQTT-4.7.3-1]: the answers are the simpler for it and can only be stricter.

use crate::subject::{Placeholder, Values};

mod read;

/// One topic of a rule.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// The literal levels that it begins with, joined by `/`; `None` when there are none.
    head: Option<Box<str>>,
    /// The levels behind them.
    tail: Box<[Level]>,
    /// Compared as text: the wildcards in it are literal levels.
    is_exact: bool,
}

/// One level.
#[derive(PartialEq, Eq, Debug)]
enum Level {
    /// `+`
    Any,
    /// `#`
    Rest,
    Literal(Box<str>),
    /// With placeholders in it.
    Template(Box<[Piece]>),
}

/// A part of a level.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(Box<str>),
    Value(Placeholder),
}

/// How a pattern and a filter lie to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fit {
    Yes,
    No,
    /// They agree up to a placeholder for which this client has nothing that may stand there.
    Unusable,
}

impl Pattern {
    fn new(levels: Vec<Level>, is_exact: bool) -> Pattern {
        let mut head: Option<String> = None;
        let mut levels = levels.into_iter().peekable();
        while let Some(Level::Literal(text)) = levels.next_if(|l| matches!(l, Level::Literal(_))) {
            match &mut head {
                Some(head) => *head = format!("{head}/{text}"),
                None => head = Some(text.into()),
            }
        }
        Pattern {
            head: head.map(String::into_boxed_str),
            tail: levels.collect(),
            is_exact,
        }
    }

    /// Whether every topic of `filter` is one of this pattern's; of an exact pattern, whether
    /// `filter` is written like it.
    #[inline]
    pub(crate) fn takes_in(&self, filter: &str, values: &Values<'_>) -> Fit {
        let Some(head) = &self.head else {
            return self.tail_takes_in(Some(filter), true, values);
        };
        match filter.strip_prefix(&**head) {
            Some("") => self.tail_takes_in(None, false, values),
            Some(rest) if rest.as_bytes()[0] == b'/' => {
                self.tail_takes_in(Some(&rest[1..]), false, values)
            }
            _ => Fit::No,
        }
    }

    /// The same for what is behind the head. `rest` is `None` when `filter` has no further level.
    fn tail_takes_in(&self, mut rest: Option<&str>, is_whole: bool, values: &Values<'_>) -> Fit {
        let mut begins_topic = is_whole;
        if begins_topic && self.begins_wild() && rest.is_some_and(|rest| rest.starts_with('$')) {
            return Fit::No;
        }
        for level in &self.tail {
            if *level == Level::Rest {
                return Fit::Yes;
            }
            let Some(levels) = rest else { return Fit::No };
            let (asked, behind) = first_level(levels);
            match level {
                // What `#` takes in may end here, which `+` does not. Only no topic is without its
                // first level, so there `+/#` is as wide.
                Level::Any if asked == "#" => {
                    let is_all = begins_topic && *self.tail == [Level::Any, Level::Rest];
                    return if is_all { Fit::Yes } else { Fit::No };
                }
                Level::Any | Level::Rest => {}
                Level::Literal(text) if **text == *asked => {}
                Level::Literal(_) => return Fit::No,
                Level::Template(pieces) => match fit(pieces, asked, begins_topic, values) {
                    Fit::Yes => {}
                    other => return other,
                },
            }
            (rest, begins_topic) = (behind, false);
        }
        if rest.is_none() { Fit::Yes } else { Fit::No }
    }

    /// Whether some topic of `filter` is one of this pattern's.
    pub(crate) fn meets(&self, filter: &str, values: &Values<'_>) -> Fit {
        if self.is_exact {
            return self.takes_in(filter, values);
        }
        if self.begins_wild() && filter.starts_with('$')
            || filter.starts_with(['+', '#']) && self.begins_with_dollar()
        {
            return Fit::No;
        }
        let mut rest = Some(filter);
        for literal in self.head.iter().flat_map(|head| head.split('/')) {
            let Some(levels) = rest else { return Fit::No };
            let (asked, behind) = first_level(levels);
            match asked {
                "#" => return Fit::Yes,
                "+" => {}
                _ if asked == literal => {}
                _ => return Fit::No,
            }
            rest = behind;
        }
        self.tail_meets(rest, values)
    }

    fn tail_meets(&self, mut rest: Option<&str>, values: &Values<'_>) -> Fit {
        let mut begins_topic = self.head.is_none();
        for level in &self.tail {
            if *level == Level::Rest {
                return Fit::Yes;
            }
            let Some(levels) = rest else { return Fit::No };
            let (asked, behind) = first_level(levels);
            match level {
                _ if asked == "#" => return Fit::Yes,
                Level::Any | Level::Rest => {}
                Level::Template(pieces) => match fit(pieces, asked, begins_topic, values) {
                    Fit::No if asked == "+" => {}
                    Fit::Yes => {}
                    other => return other,
                },
                Level::Literal(text) if asked == "+" || **text == *asked => {}
                Level::Literal(_) => return Fit::No,
            }
            (rest, begins_topic) = (behind, false);
        }
        match rest {
            // `a/#` takes in its parent `a` [section 4.7.1.2].
            None | Some("#") => Fit::Yes,
            Some(_) => Fit::No,
        }
    }

    fn begins_wild(&self) -> bool {
        self.head.is_none() && matches!(self.tail.first(), Some(Level::Any | Level::Rest))
    }

    fn begins_with_dollar(&self) -> bool {
        match (&self.head, self.tail.first()) {
            (Some(head), _) => head.starts_with('$'),
            (None, Some(Level::Template(pieces))) => {
                matches!(&pieces[0], Piece::Text(text) if text.starts_with('$'))
            }
            _ => false,
        }
    }
}

/// The first level, and what follows its separator.
#[inline]
fn first_level(levels: &str) -> (&str, Option<&str>) {
    match memchr::memchr(b'/', levels.as_bytes()) {
        Some(at) => (&levels[..at], Some(&levels[at + 1..])),
        None => (levels, None),
    }
}

/// Whether a level with placeholders is this one.
fn fit(pieces: &[Piece], asked: &str, begins_topic: bool, values: &Values<'_>) -> Fit {
    let mut rest = Some(asked);
    for (place, piece) in pieces.iter().enumerate() {
        let text = match piece {
            Piece::Text(text) => &**text,
            Piece::Value(placeholder) => {
                match values.usable(*placeholder, begins_topic && place == 0) {
                    Some(value) => value,
                    // Whatever else the level holds: one rule for all, easy to tell.
                    None => return Fit::Unusable,
                }
            }
        };
        rest = rest.and_then(|rest| rest.strip_prefix(text));
    }
    if rest == Some("") { Fit::Yes } else { Fit::No }
}

#[cfg(test)]
mod tests;
