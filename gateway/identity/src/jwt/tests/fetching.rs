//! Keys behind a URL come, change, and stay while the URL is down.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::*;

/// Serves one text at a time, or an error where there is none, and counts who asks.
struct Site {
    url: String,
    text: Arc<Mutex<Option<String>>>,
    requests: Arc<AtomicUsize>,
}

impl Site {
    fn new(text: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let url = format!(
            "http://{}/keys",
            listener.local_addr().expect("it has an address")
        );
        let text = Arc::new(Mutex::new(text));
        let requests = Arc::new(AtomicUsize::new(0));
        let (shown, counted) = (Arc::clone(&text), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client comes");
                let mut reader = BufReader::new(stream.try_clone().expect("it can be cloned"));
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if reader.read_line(&mut head).expect("it speaks") == 0 {
                        break;
                    }
                }
                assert!(head.starts_with("GET /keys HTTP/1.1\r\n"), "{head}");
                counted.fetch_add(1, Ordering::AcqRel);
                let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let (status, text) = shown.map_or(("503 X", String::new()), |text| ("200 X", text));
                let length = text.len();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
                // The client may have had enough of what is too long.
                let _ = write!(stream, "{head}connection: close\r\n\r\n{text}");
            }
        });
        Self {
            url,
            text,
            requests,
        }
    }

    fn show(&self, text: Option<String>) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }
}

/// Keys are fetched every 300 s, and never twice within 10 s.
fn by_url(site: &Site) -> (Jwt, Arc<AtomicU64>) {
    let settings = JwtSettings {
        keys: vec![KeySource::KeySetUrl(Box::new(KeySetUrl {
            endpoint: EndpointSettings {
                url: site.url.clone(),
                ..EndpointSettings::default()
            },
            refresh_secs: 300,
            retry_secs: 10,
        }))],
        algorithms: vec![Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256],
        ..JwtSettings::default()
    };
    let hand = Arc::new(AtomicU64::new(NOW * 1_000));
    let clock = Clock::moved_by(Arc::clone(&hand));
    (
        Jwt::new(settings, clock).expect("the settings are right"),
        hand,
    )
}

fn fetch(jwt: &Jwt) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it can be built").block_on(jwt.fetch());
}

/// What a question comes to: keys are fetched first where that can help.
fn answered(jwt: &Jwt, token: &str) -> Option<Refusal> {
    if jwt.lacks_keys_for(token.as_bytes()) {
        fetch(jwt);
    }
    jwt.judge(token.as_bytes(), &question(None, token)).err()
}

fn lasting() -> Value {
    json!({"sub": "ann", "exp": NOW + 100_000})
}

fn named(issuer: &Issuer, id: &str) -> String {
    let header = json!({"alg": "ES256", "kid": id});
    issuer.token_with(Algorithm::Es256, &header, &lasting())
}

