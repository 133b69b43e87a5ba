//! Good tokens of every kind are taken, and every known trick with the others is not.

mod fetching;
mod kept;
mod issuer;
mod settings;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::*;
use crate::question::Password;

use issuer::{Issuer, encoded, pem};

const NOW: u64 = 1_800_000_000;

/// Making RSA keys takes a while: two sets of keys do for all tests.
static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);
static STRANGER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

const ALL: [Algorithm; 12] = [
    Algorithm::Hs256,
    Algorithm::Hs384,
    Algorithm::Hs512,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

fn clock(unix_sec: u64) -> Clock {
    Clock::moved_by(Arc::new(AtomicU64::new(unix_sec * 1_000)))
}

fn jwt(settings: JwtSettings) -> Jwt {
    Jwt::new(settings, clock(NOW)).expect("the settings are right")
}

/// Takes everything that the issuer has keys for.
fn everything(issuer: &Issuer) -> JwtSettings {
    JwtSettings {
        keys: vec![
            KeySource::Pem(issuer.pem()),
            KeySource::Secret(Secret::new(issuer.secret.clone())),
        ],
        algorithms: ALL.to_vec(),
        ..JwtSettings::default()
    }
}

fn question(user: Option<&str>, password: &str) -> Question {
    Question {
        listener: "mqtt".into(),
        client_id: "c".into(),
        user: user.map(Into::into),
        password: Some(Password::new(password.as_bytes().into())),
        address: None,
        certificate: None,
    }
}

fn judged(jwt: &Jwt, token: &str) -> Result<Proven, Refusal> {
    let question = question(None, token);
    let token = jwt.token(&question).expect("it looks like a token");
    jwt.judge(token, &question)
}

fn claims() -> Value {
    json!({"sub": "ann", "exp": NOW + 60})
}

#[test]
fn tokens_of_every_algorithm_are_taken_with_keys_of_every_source() {
    let issuer = &*ISSUER;
    let by_set = JwtSettings {
        keys: vec![KeySource::KeySet(Secret::new(issuer.key_set().to_string()))],
        ..everything(issuer)
    };
    for jwt in [jwt(everything(issuer)), jwt(by_set)] {
        for algorithm in ALL {
            let proven = judged(&jwt, &issuer.token(algorithm, &claims()));
            let proven = proven.unwrap_or_else(|refusal| panic!("{algorithm}: {refusal:?}"));
            assert_eq!(proven.user.as_deref(), Some("ann"));
            assert_eq!(proven.expires_unix_sec, Some(NOW + 60 + 30));
            assert_eq!(proven.method, "jwt");
        }
    }
}

#[test]
fn the_examples_of_rfc_7515_are_understood() {
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y\
                  b290Ijp0cnVlfQ";
    let set = json!({"keys": [
        {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hc\
                             gUuTwjAzZr1Z9CAow"},
        {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    ]});
    let settings = JwtSettings {
        keys: vec![KeySource::KeySet(Secret::new(set.to_string()))],
        algorithms: vec![Algorithm::Hs256, Algorithm::Es256],
        user_claim: "iss".to_owned(),
        ..JwtSettings::default()
    };
    let jwt = Jwt::new(settings, clock(1_300_819_380)).expect("the settings are right");
    for (header, signature) in [
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU\
             1Q",
        ),
    ] {
        let proven = judged(&jwt, &format!("{header}.{claims}.{signature}"));
        assert_eq!(proven.expect(header).user.as_deref(), Some("joe"));
    }
}

#[test]
fn a_token_without_a_signature_is_refused_however_none_is_written() {
    let issuer = &*ISSUER;
    let jwt = jwt(everything(issuer));
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = encoded(json!({"alg": alg}).to_string());
        let unsigned = format!("{header}.{}.", encoded(claims().to_string()));
        assert_eq!(
            judged(&jwt, &unsigned),
            Err(Refusal::TokenMalformed),
            "{alg}"
        );
        let signed = issuer.token_with(Algorithm::Hs256, &json!({"alg": alg}), &claims());
        assert_eq!(judged(&jwt, &signed), Err(Refusal::TokenMalformed), "{alg}");
    }
    let good = issuer.token(Algorithm::Es256, &claims());
    let (signed, _) = good.rsplit_once('.').expect("it has dots");
    for signature in ["", "AA", &encoded([0; 64]), &encoded([0xff; 64])] {
        let token = format!("{signed}.{signature}");
        assert_eq!(
            judged(&jwt, &token),
            Err(Refusal::TokenSignature),
            "{signature}"
        );
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let issuer = &*ISSUER;
    // The attacker knows the public keys and signs with each, in every form, as if it were one.
    let mut forms: Vec<Vec<u8>> = issuer.ders().to_vec();
    forms.push(issuer.pem().into_bytes());
    forms.extend(
        issuer
            .ders()
            .iter()
            .map(|der| pem("PUBLIC KEY", der).into_bytes()),
    );
    forms.extend(
        issuer
            .ders()
            .iter()
            .map(|der| pem("PUBLIC KEY", der).trim().into()),
    );
    let public_alone = JwtSettings {
        keys: vec![KeySource::Pem(issuer.pem())],
        algorithms: ALL[3..].to_vec(),
        ..JwtSettings::default()
    };
    let mut forger = Issuer::new();
    for jwt in [jwt(public_alone), jwt(everything(issuer))] {
        for secret in &forms {
            forger.secret = secret.clone();
            for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
                let token = forger.token(algorithm, &claims());
                assert_eq!(judged(&jwt, &token), Err(Refusal::TokenSignature));
            }
        }
    }
}

#[test]
fn a_header_that_names_another_algorithm_than_the_signature_is_refused() {
    let issuer = &*ISSUER;
    let jwt = jwt(everything(issuer));
    for signed_by in ALL {
        for said in ALL.iter().filter(|said| **said != signed_by) {
            let header = json!({"alg": said.name()});
            let token = issuer.token_with(signed_by, &header, &claims());
            assert_eq!(
                judged(&jwt, &token),
                Err(Refusal::TokenSignature),
                "{signed_by} {said}"
            );
        }
    }
}

#[test]
fn an_algorithm_that_is_not_listed_is_refused_although_its_key_is_there() {
    let issuer = &*ISSUER;
    let settings = JwtSettings {
        algorithms: vec![
            Algorithm::Ps256,
            Algorithm::Es256,
            Algorithm::Es384,
            Algorithm::EdDsa,
        ],
        keys: vec![KeySource::Pem(issuer.pem())],
        ..JwtSettings::default()
    };
    let jwt = jwt(settings);
    assert!(judged(&jwt, &issuer.token(Algorithm::Ps256, &claims())).is_ok());
    for algorithm in [Algorithm::Rs256, Algorithm::Ps384, Algorithm::Hs256] {
        let token = issuer.token(algorithm, &claims());
        assert_eq!(
            judged(&jwt, &token),
            Err(Refusal::TokenSignature),
            "{algorithm}"
        );
    }
}

#[test]
fn a_changed_token_and_one_of_a_stranger_are_refused() {
    let (issuer, stranger) = (&*ISSUER, &*STRANGER);
    let jwt = jwt(everything(issuer));
    for algorithm in ALL.into_iter().skip(3) {
        let token = stranger.token(algorithm, &claims());
        assert_eq!(
            judged(&jwt, &token),
            Err(Refusal::TokenSignature),
            "{algorithm}"
        );
    }
    for algorithm in ALL {
        let good = issuer.token(algorithm, &claims());
        let parts: Vec<_> = good.split('.').collect();
        let other = encoded(json!({"sub": "root", "exp": NOW + 60}).to_string());
        let token = format!("{}.{other}.{}", parts[0], parts[2]);
        assert_eq!(
            judged(&jwt, &token),
            Err(Refusal::TokenSignature),
            "{algorithm}"
        );
    }
}

#[test]
fn a_token_holds_from_its_beginning_to_its_end() {
    let issuer = &*ISSUER;
    let jwt = jwt(everything(issuer));
    for (claims, answer) in [
        (
            json!({"sub": "a", "exp": NOW - 30}),
            Some(Refusal::TokenExpired),
        ),
        (json!({"sub": "a", "exp": NOW - 29}), None),
        (json!({"sub": "a", "exp": 0}), Some(Refusal::TokenExpired)),
        (json!({"sub": "a", "exp": NOW as f64 + 0.5}), None),
        (json!({"sub": "a", "exp": u64::MAX}), None),
        (json!({"sub": "a", "exp": 1e300}), None),
        (json!({"sub": "a"}), Some(Refusal::TokenClaims)),
        (json!({"sub": "a", "exp": null}), Some(Refusal::TokenClaims)),
        (
            json!({"sub": "a", "exp": "2100"}),
            Some(Refusal::TokenClaims),
        ),
        (json!({"sub": "a", "exp": -1}), Some(Refusal::TokenClaims)),
        (json!({"sub": "a", "exp": NOW + 9, "nbf": NOW + 30}), None),
        (
            json!({"sub": "a", "exp": NOW + 99, "nbf": NOW + 31}),
            Some(Refusal::TokenEarly),
        ),
        (
            json!({"sub": "a", "exp": NOW + 99, "nbf": "x"}),
            Some(Refusal::TokenClaims),
        ),
        (
            json!({"sub": "a", "exp": NOW + 99, "nbf": u64::MAX}),
            Some(Refusal::TokenEarly),
        ),
    ] {
        let answered = judged(&jwt, &issuer.token(Algorithm::Hs256, &claims));
        assert_eq!(answered.err(), answer, "{claims}");
    }
}

#[test]
fn a_token_of_another_issuer_or_for_somebody_else_is_refused() {
    let issuer = &*ISSUER;
    let strict = jwt(JwtSettings {
        issuer: Some("plant".to_owned()),
        audiences: vec!["mqtt".to_owned(), "gateway".to_owned()],
        needs_expiry: false,
        ..everything(issuer)
    });
    for (iss, aud, is_ours) in [
        (json!("plant"), json!("mqtt"), true),
        (json!("plant"), json!(["web", "gateway"]), true),
        (json!("plant"), json!(["web"]), false),
        (json!("plant"), json!([]), false),
        (json!("plant"), json!({"mqtt": 1}), false),
        (json!("plant"), json!(null), false),
        (json!("Plant"), json!("mqtt"), false),
        (json!(["plant"]), json!("mqtt"), false),
    ] {
        let claims = json!({"sub": "ann", "iss": iss, "aud": aud});
        let answered = judged(&strict, &issuer.token(Algorithm::EdDsa, &claims));
        assert_eq!(answered.is_ok(), is_ours, "{claims}");
    }
    for claims in [json!({"sub": "ann"}), json!({"sub": "ann", "iss": "plant"})] {
        let answered = judged(&strict, &issuer.token(Algorithm::EdDsa, &claims));
        assert_eq!(answered, Err(Refusal::TokenClaims), "{claims}");
    }
    // One that is for somebody is not for a gateway that has no name.
    let nameless = jwt(everything(issuer));
    let claims = json!({"sub": "ann", "exp": NOW + 60, "aud": "mqtt"});
    let answered = judged(&nameless, &issuer.token(Algorithm::EdDsa, &claims));
    assert_eq!(answered, Err(Refusal::TokenClaims));
}

#[test]
fn the_user_name_must_match_where_that_is_asked() {
    let issuer = &*ISSUER;
    let jwt = jwt(JwtSettings {
        user_must_match: true,
        ..everything(issuer)
    });
    let token = issuer.token(Algorithm::Hs256, &claims());
    for (user, answer) in [
        (Some("ann"), None),
        (Some("Ann"), Some(Refusal::TokenUser)),
        (Some(""), Some(Refusal::TokenUser)),
        (None, Some(Refusal::TokenUser)),
    ] {
        let question = question(user, &token);
        let answered = jwt.judge(token.as_bytes(), &question);
        assert_eq!(answered.err(), answer, "{user:?}");
    }
}

#[test]
fn a_token_can_stand_in_the_place_of_the_user_name() {
    let issuer = &*ISSUER;
    let jwt = jwt(JwtSettings {
        from: TokenFrom::UserName,
        ..everything(issuer)
    });
    let token = issuer.token(Algorithm::Hs256, &claims());
    let shown = question(Some(&token), "whatever");
    let found = jwt.token(&shown).expect("it is there");
    assert!(jwt.judge(found, &shown).is_ok());
    assert!(jwt.token(&question(Some("ann"), &token)).is_none());
}

#[test]
fn the_key_that_a_token_names_is_the_only_one_tried() {
    let (issuer, other) = (&*ISSUER, &*STRANGER);
    let jwt = jwt(JwtSettings {
        keys: vec![
            KeySource::KeySet(Secret::new(
                other.key_set().to_string().replace("p256", "other"),
            )),
            KeySource::KeySet(Secret::new(issuer.key_set().to_string())),
        ],
        algorithms: vec![Algorithm::Es256],
        ..JwtSettings::default()
    });
    for (id, is_good) in [
        (json!("p256"), true),
        (json!("other"), false),
        (json!("none"), false),
        (json!("../../dev/null"), false),
        (json!(7), false),
    ] {
        let header = json!({"alg": "ES256", "kid": id});
        let token = issuer.token_with(Algorithm::Es256, &header, &claims());
        assert_eq!(judged(&jwt, &token).is_ok(), is_good, "{id}");
    }
    assert!(
        judged(&jwt, &issuer.token(Algorithm::Es256, &claims())).is_ok(),
        "it names none"
    );
}

#[test]
fn what_is_critical_and_not_understood_is_refused() {
    let issuer = &*ISSUER;
    let jwt = jwt(everything(issuer));
    for more in [json!(["b64"]), json!(["exp"]), json!([]), json!(null)] {
        let header = json!({"alg": "HS256", "crit": more});
        let token = issuer.token_with(Algorithm::Hs256, &header, &claims());
        assert_eq!(judged(&jwt, &token), Err(Refusal::TokenMalformed), "{more}");
    }
    // A key that a token brings along is not looked at.
    let stranger = &*STRANGER;
    let header = json!({"alg": "ES256", "jwk": stranger.key_set()["keys"][1].clone()});
    let token = stranger.token_with(Algorithm::Es256, &header, &claims());
    assert_eq!(judged(&jwt, &token), Err(Refusal::TokenSignature));
}

#[test]
fn huge_and_garbled_tokens_are_refused_and_passwords_are_left_to_others() {
    let issuer = &*ISSUER;
    let jwt = jwt(everything(issuer));
    let huge = json!({"sub": "ann", "exp": NOW + 60, "x": "y".repeat(8_192)});
    let token = issuer.token(Algorithm::Hs256, &huge);
    assert_eq!(judged(&jwt, &token), Err(Refusal::TokenMalformed));
    let endless = "ey".repeat(32_000);
    assert_eq!(judged(&jwt, &endless), Err(Refusal::TokenMalformed));
    let deep = format!("{}.{}.AA", encoded("{\"alg\":".repeat(900)), encoded("{}"));
    assert_eq!(judged(&jwt, &deep), Err(Refusal::TokenMalformed));
    for garbled in [
        "ey..",
        "eyJ.eyJ.AA",
        "ey.ü.",
        "eyJhbGciOiJIUzI1NiJ9.e30.=",
        "ew.ew.ew",
    ] {
        assert_eq!(
            judged(&jwt, garbled),
            Err(Refusal::TokenMalformed),
            "{garbled}"
        );
    }
    for password in [
        "",
        "swordfish",
        "a.b.c",
        "ey",
        "eyJ.x",
        "eyJ.x.y.z",
        "e.y.",
        "1.2.3",
    ] {
        assert!(jwt.token(&question(None, password)).is_none(), "{password}");
    }
}
