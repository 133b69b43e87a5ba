//! Takes a template apart: what is said as it is, and what stands in braces for something else.

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Said as it is, doubled braces being single ones.
    Literal(Box<str>),
    /// What stands between braces.
    Placeholder(&'a str),
}

/// The parts of a template; no literal is empty and no two stand side by side.
///
/// # Errors
/// What is wrong with a brace, and what would be right.
pub fn split(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            literal.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        if brace == "}" {
            return Err(format!(
                "{text:?}: a \"}}\" closes nothing; write \"}}}}\" for a brace"
            ));
        }
        let Some((name, after)) = rest.split_once('}') else {
            return Err(format!(
                "{text:?}: a \"{{\" is not closed; write \"{{{{\" for a brace"
            ));
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
        }
        pieces.push(Piece::Placeholder(name));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal.into()));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_placeholders_come_in_their_order() {
        let literal = |text: &str| Piece::Literal(text.into());
        let wanted = vec![
            literal("a/{"),
            Piece::Placeholder("b"),
            Piece::Placeholder(""),
            literal("}/c"),
        ];
        assert_eq!(split("a/{{{b}{}}}/c"), Ok(wanted));
        assert_eq!(split(""), Ok(Vec::new()));
    }

    #[test]
    fn a_brace_without_its_other_is_told() {
        assert!(split("{a").is_err_and(|told| told.contains("not closed")));
        assert!(split("a}").is_err_and(|told| told.contains("closes nothing")));
    }
}
