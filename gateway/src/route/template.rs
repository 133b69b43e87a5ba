//! Text with placeholders, which becomes a topic, a key or a header for each publish.

use super::filter::Capture;
use super::hash::Fnv;
use crate::braces::{self, Piece};

/// What a publish brings to its templates.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub client_id: &'a str,
    pub topic: &'a str,
    /// User name of the CONNECT; empty when there was none.
    pub user: &'a str,
    pub qos: u8,
    /// Where the publisher wants its answer; empty when it wants none.
    pub response_topic: &'a str,
    /// What tells the answer to a request from others; any bytes, none when there is no request.
    pub correlation_data: &'a [u8],
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    ClientId,
    Topic,
    User,
    Qos,
    ResponseTopic,
    CorrelationData,
    Wildcard(Capture),
}

/// A compiled template.
///
/// ```text
/// {client_id} {topic} {user} {qos}    {1} what the first wildcard matched, {2} the second, ...
/// {response_topic} {correlation_data}    of the publish's MQTT 5 properties
/// {{ and }} stand for a brace
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

const PLACEHOLDERS: &str = "{client_id}, {topic}, {user}, {qos}, {response_topic}, \
                            {correlation_data}, {1} and so on; a brace is doubled";

impl Template {
    /// Compiles a template for a filter with these wildcards. The error says what would be right.
    pub(super) fn parse(text: &str, captures: &[Capture]) -> Result<Template, String> {
        let part = |piece| match piece {
            Piece::Literal(literal) => Ok(Part::Literal(literal)),
            Piece::Placeholder(name) => placeholder(name, captures),
        };
        let parts = braces::split(text)?.into_iter().map(part);
        Ok(Template {
            parts: parts.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The whole text, when it has no placeholder.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(literal)] => Some(literal),
            _ => None,
        }
    }

    /// The parts of the text that are the same for every publish.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(literal) => Some(&**literal),
            _ => None,
        })
    }

    /// Appends the text for one publish.
    pub(super) fn render(&self, context: &Context<'_>, into: &mut Vec<u8>) {
        for part in &self.parts {
            into.extend_from_slice(part.bytes(context));
        }
    }

    /// The hash of what [`Template::render`] appends, behind what was fed before.
    pub(super) fn hash(&self, context: &Context<'_>, before: Fnv) -> Fnv {
        let feed = |hash: Fnv, part: &Part| hash.fed(part.bytes(context));
        self.parts.iter().fold(before, feed)
    }

    /// How many bytes [`Template::render`] appends.
    pub(super) fn weigh(&self, context: &Context<'_>) -> usize {
        let parts = self.parts.iter();
        parts.map(|part| part.bytes(context).len()).sum()
    }
}

impl Part {
    fn bytes<'a>(&'a self, context: &Context<'a>) -> &'a [u8] {
        let text = match self {
            Part::Literal(literal) => literal,
            Part::ClientId => context.client_id,
            Part::Topic => context.topic,
            Part::User => context.user,
            Part::Qos => ["0", "1", "2"]
                .get(context.qos as usize)
                .copied()
                .unwrap_or(""),
            Part::ResponseTopic => context.response_topic,
            Part::CorrelationData => return context.correlation_data,
            Part::Wildcard(capture) => capture.of(context.topic),
        };
        text.as_bytes()
    }
}

fn placeholder(name: &str, captures: &[Capture]) -> Result<Part, String> {
    match name {
        "client_id" => return Ok(Part::ClientId),
        "topic" => return Ok(Part::Topic),
        "user" => return Ok(Part::User),
        "qos" => return Ok(Part::Qos),
        "response_topic" => return Ok(Part::ResponseTopic),
        "correlation_data" => return Ok(Part::CorrelationData),
        _ => {}
    }
    let number: usize = match name.parse() {
        Ok(number) if name.bytes().all(|byte| byte.is_ascii_digit()) => number,
        _ => {
            return Err(format!(
                "\"{{{name}}}\" is no placeholder; there are {PLACEHOLDERS}"
            ));
        }
    };
    let capture = number.checked_sub(1).and_then(|index| captures.get(index));
    capture
        .map(|capture| Part::Wildcard(*capture))
        .ok_or_else(|| match captures.len() {
            0 => format!("\"{{{name}}}\" names a wildcard; the filter has none"),
            1 => format!("\"{{{name}}}\" names a wildcard; the filter has one, \"{{1}}\""),
            count => {
                format!(
                    "\"{{{name}}}\" names a wildcard; the filter has \"{{1}}\" to \"{{{count}}}\""
                )
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: Context<'_> = Context {
        client_id: "dev-7",
        topic: "dw/a/b/c",
        user: "fleet",
        qos: 1,
        response_topic: "back",
        correlation_data: b"c1",
    };

    fn render(text: &str) -> String {
        let captures = [Capture::Level(1), Capture::From(2)];
        let template = Template::parse(text, &captures);
        let template = template.unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut bytes = Vec::new();
        template.render(&CONTEXT, &mut bytes);
        assert_eq!(template.weigh(&CONTEXT), bytes.len(), "{text}");
        let hash = template.hash(&CONTEXT, Fnv::EMPTY);
        assert_eq!(hash, Fnv::EMPTY.fed(&bytes), "{text}");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn placeholders_become_what_the_publish_brings() {
        assert_eq!(
            render("{client_id}/{topic}/{user}/{qos}"),
            "dev-7/dw/a/b/c/fleet/1"
        );
        assert_eq!(render("{response_topic} {correlation_data}"), "back c1");
        assert_eq!(render("{1}-{2}"), "a-b/c");
        assert_eq!(render("plain"), "plain");
        assert_eq!(render(""), "");
        assert_eq!(render("{{{1}}} {{}}"), "{a} {}");
        assert_eq!(render("ä{1}ö"), "äaö");
    }

    #[test]
    fn a_bad_placeholder_is_told_with_what_would_be_right() {
        for (text, word) in [
            ("{clientid}", "{client_id}"),
            ("{}", "no placeholder"),
            ("{3}", "\"{1}\" to \"{2}\""),
            ("{0}", "\"{1}\" to \"{2}\""),
            ("{+1}", "no placeholder"),
            ("{1", "not closed"),
            ("a}b", "closes nothing"),
        ] {
            match Template::parse(text, &[Capture::Level(1), Capture::From(2)]) {
                Err(message) => assert!(message.contains(word), "{text}: {message}"),
                Ok(_) => panic!("{text} is no template"),
            }
        }
    }

    #[test]
    fn a_template_without_placeholders_is_known_to_be_one() {
        let parse = |text| Template::parse(text, &[]);
        assert_eq!(
            parse("telemetry").map(|it| it.literal() == Some("telemetry")),
            Ok(true)
        );
        assert_eq!(parse("t-{qos}").map(|it| it.literal().is_none()), Ok(true));
    }
}
