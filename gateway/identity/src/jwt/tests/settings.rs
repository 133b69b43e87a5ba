//! Settings that let nobody or anybody in are named, and keys for something else passed over.

use super::*;

#[test]
fn settings_that_let_nobody_or_anybody_in_are_named() {
    let issuer = &*ISSUER;
    let pem_alone = |text: String| JwtSettings {
        keys: vec![KeySource::Pem(text)],
        algorithms: vec![Algorithm::Rs256],
        ..JwtSettings::default()
    };
    let small = aws_lc_rs::rsa::KeySize::Rsa2048;
    let private = aws_lc_rs::signature::RsaKeyPair::generate(small).expect("a key can be made");
    let private =
        aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&private);
    let private = pem("PRIVATE KEY", private.expect("it can be written").as_ref());
    let secret = |bytes: usize, algorithm| JwtSettings {
        keys: vec![KeySource::Secret(Secret::new(vec![7; bytes]))],
        algorithms: vec![algorithm],
        ..JwtSettings::default()
    };
    let set = |text: &str| JwtSettings {
        keys: vec![KeySource::KeySet(Secret::new(text))],
        algorithms: vec![Algorithm::Rs256],
        ..JwtSettings::default()
    };
    for (settings, field) in [
        (
            JwtSettings {
                algorithms: vec![],
                ..everything(issuer)
            },
            "algorithms",
        ),
        (
            JwtSettings {
                keys: vec![],
                ..everything(issuer)
            },
            "algorithms",
        ),
        (
            JwtSettings {
                algorithms: vec![Algorithm::Hs256],
                ..pem_alone(issuer.pem())
            },
            "public_key",
        ),
        (pem_alone("no PEM".to_owned()), "public_key"),
        (pem_alone(private), "public_key"),
        (
            pem_alone(pem("PUBLIC KEY", &issuer.ders()[1])),
            "public_key",
        ),
        (pem_alone(pem("PUBLIC KEY", b"garbage")), "public_key"),
        (secret(31, Algorithm::Hs256), "secret"),
        (secret(47, Algorithm::Hs384), "secret"),
        (secret(63, Algorithm::Hs512), "secret"),
        (secret(64, Algorithm::Rs256), "algorithms"),
        (set("{"), "key_set"),
        (set("{}"), "key_set"),
        (set(r#"{"keys":[]}"#), "key_set"),
        (
            set(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#),
            "key_set",
        ),
    ] {
        let fault = Jwt::new(settings, clock(NOW)).expect_err(field);
        assert_eq!(fault.field, field, "{fault}");
        assert!(!fault.right.is_empty());
    }
}

#[test]
fn keys_for_something_else_are_passed_over() {
    let issuer = &*ISSUER;
    let mut set = issuer.key_set();
    let keys = set["keys"].as_array_mut().expect("it is a list");
    keys.push(json!({"kty": "AKP", "alg": "ML-DSA-44"}));
    keys.push(json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}));
    keys.push(json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}));
    keys.push(json!("no key"));
    keys[0]["use"] = json!("enc");
    keys[1]["key_ops"] = json!(["sign"]);
    keys[2]["alg"] = json!("ES256");
    let settings = |algorithms: &[Algorithm]| JwtSettings {
        keys: vec![KeySource::KeySet(Secret::new(set.to_string()))],
        algorithms: algorithms.to_vec(),
        ..JwtSettings::default()
    };
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384] {
        let fault = Jwt::new(settings(&[algorithm, Algorithm::EdDsa]), clock(NOW));
        assert_eq!(fault.expect_err(algorithm.name()).field, "algorithms");
    }
    let jwt = jwt(settings(&[Algorithm::EdDsa, Algorithm::Hs256]));
    assert_eq!(jwt.keys.len(), 2, "{:?}", jwt.keys);
}
