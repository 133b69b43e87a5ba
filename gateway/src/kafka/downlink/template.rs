//! Text with placeholders, which a record's key and headers fill in.

use super::rule::Record;
use crate::braces::{self, Piece};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Key,
    Header(Box<str>),
}

/// A compiled template: `{key}`, `{header:NAME}`; `{{` and `}}` stand for a brace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// What is wrong and what would be right, with a semicolon between.
    pub fn parse(text: &str) -> Result<Self, String> {
        let part = |piece| match piece {
            Piece::Literal(literal) => Ok(Part::Literal(literal)),
            Piece::Placeholder("key") => Ok(Part::Key),
            Piece::Placeholder(name) => match name.strip_prefix("header:") {
                Some(header) if !header.is_empty() => Ok(Part::Header(header.into())),
                _ => Err(format!(
                    "\"{{{name}}}\" is no placeholder; there are {{key}} and {{header:NAME}}; a \
                     brace is doubled"
                )),
            },
        };
        let parts = braces::split(text)?.into_iter().map(part);
        Ok(Self {
            parts: parts.collect::<Result<_, _>>()?,
        })
    }

    /// The text for one record; `None` when the record lacks a part, or has no text there.
    pub(super) fn render(&self, record: &Record<'_>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Key => std::str::from_utf8(record.key?).ok()?,
                Part::Header(name) => record.text(name)?,
            });
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record<'_> = Record {
        key: Some(b"dev-7"),
        value: None,
        headers: &[("site", Some(b"north")), ("raw", Some(&[0xFF]))],
        timestamp_millis: None,
    };

    fn render(text: &str) -> Option<String> {
        Template::parse(text).expect("a template").render(&RECORD)
    }

    #[test]
    fn placeholders_become_what_the_record_brings() {
        assert_eq!(
            render("{header:site}/{{{key}}}/cmd").as_deref(),
            Some("north/{dev-7}/cmd")
        );
    }

    #[test]
    fn what_a_record_lacks_or_does_not_say_in_text_makes_no_text() {
        assert_eq!(render("{header:absent}"), None);
        assert_eq!(render("{header:raw}"), None);
        let keyless = Record {
            key: None,
            ..RECORD
        };
        let template = Template::parse("{key}").expect("a template");
        assert_eq!(template.render(&keyless), None);
    }

    #[test]
    fn an_unknown_placeholder_is_told_with_those_that_there_are() {
        for text in ["{topic}", "{header:}", "{}"] {
            let told = Template::parse(text).expect_err("no template");
            assert!(told.contains("{header:NAME}"), "{text}: {told}");
        }
    }
}
