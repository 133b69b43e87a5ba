//! The first decisive answer counts, and what nothing need be worked out for is answered at once.

use super::*;
use crate::clock::Clock;
use crate::hash::{PasswordHash, Shape};
use crate::proofs::Proofs;
use crate::question::{Certificate, Password};

pub(crate) fn question(user: Option<&str>, password: Option<&str>) -> Question {
    Question {
        listener: "mqtt".into(),
        client_id: "ann-1".into(),
        user: user.map(Into::into),
        password: password.map(|password| Password::new(password.as_bytes().into())),
        address: None,
        certificate: None,
    }
}

fn with_certificate(common_name: Option<&str>) -> Question {
    let certificate = Certificate {
        common_name: common_name.map(Into::into),
        ..Certificate::default()
    };
    Question {
        certificate: Some(certificate),
        ..question(None, None)
    }
}

fn chain(methods: Vec<Method>) -> Chain {
    Chain::new(ChainSettings {
        methods,
        client_id: None,
    })
}

fn certificate() -> Method {
    Method::Certificate(UserTemplate::new("%{cn}").expect("it is right"))
}

fn users() -> Method {
    let proofs = Proofs::new(16, 60, Clock::system()).expect("it is within the bounds");
    let users = Users::read("", &Arc::new(proofs)).expect("nobody is fine");
    Method::Users(Arc::new(users))
}

fn refused(refusal: Refusal) -> Option<Verdict> {
    Some(Verdict::Refused(refusal))
}

fn user(verdict: Option<Verdict>) -> Option<String> {
    match verdict {
        Some(Verdict::Allowed(proven)) => proven.user.map(|user| user.to_string()),
        other => panic!("nobody is let in: {other:?}"),
    }
}

#[test]
fn an_empty_chain_refuses_everybody() {
    let chain = chain(vec![]);
    assert_eq!(
        chain.quick(&question(None, None)),
        refused(Refusal::NothingShown)
    );
    let shown = question(Some("ann"), Some("x"));
    assert_eq!(chain.quick(&shown), refused(Refusal::UnknownUser));
}

#[test]
fn anonymous_takes_only_those_who_show_nothing() {
    let chain = chain(vec![Method::Anonymous]);
    assert_eq!(user(chain.quick(&question(None, None))), None);
    for shown in [
        question(Some("ann"), None),
        question(None, Some("x")),
        question(Some(""), Some("")),
    ] {
        assert_eq!(
            chain.quick(&shown),
            refused(Refusal::UnknownUser),
            "{shown:?}"
        );
    }
}

#[test]
fn a_certificate_is_a_user_and_none_is_left_to_the_next() {
    let chain = chain(vec![certificate(), Method::Anonymous]);
    let shown = with_certificate(Some("press"));
    assert_eq!(user(chain.quick(&shown)).as_deref(), Some("press"));
    assert_eq!(user(chain.quick(&question(None, None))), None);
    // One without the name is refused, and not let in as nobody.
    assert_eq!(
        chain.quick(&with_certificate(None)),
        refused(Refusal::CertificateNames)
    );
}

#[test]
fn a_password_is_worked_out_elsewhere_and_half_a_pair_is_nobodys() {
    let chain = chain(vec![users(), Method::Anonymous]);
    assert_eq!(chain.quick(&question(Some("ann"), Some("x"))), None);
    for half in [question(Some("ann"), None), question(None, Some("x"))] {
        assert_eq!(chain.quick(&half), refused(Refusal::UnknownUser));
    }
    assert_eq!(user(chain.quick(&question(None, None))), None);
}

#[test]
fn a_name_that_nobody_has_is_worked_at_as_hard_as_a_wrong_password() {
    let shape = Shape {
        kibibytes: 24,
        passes: 3,
        lanes: 1,
    };
    let proofs = Proofs::new(16, 60, Clock::system()).expect("it is within the bounds");
    let line = format!("ann:{}", PasswordHash::make(b"right", shape));
    let users = Users::read(&line, &Arc::new(proofs)).expect("it is right");
    let methods = vec![
        Method::Users(Arc::new(users)),
        certificate(),
        Method::Anonymous,
    ];
    let chain = Arc::new(chain(methods));
    for (name, refusal) in [
        ("ann", Refusal::WrongPassword),
        ("bob", Refusal::UnknownUser),
        ("", Refusal::UnknownUser),
    ] {
        let mut walk = Walk::new(&chain, Box::new(question(Some(name), Some("wrong"))));
        let Step::Check(check) = walk.advance() else {
            panic!("{name:?} is answered without work");
        };
        assert_eq!(check.hash.shape(), shape, "{name:?}");
        assert!(!walk.is_right(&check));
        // Even where a password would fit by chance, a stranger stays out.
        assert_eq!(
            walk.on_checked(check, name != "ann"),
            Verdict::Refused(refusal)
        );
    }
}

#[test]
fn the_order_of_methods_decides() {
    let both = Question {
        certificate: with_certificate(Some("press")).certificate,
        ..question(Some("ann"), Some("x"))
    };
    assert_eq!(chain(vec![users(), certificate()]).quick(&both), None);
    let verdict = chain(vec![certificate(), users()]).quick(&both);
    assert_eq!(user(verdict).as_deref(), Some("press"));
}

#[test]
fn a_client_id_of_somebody_else_is_refused() {
    let chain = Chain::new(ChainSettings {
        methods: vec![certificate()],
        client_id: Some(Template::new("%u-*").expect("it is right")),
    });
    let ann = with_certificate(Some("ann"));
    assert_eq!(user(chain.quick(&ann)).as_deref(), Some("ann"));
    let bob = with_certificate(Some("bob"));
    assert_eq!(chain.quick(&bob), refused(Refusal::ClientId));
}

#[test]
fn each_refusal_has_a_name_and_a_failure_to_tell() {
    let mut names = std::collections::HashSet::new();
    for (index, refusal) in Refusal::ALL.iter().enumerate() {
        assert_eq!(refusal.index(), index);
        assert!(names.insert(refusal.name()), "{refusal:?}");
        assert!(refusal.reason().is_failure());
        assert!(refusal.reason().connack_return_code() >= 2, "{refusal:?}");
    }
    // Nobody learns which of the two was wrong.
    assert_eq!(
        Refusal::UnknownUser.reason(),
        Refusal::WrongPassword.reason()
    );
}

#[test]
fn debug_shows_no_password() {
    let shown = format!("{:?}", question(Some("ann"), Some("swordfish")));
    assert!(shown.contains("ann") && !shown.contains("swordfish") && !shown.contains("115, 119"));
}
