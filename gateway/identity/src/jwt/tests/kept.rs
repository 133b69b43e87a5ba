//! What is taken out of a token, and what cannot be kept and is refused.

use tributary_access::own::OwnRules;

use super::*;

#[test]
fn the_user_groups_claims_and_rules_are_taken_as_configured() {
    let issuer = &*ISSUER;
    let jwt = jwt(JwtSettings {
        user_claim: "device".to_owned(),
        groups_claim: Some("roles".to_owned()),
        claims: ["plant", "line", "is_new", "missing"]
            .map(str::to_owned)
            .to_vec(),
        rules_claim: Some("acl".to_owned()),
        ..everything(issuer)
    });
    let claims = json!({"device": "press-7", "exp": NOW + 60, "roles": ["ops", "night"],
        "plant": "north", "line": 12, "is_new": true, "secret": "x",
        "acl": [{"topics": ["a/b"], "allow": ["publish"]}]});
    let proven = judged(&jwt, &issuer.token(Algorithm::Rs256, &claims)).expect("it is good");
    assert_eq!(proven.user.as_deref(), Some("press-7"));
    assert_eq!(*proven.groups, ["ops", "night"].map(Box::<str>::from));
    let kept = [("plant", "north"), ("line", "12"), ("is_new", "true")];
    assert_eq!(
        *proven.claims,
        kept.map(|(name, value)| (Box::<str>::from(name), Box::<str>::from(value)))
    );
    assert_eq!(
        proven.rules.as_deref().map(OwnRules::text),
        Some(r#"[{"allow":["publish"],"topics":["a/b"]}]"#)
    );
    for (name, value) in [
        ("device", json!("")),
        ("device", json!(null)),
        ("device", json!("a\nb")),
        ("device", json!("x".repeat(1_025))),
        ("roles", json!([1])),
        ("roles", json!(vec!["g"; 65])),
        ("roles", json!({"ops": true})),
        ("plant", json!(["north"])),
        ("plant", json!("a\0b")),
        ("acl", json!("x")),
        ("acl", json!(null)),
        ("acl", json!({"allow": ["publish"], "topics": ["a"]})),
        (
            "acl",
            json!([{"allow": ["publish"], "topics": ["a"], "topic": "b"}]),
        ),
        (
            "acl",
            json!([{"allow": ["publish"], "topics": ["a".repeat(4_096)]}]),
        ),
        (
            "acl",
            json!(vec![json!({"allow": ["publish"], "topics": ["a"]}); 65]),
        ),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        let answered = judged(&jwt, &issuer.token(Algorithm::Rs256, &claims));
        assert_eq!(answered, Err(Refusal::TokenClaims), "{name} of {claims}");
    }
}
