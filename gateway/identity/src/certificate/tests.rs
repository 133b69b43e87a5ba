//! A user is made of the names that are there, and of no other.

use super::*;

fn certificate() -> Certificate {
    Certificate {
        common_name: Some("press-7".into()),
        dns_names: vec!["press-7.plant".into(), "other".into()],
        emails: vec!["press@plant".into()],
        uris: vec![],
        distinguished_name: "CN=press-7,O=Plant".into(),
    }
}

fn filled(template: &str) -> Option<String> {
    let template = UserTemplate::new(template).expect(template);
    template.fill(&certificate()).map(|user| user.to_string())
}

#[test]
fn names_are_filled_in() {
    for (template, user) in [
        ("%{cn}", "press-7"),
        ("%{dns}", "press-7.plant"),
        ("%{email}", "press@plant"),
        ("%{dn}", "CN=press-7,O=Plant"),
        ("cert:%{cn}/%{dns}", "cert:press-7/press-7.plant"),
        ("100%%-%{cn}", "100%-press-7"),
    ] {
        assert_eq!(filled(template).as_deref(), Some(user), "{template}");
    }
    assert_eq!(filled("%{cn}-%{uri}"), None, "there is no URI");
}

#[test]
fn a_template_that_is_wrong_says_so() {
    for template in ["", "everyone", "%%", "%", "%{cn", "%{CN}", "%{}", "%cn"] {
        let fault = UserTemplate::new(template).expect_err(template);
        assert!(fault.right.contains("%{cn}"), "{fault}");
    }
    assert!(UserTemplate::new(&format!("%{{cn}}{}", "x".repeat(256))).is_err());
}

#[test]
fn a_name_with_a_control_character_is_none() {
    let mut certificate = certificate();
    for name in ["", "a\nb", "a\0admin"] {
        certificate.common_name = Some(name.into());
        let template = UserTemplate::new("%{cn}").expect("it is right");
        assert_eq!(template.fill(&certificate), None, "{name:?}");
        let verdict = template.judge(Some(&certificate));
        assert_eq!(verdict, Some(Verdict::Refused(Refusal::CertificateNames)));
    }
}
