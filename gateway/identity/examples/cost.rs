//! What does one answer cost? CPU of the process per question, thread hop and all.
//!
//! `cargo run --release -p tributary-identity --example cost`

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustix::time::{ClockId, clock_gettime};
use tributary_identity::hash::{PasswordHash, Shape};
use tributary_identity::jwt::{Algorithm, KeySource};
use tributary_identity::proofs::Proofs;
use tributary_identity::users::Users;
use tributary_identity::{
    Chain, ChainSettings, Clock, Doorkeeper, Jwt, JwtSettings, Method, Password, Question, Secret,
    Service, ServiceSettings, Verdict,
};

const SECRET: &[u8; 32] = b"a secret of thirty-two bytes !!!";

fn main() {
    let (doorkeeper, _service) = Service::start(ServiceSettings::default()).expect("it starts");
    let hash = PasswordHash::make(b"right", Shape::default());
    let forgetful = users(&hash, 0);
    println!(
        "argon2id, m=19456 t=2 p=1   {:>10.1} us",
        ask(&doorkeeper, &forgetful, "right", 50)
    );
    println!(
        "the same, wrong password    {:>10.1} us",
        ask(&doorkeeper, &forgetful, "wrong", 50)
    );
    let keeping = users(&hash, 1_024);
    ask(&doorkeeper, &keeping, "right", 1);
    let cost = ask(&doorkeeper, &keeping, "right", 20_000);
    println!("remembered, by the service  {cost:>10.1} us");
    println!(
        "remembered, at once         {:>10.2} us",
        at_once(&keeping, "right", 200_000)
    );
    for (algorithm, key, token) in tokens() {
        let settings = JwtSettings {
            keys: vec![key],
            algorithms: vec![algorithm],
            ..JwtSettings::default()
        };
        let jwt = Jwt::new(settings, Clock::system()).expect("the settings are right");
        let chain = chain(Method::Jwt(Arc::new(jwt)));
        let cost = ask(&doorkeeper, &chain, &token, 5_000);
        println!("token, {algorithm:<8}             {cost:>10.1} us");
    }
}

fn users(hash: &PasswordHash, proofs_max: usize) -> Arc<Chain> {
    let proofs = Proofs::new(proofs_max, 3_600, Clock::system()).expect("within the bounds");
    let users = Users::read(&format!("ann:{hash}"), &Arc::new(proofs)).expect("it is right");
    chain(Method::Users(Arc::new(users)))
}

fn chain(method: Method) -> Arc<Chain> {
    Arc::new(Chain::new(ChainSettings {
        methods: vec![method],
        client_id: None,
    }))
}

fn question(password: &str) -> Box<Question> {
    Box::new(Question {
        listener: "mqtt".into(),
        client_id: "c".into(),
        user: Some("ann".into()),
        password: Some(Password::new(password.as_bytes().into())),
        address: None,
        certificate: None,
    })
}

/// Microseconds of CPU per question that a worker answers.
fn ask(doorkeeper: &Doorkeeper, chain: &Arc<Chain>, password: &str, count: u32) -> f64 {
    let (told, heard) = channel();
    let begin = cpu();
    for _ in 0..count {
        let told = told.clone();
        let answer = Box::new(move |verdict| told.send(verdict).expect("it listens"));
        doorkeeper
            .ask(chain, question(password), answer)
            .expect("there is room");
        let verdict = heard.recv().expect("an answer comes");
        let is_allowed = matches!(verdict, Verdict::Allowed(_));
        assert_eq!(is_allowed, password != "wrong", "{verdict:?}");
    }
    (cpu() - begin).as_secs_f64() * 1e6 / f64::from(count)
}

fn at_once(chain: &Chain, password: &str, count: u32) -> f64 {
    let question = question(password);
    let begin = cpu();
    for _ in 0..count {
        let verdict = std::hint::black_box(chain.quick(&question));
        assert!(matches!(verdict, Some(Verdict::Allowed(_))));
    }
    (cpu() - begin).as_secs_f64() * 1e6 / f64::from(count)
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

fn tokens() -> Vec<(Algorithm, KeySource, String)> {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(rsa::KeySize::Rsa2048).expect("a key can be made");
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let p256 = p256.expect("a key can be made");
    let ed25519 = Ed25519KeyPair::generate().expect("a key can be made");
    let by_secret = |text: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        hmac::sign(&key, text).as_ref().to_vec()
    };
    let by_rsa = |text: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        let signed = rsa.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature);
        signed.expect("it can be signed");
        signature
    };
    let by_p256 = |text: &[u8]| {
        p256.sign(&random, text)
            .expect("it can be signed")
            .as_ref()
            .to_vec()
    };
    let by_ed25519 = |text: &[u8]| ed25519.sign(text).as_ref().to_vec();
    let rsa_der = rsa.public_key().as_der().expect("it can be written");
    let p256_der = p256.public_key().as_der().expect("it can be written");
    let ed25519_der = ed25519.public_key().as_der().expect("it can be written");
    vec![
        (
            Algorithm::Hs256,
            KeySource::Secret(Secret::new(*SECRET)),
            token(Algorithm::Hs256, by_secret),
        ),
        (
            Algorithm::Rs256,
            pem(rsa_der.as_ref()),
            token(Algorithm::Rs256, by_rsa),
        ),
        (
            Algorithm::Es256,
            pem(p256_der.as_ref()),
            token(Algorithm::Es256, by_p256),
        ),
        (
            Algorithm::EdDsa,
            pem(ed25519_der.as_ref()),
            token(Algorithm::EdDsa, by_ed25519),
        ),
    ]
}

fn token(algorithm: Algorithm, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{algorithm}\"}}"));
    let claims = URL_SAFE_NO_PAD.encode("{\"sub\":\"ann\",\"exp\":4102444800}");
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn pem(der: &[u8]) -> KeySource {
    let text = STANDARD.encode(der);
    KeySource::Pem(format!(
        "-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"
    ))
}
