//! Reads a rule's topic as an operator writes it.

use super::{Level, Pattern, Piece};
use crate::fault::TopicFault;
use crate::limits::{CLAIM_NAMES_MAX, TOPIC_BYTES_MAX};
use crate::subject::Placeholder;

/// What marks a filter that is compared as text.
const EXACTLY: &str = "eq ";

impl Pattern {
    /// Reads a topic, and adds the claims it names to `claim_names`.
    pub(crate) fn parse(
        text: &str,
        claim_names: &mut Vec<Box<str>>,
    ) -> Result<Pattern, TopicFault> {
        let (is_exact, text) = match text.strip_prefix(EXACTLY) {
            Some(filter) => (true, filter),
            None => (false, text),
        };
        match text {
            "" => return Err(TopicFault::Empty),
            _ if text.len() > TOPIC_BYTES_MAX => return Err(TopicFault::TooLong),
            _ if text.contains('\0') => return Err(TopicFault::Nul),
            _ if text.starts_with("$share/") => return Err(TopicFault::Share),
            _ => {}
        }
        let pieces = split(text, claim_names)?;
        let last = pieces.len() - 1;
        let mut levels = Vec::with_capacity(pieces.len());
        for (place, pieces) in pieces.into_iter().enumerate() {
            levels.push(Level::new(pieces, place == last, is_exact)?);
        }
        Ok(Pattern::new(levels, is_exact))
    }
}

impl Level {
    fn new(pieces: Vec<Piece>, is_last: bool, is_exact: bool) -> Result<Level, TopicFault> {
        let wild = |text: &str| text.contains(['+', '#']);
        let literal = match &pieces[..] {
            [] => "",
            [Piece::Text(text)] => text,
            pieces => {
                let is_wild = |piece: &Piece| matches!(piece, Piece::Text(text) if wild(text));
                if pieces.iter().any(is_wild) {
                    return Err(TopicFault::WildcardMisplaced);
                }
                return Ok(Level::Template(pieces.into()));
            }
        };
        match literal {
            "+" if !is_exact => Ok(Level::Any),
            "#" if !is_exact && is_last => Ok(Level::Rest),
            "+" => Ok(Level::Literal(literal.into())),
            "#" if is_last => Ok(Level::Literal(literal.into())),
            _ if wild(literal) => Err(TopicFault::WildcardMisplaced),
            _ => Ok(Level::Literal(literal.into())),
        }
    }
}

/// Cuts a rule's topic into levels of text and placeholders. A `/` in the name of a claim is none.
fn split(text: &str, claim_names: &mut Vec<Box<str>>) -> Result<Vec<Vec<Piece>>, TopicFault> {
    let mut levels = vec![Vec::new()];
    let mut literal = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        let value = match next {
            '%' if rest.starts_with('%') => {
                rest = &rest[1..];
                literal.push('%');
                continue;
            }
            '%' => Some(placeholder(&mut rest, claim_names)?),
            '/' => None,
            _ => {
                literal.push(next);
                continue;
            }
        };
        let level = levels.last_mut().expect("there is one from the start");
        if !literal.is_empty() {
            level.push(Piece::Text(std::mem::take(&mut literal).into_boxed_str()));
        }
        match value {
            Some(value) => level.push(Piece::Value(value)),
            None => levels.push(Vec::new()),
        }
    }
    if !literal.is_empty() {
        let level = levels.last_mut().expect("there is one from the start");
        level.push(Piece::Text(literal.into_boxed_str()));
    }
    Ok(levels)
}

/// Reads what follows a `%`.
fn placeholder(
    rest: &mut &str,
    claim_names: &mut Vec<Box<str>>,
) -> Result<Placeholder, TopicFault> {
    let unknown = || TopicFault::Placeholder(rest.chars().take(24).collect());
    let (length, placeholder) = match rest.as_bytes().first() {
        Some(b'c') => (1, Placeholder::Client),
        Some(b'u') => (1, Placeholder::User),
        _ => {
            let inside = rest
                .strip_prefix("{claim:")
                .and_then(|rest| rest.split_once('}'));
            let (name, behind) = inside
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(unknown)?;
            let known = claim_names.iter().position(|known| **known == *name);
            let slot = known.unwrap_or(claim_names.len());
            if slot == CLAIM_NAMES_MAX {
                return Err(TopicFault::TooManyClaims);
            }
            if known.is_none() {
                claim_names.push(name.into());
            }
            (rest.len() - behind.len(), Placeholder::Claim(slot as u8))
        }
    };
    *rest = &rest[length..];
    Ok(placeholder)
}