#[test]
fn keys_are_fetched_when_asked_for_and_kept_while_the_url_is_down() {
    let issuer = &*ISSUER;
    let site = Site::new(None);
    let (jwt, hand) = by_url(&site);
    let token = named(issuer, "p256");
    assert_eq!(site.requests(), 0, "nobody has asked");
    assert_eq!(answered(&jwt, &token), Some(Refusal::Unavailable));
    assert_eq!(answered(&jwt, &token), Some(Refusal::Unavailable));
    assert_eq!(site.requests(), 1, "not twice within the shortest time");
    site.show(Some(issuer.key_set().to_string()));
    hand.fetch_add(10_000, Ordering::Release);
    assert_eq!(answered(&jwt, &token), None);
    hand.fetch_add(299_999, Ordering::Release);
    assert_eq!(answered(&jwt, &token), None);
    assert_eq!(site.requests(), 2, "they are fresh");
    for down in [
        None,
        Some("garbage".to_owned()),
        Some(r#"{"keys":[]}"#.to_owned()),
    ] {
        site.show(down);
        hand.fetch_add(10_001, Ordering::Release);
        assert_eq!(answered(&jwt, &token), None, "the old keys stay");
    }
    assert_eq!(site.requests(), 5);
    let huge = format!("{}{}", issuer.key_set(), " ".repeat(1 << 20));
    site.show(Some(huge.replace("p256", "other")));
    hand.fetch_add(10_001, Ordering::Release);
    assert_eq!(answered(&jwt, &token), None, "too long to be taken");
}

#[test]
fn an_unknown_key_is_looked_for_but_not_at_every_strangers_call() {
    let (issuer, stranger) = (&*ISSUER, &*STRANGER);
    let site = Site::new(Some(issuer.key_set().to_string()));
    let (jwt, hand) = by_url(&site);
    assert_eq!(answered(&jwt, &named(issuer, "p256")), None);
    assert_eq!(site.requests(), 1);
    for n in 0..50 {
        let token = named(stranger, &format!("made-up-{n}"));
        assert_eq!(answered(&jwt, &token), Some(Refusal::TokenSignature));
    }
    assert_eq!(site.requests(), 1, "within the shortest time");
    // The issuer changes its key: the first token that names it brings it.
    site.show(Some(issuer.key_set().to_string().replace("p256", "next")));
    hand.fetch_add(10_000, Ordering::Release);
    assert_eq!(
        answered(&jwt, &named(stranger, "p256")),
        Some(Refusal::TokenSignature)
    );
    assert_eq!(site.requests(), 1, "a known name is no reason");
    assert_eq!(answered(&jwt, &named(issuer, "next")), None);
    assert_eq!(site.requests(), 2);
    // What the issuer has taken back is gone.
    assert_eq!(
        answered(&jwt, &named(issuer, "p256")),
        Some(Refusal::TokenSignature)
    );
}

#[test]
fn a_secret_in_a_set_that_anybody_may_read_proves_nothing() {
    let issuer = &*ISSUER;
    let site = Site::new(Some(issuer.key_set().to_string()));
    let (jwt, _) = by_url(&site);
    fetch(&jwt);
    let token = issuer.token(Algorithm::Hs256, &lasting());
    assert_eq!(answered(&jwt, &token), Some(Refusal::TokenSignature));
    assert_eq!(
        answered(&jwt, &issuer.token(Algorithm::EdDsa, &lasting())),
        None
    );
}

#[test]
fn many_who_ask_at_once_fetch_once_and_all_have_the_keys() {
    let issuer = &*ISSUER;
    let site = Site::new(Some(issuer.key_set().to_string()));
    let (jwt, _) = by_url(&site);
    let token = named(issuer, "p256");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it can be built").block_on(async {
        let jwt = Arc::new(jwt);
        let asked: Vec<_> = (0..20)
            .map(|_| {
                let (jwt, token) = (Arc::clone(&jwt), token.clone());
                tokio::spawn(async move {
                    assert!(jwt.lacks_keys_for(token.as_bytes()));
                    jwt.fetch().await;
                    jwt.judge(token.as_bytes(), &question(None, &token)).is_ok()
                })
            })
            .collect();
        for one in asked {
            assert!(one.await.expect("it ends"));
        }
    });
    assert_eq!(site.requests(), 1);
}

#[test]
fn a_chain_fetches_keys_for_the_first_who_comes() {
    let issuer = &*ISSUER;
    let site = Site::new(Some(issuer.key_set().to_string()));
    let (jwt, _) = by_url(&site);
    let chain = crate::Chain::new(crate::ChainSettings {
        methods: vec![crate::Method::Jwt(Arc::new(jwt))],
        client_id: None,
    });
    let chain = Arc::new(chain);
    let (doorkeeper, mut service) =
        crate::Service::start(crate::ServiceSettings::default()).expect("it starts");
    let verdict = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("it can be built")
        .block_on(async {
            let (told, heard) = tokio::sync::oneshot::channel();
            let question = Box::new(question(None, &named(issuer, "p256")));
            assert_eq!(chain.quick(&question), None);
            let answer = Box::new(move |verdict| told.send(verdict).expect("it listens"));
            doorkeeper
                .ask(&chain, question, answer)
                .expect("there is room");
            tokio::select! {
                verdict = heard => verdict.expect("an answer comes"),
                () = service.run() => panic!("it never ends by itself"),
            }
        });
    assert!(matches!(verdict, crate::Verdict::Allowed(_)), "{verdict:?}");
}
