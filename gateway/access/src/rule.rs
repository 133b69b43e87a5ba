//! One rule of a permission list, as an operator writes it.

use std::fmt::{self, Display, Formatter};

use tributary_proto::version::Qos;
use tributary_transport::proxy::Network;

/// What a rule says about those whom it concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    Allow,
    Deny,
}

impl Effect {
    /// Its word in a configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        }
    }

    /// The effect of that word.
    pub fn from_word(word: &str) -> Option<Effect> {
        [Effect::Allow, Effect::Deny]
            .into_iter()
            .find(|effect| effect.word() == word)
    }
}

/// What a client does with a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Action {
    /// Sends a message to it; a will is one too.
    Publish = 0,
    /// Asks for what is sent to the topics of a filter.
    Subscribe = 1,
    /// Is handed a message that was sent to it.
    Receive = 2,
    /// Has its message kept for later subscribers, on top of publishing it.
    Retain = 3,
}

impl Action {
    /// All of them.
    pub const ALL: [Action; 4] = [
        Action::Publish,
        Action::Subscribe,
        Action::Receive,
        Action::Retain,
    ];

    /// Its word in a configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
            Action::Receive => "receive",
            Action::Retain => "retain",
        }
    }

    /// The action of that word.
    pub fn from_word(word: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// A set of actions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Actions(u8);

impl Actions {
    /// Every action.
    pub const ALL: Actions = Actions(0b1111);

    /// Whether this one is among them.
    #[inline]
    pub const fn holds(self, action: Action) -> bool {
        self.0 & 1 << action as u8 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Actions) -> Actions {
        Actions(self.0 | others.0)
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Actions {
        Actions(
            actions
                .into_iter()
                .fold(0, |set, action| set | 1 << action as u8),
        )
    }
}

impl Display for Actions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let held = Action::ALL.into_iter().filter(|action| self.holds(*action));
        for (place, action) in held.enumerate() {
            write!(f, "{}{}", if place == 0 { "" } else { ", " }, action.word())?;
        }
        Ok(())
    }
}

/// One rule: whom it concerns, what of theirs, and what it says.
///
/// It concerns a client that fits *all* matchers given; one that has no user fits no `user`. Of a
/// client whose address is not known a rule with networks that denies is about it too, and one
/// that allows is not: nobody gains by hiding.
/// [`Rule::new`] concerns everybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub effect: Effect,
    /// A glob for the user name.
    pub user: Option<String>,
    /// A glob for the client id.
    pub client: Option<String>,
    /// A group that the client must be in.
    pub group: Option<String>,
    /// Claims, by name, that must have exactly this value.
    pub claims: Vec<(String, String)>,
    /// Networks; the client must come from one of them if there are any.
    pub networks: Vec<Network>,
    pub actions: Actions,
    /// The rule is about requests up to this QoS and says nothing of higher ones.
    pub qos_max: Qos,
    /// Filters in MQTT's form, with `%c`, `%u`, `%{claim:NAME}` and `%%`; after `eq ` a filter
    /// that a subscription must be written exactly as.
    pub topics: Vec<String>,
}

impl Rule {
    /// A rule that concerns everybody, at any QoS.
    pub fn new(effect: Effect, actions: Actions, topics: &[&str]) -> Rule {
        Rule {
            effect,
            user: None,
            client: None,
            group: None,
            claims: Vec::new(),
            networks: Vec::new(),
            actions,
            qos_max: Qos::ExactlyOnce,
            topics: topics.iter().map(|topic| topic.to_string()).collect(),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.effect.word(), self.actions)?;
        for (name, value) in [
            ("user", &self.user),
            ("client", &self.client),
            ("group", &self.group),
        ] {
            if let Some(value) = value {
                write!(f, " {name} {value:?}")?;
            }
        }
        for (name, value) in &self.claims {
            write!(f, " claim {name} = {value:?}")?;
        }
        if !self.networks.is_empty() {
            write!(f, " address {}", Networks(&self.networks))?;
        }
        if self.qos_max != Qos::ExactlyOnce {
            write!(f, " up to QoS {}", self.qos_max as u8)?;
        }
        write!(f, " of {:?}", self.topics)
    }
}

/// Networks as a list in words.
pub(crate) struct Networks<'a>(pub(crate) &'a [Network]);

impl Display for Networks<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, network) in self.0.iter().enumerate() {
            write!(f, "{}{network}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_configuration_are_read_and_written_alike() {
        for effect in [Effect::Allow, Effect::Deny] {
            assert_eq!(Effect::from_word(effect.word()), Some(effect));
        }
        for action in Action::ALL {
            assert_eq!(Action::from_word(action.word()), Some(action));
        }
        assert_eq!(Effect::from_word("Allow"), None);
        assert_eq!(Action::from_word("all"), None);
    }

    #[test]
    fn a_set_of_actions_holds_what_it_was_made_of() {
        let some: Actions = [Action::Retain, Action::Publish].into_iter().collect();
        let held: Vec<_> = Action::ALL
            .into_iter()
            .filter(|action| some.holds(*action))
            .collect();
        assert_eq!(held, [Action::Publish, Action::Retain]);
        assert_eq!(Action::ALL.into_iter().collect::<Actions>(), Actions::ALL);
        assert!(Actions::default().is_empty() && !some.is_empty());
    }

    #[test]
    fn a_rule_is_written_in_the_words_it_was_configured_with() {
        let mut rule = Rule::new(Effect::Deny, Actions::ALL, &["a/%c", "eq #"]);
        rule.actions = [Action::Publish, Action::Retain].into_iter().collect();
        rule.user = Some("ann*".into());
        rule.group = Some("ops".into());
        rule.claims = vec![("site".into(), "north".into())];
        rule.networks = ["10.0.0.0/8", "::1"].map(|one| one.parse().unwrap()).into();
        rule.qos_max = Qos::AtLeastOnce;
        assert_eq!(
            rule.to_string(),
            "deny publish, retain user \"ann*\" group \"ops\" claim site = \"north\" \
             address 10.0.0.0/8, ::1/128 up to QoS 1 of [\"a/%c\", \"eq #\"]"
        );
    }
}
