//! `tributary acl test`: what the rules of a file say to one request, and which of them says it.

use std::sync::Arc;

use tributary_access::decision::Ask;
use tributary_access::explanation::explain;
use tributary_access::own::OwnRules;
use tributary_access::rulebook::Rulebook;
use tributary_access::subject::{Identity, Subject};
use tributary_proto::version::Qos;

use super::Refusal;
use super::check::load;
use crate::cli::AclTestArgs;
use crate::config::Access;
use crate::mailbox::Rules;

/// Prints the decision and how it came about; says whether it is allowed.
///
/// # Errors
/// Why the file cannot be used.
pub fn acl_test(args: &AclTestArgs) -> Result<bool, Refusal> {
    let settings = load(&args.config)?;
    let own = args.rules.as_deref().map(own_rules).transpose()?;
    let Some(access) = &settings.access else {
        if own.is_some() {
            println!("the client is refused: it brings rules, and there is no [access] section");
            return Ok(false);
        }
        println!(
            "{} is allowed: there is no [access] section",
            args.action.word()
        );
        return Ok(true);
    };
    let rules = compile(access)?;
    let groups: Vec<&str> = args.group.iter().map(|group| &**group).collect();
    let claims = args.claim.iter().map(|(name, value)| (&**name, &**value));
    let claims: Vec<(&str, &str)> = claims.collect();
    let identity = Identity {
        subject: Subject {
            client: &args.client,
            user: args.user.as_deref(),
        },
        groups: &groups,
        claims: &claims,
        address: args.address,
    };
    let ask = Ask {
        action: args.action,
        topic: &args.topic,
        qos: Qos::from_bits(args.qos).unwrap_or_default(),
        retain: args.retain,
    };
    let explanation = explain(&rules.book, own.as_ref(), &identity, &ask);
    print!("{explanation}");
    Ok(explanation.decision.allowed)
}

/// The rules of a token: JSON as it is, or a file's after `@`.
fn own_rules(given: &str) -> Result<OwnRules, Refusal> {
    let text = match given.strip_prefix('@') {
        None => given.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("--rules: {path} cannot be read: {error}; name a file"))?,
    };
    OwnRules::parse(&text).map_err(|fault| format!("--rules: {fault}"))
}

/// The rules as shards read them.
pub(super) fn compile(access: &Access) -> Result<Rules, Refusal> {
    let book = Rulebook::new(access.rules.clone(), access.default);
    let book = book.map_err(|error| format!("[access]: {error}"))?;
    Ok(Rules {
        book: Arc::new(book),
        on_denied: access.on_denied,
    })
}
