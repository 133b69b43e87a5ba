//! Every way to be refused, in the first message, in the last, and before there is any.

use super::super::{CLIENT_FINAL_BYTES_MAX, CLIENT_FIRST_BYTES_MAX, ITERATIONS_MIN};
use super::client::{Client, field};
use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tributary_proto::reason::Reason;

fn garbled(field: &'static str) -> Refusal {
    Refusal::Garbled { field }
}

#[test]
fn a_first_message_that_breaks_a_rule_is_refused_by_its_name() {
    let users = users(&[("sensor", "pw")]);
    let cases: &[(&[u8], Refusal)] = &[
        (b"", garbled("header")),
        (b"n", garbled("header")),
        (b"n,", garbled("header")),
        (b"x,,n=sensor,r=abc", garbled("header")),
        (b"N,,n=sensor,r=abc", garbled("header")),
        (b"n=sensor,r=abc", garbled("header")),
        (b"p=tls-unique,,n=sensor,r=abc", Refusal::ChannelBinding),
        (b"p=tls-exporter,,n=sensor,r=abc", Refusal::ChannelBinding),
        (b"n,,m=must,n=sensor,r=abc", Refusal::Extension),
        (b"n,a=other,n=sensor,r=abc", Refusal::Authzid),
        (b"n,a=,n=sensor,r=abc", Refusal::Name),
        (b"n,sensor,n=sensor,r=abc", garbled("authzid")),
        (b"n,,", garbled("name")),
        (b"n,,sensor,r=abc", garbled("name")),
        (b"n,,r=abc,n=sensor", garbled("name")),
        (b"n,,n=,r=abc", Refusal::Name),
        (b"n,,n=\xC2\xAD,r=abc", Refusal::Name),
        (b"n,,n=\x07,r=abc", Refusal::Name),
        (b"n,,n=sen\0sor,r=abc", Refusal::Name),
        (b"n,,n=a=b,r=abc", garbled("name")),
        (b"n,,n=a=2cb,r=abc", garbled("name")),
        (b"n,,n=a=,r=abc", garbled("name")),
        (b"n,,n=sensor", garbled("nonce")),
        (b"n,,n=sensor,r=", garbled("nonce")),
        (b"n,,n=sensor,x=1,r=abc", garbled("nonce")),
        (b"n,,n=sensor,r=a b", garbled("nonce")),
        (b"n,,n=sensor,r=a\x7Fb", garbled("nonce")),
        ("n,,n=sensor,r=ä".as_bytes(), garbled("nonce")),
        (b"n,,n=sensor,r=abc,", garbled("extension")),
        (b"n,,n=sensor,r=abc,x", garbled("extension")),
        (b"n,,n=sensor,r=abc,1=x", garbled("extension")),
        (b"n,,n=sens\xFFor,r=abc", garbled("text")),
    ];
    for (message, wanted) in cases {
        let text = String::from_utf8_lossy(message);
        assert_eq!(refusal(&users, message), *wanted, "{text:?}");
    }
}

#[test]
fn a_first_message_beyond_its_bounds_is_refused() {
    let users = users(&[("sensor", "pw")]);
    let long = [b'x'; CLIENT_FIRST_BYTES_MAX + 1];
    assert_eq!(refusal(&users, &long), Refusal::TooLong);
    let nonce = "r".repeat(257);
    let message = format!("n,,n=sensor,r={nonce}");
    assert_eq!(refusal(&users, message.as_bytes()), garbled("nonce"));
    let message = format!("n,,n=sensor,r={}", &nonce[..256]);
    begin(&users, &message);
}

#[test]
fn the_longest_name_as_itself_and_the_longest_nonce_fit_both_messages() {
    let name = ",".repeat(255);
    let users = users(&[(&name, "pw")]);
    let escaped = name.replace(',', "=2C");
    let first = format!("n,a={escaped},n={escaped},r={}", "r".repeat(256));
    let (server_first, exchange) = begin(&users, &first);
    let header = base64(format!("n,a={escaped},").as_bytes());
    let nonce = field(&server_first, "r=");
    let last = format!("c={header},r={nonce},p={}", base64(&[7; 32]));
    // All of it is understood, and only the proof is wrong.
    assert_eq!(exchange.finish(last.as_bytes()), Err(Refusal::Proof));
}

#[test]
fn a_last_message_that_breaks_a_rule_is_refused_by_its_name() {
    let users = users(&[("sensor", "pw")]);
    let client = Client::new("sensor", "pw");
    let proof = base64(&[7; 32]);
    let short = base64(&[7; 31]);
    let cases: &[(String, Refusal)] = &[
        ("".into(), garbled("proof")),
        ("c=biws,r=NONCE".into(), garbled("proof")),
        ("c=biws,r=NONCE,p=".into(), garbled("proof")),
        ("c=biws,r=NONCE,p=*".into(), garbled("proof")),
        (format!("c=biws,r=NONCE,p={short}"), garbled("proof")),
        (format!("c=biws,r=NONCE,p={proof},x=1"), garbled("proof")),
        (format!("r=NONCE,p={proof}"), garbled("channel binding")),
        (format!("c=biws,p={proof}"), garbled("nonce")),
        (
            format!("r=NONCE,c=biws,p={proof}"),
            garbled("channel binding"),
        ),
        (format!("c=biws,r=NONCE,x,p={proof}"), garbled("extension")),
        // `y,,` although client-first said `n,,`.
        (format!("c=eSws,r=NONCE,p={proof}"), Refusal::Header),
        (format!("c=,r=NONCE,p={proof}"), Refusal::Header),
        (format!("c=biws,r=NONCE0,p={proof}"), Refusal::Nonce),
        (format!("c=biws,r=,p={proof}"), Refusal::Nonce),
        (format!("c=biws,r=NONCE,p={proof}"), Refusal::Proof),
        (
            format!("c={}", "x".repeat(CLIENT_FINAL_BYTES_MAX)),
            Refusal::TooLong,
        ),
    ];
    for (template, wanted) in cases {
        let (server_first, exchange) = begin(&users, &client.first());
        let message = template.replace("NONCE", field(&server_first, "r="));
        assert_eq!(
            exchange.finish(message.as_bytes()),
            Err(*wanted),
            "{template}"
        );
    }
    let (_, exchange) = begin(&users, &client.first());
    assert_eq!(exchange.finish(&[0xFF]), Err(garbled("text")));
}

#[test]
fn the_clients_own_nonce_alone_is_no_proof_of_being_there() {
    let users = users(&[("sensor", "pw")]);
    let client = Client::new("sensor", "pw");
    let (first, _) = begin(&users, &client.first());
    let (_, exchange) = begin(&users, &client.first());
    // A last message that was right in an earlier exchange.
    let replayed = client.last(&first);
    assert_eq!(exchange.finish(replayed.as_bytes()), Err(Refusal::Nonce));
}

#[test]
fn a_wrong_password_is_refused_and_the_peer_learns_nothing_more() {
    let users = users(&[("sensor", "pw")]);
    let refused = run(&users, &Client::new("sensor", "wrong"));
    assert_eq!(refused, Err(Refusal::Proof));
    let all = [
        Refusal::TooLong,
        garbled("name"),
        Refusal::ChannelBinding,
        Refusal::Extension,
        Refusal::Authzid,
        Refusal::Name,
        Refusal::Header,
        Refusal::Nonce,
        Refusal::Proof,
    ];
    for refusal in all {
        assert_eq!(refusal.reason(), Reason::NotAuthorized);
    }
}

#[test]
fn a_proof_with_any_one_bit_wrong_is_refused() {
    let users = users(&[("sensor", "pw")]);
    let client = Client::new("sensor", "pw");
    // One nonce for all, so that one proof is right for all: deriving it is slow by design.
    let begin = || match Exchange::begin(&users, client.first().as_bytes(), "ours") {
        Step::Continue {
            server_first,
            exchange,
        } => (server_first, exchange),
        Step::Refused(refusal) => panic!("{refusal}"),
    };
    let server_first = String::from_utf8(begin().0).expect("SCRAM is text");
    let last = client.last(&server_first);
    let (without, proof) = last.rsplit_once(",p=").expect("a proof");
    let proof = STANDARD.decode(proof).expect("base64");
    assert!(begin().1.finish(last.as_bytes()).is_ok());
    for bit in 0..256 {
        let mut proof = proof.clone();
        proof[bit / 8] ^= 1 << (bit % 8);
        let spoilt = format!("{without},p={}", base64(&proof));
        let refused = begin().1.finish(spoilt.as_bytes());
        assert_eq!(refused, Err(Refusal::Proof), "bit {bit}");
    }
}

#[test]
fn users_that_cannot_be_are_told_at_start_with_their_name() {
    let keys = |salt_bytes, iterations| Credential::Keys {
        salt: vec![1; salt_bytes],
        iterations,
        stored_key: [2; 32],
        server_key: [3; 32],
    };
    let password = |text: &str| Credential::Password(text.to_owned());
    let cases = [
        ("", password("pw"), "SASLprep"),
        ("\u{7}", password("pw"), "SASLprep"),
        ("sensor", password(""), "password"),
        ("sensor", password("\u{7}"), "password"),
        ("sensor", keys(16, ITERATIONS_MIN - 1), "iterations"),
        ("sensor", keys(7, ITERATIONS_MIN), "salt"),
        ("sensor", keys(65, ITERATIONS_MIN), "salt"),
    ];
    for (name, credential, word) in cases {
        let name = name.to_owned();
        let fault = Users::new(vec![ScramUser {
            name: name.clone(),
            credential,
        }]);
        let fault = fault.expect_err(word);
        assert_eq!(fault.name, name);
        assert!(fault.to_string().contains(word), "{fault}");
    }
    let long = Users::new(vec![user(&"x".repeat(256), "pw")]);
    assert!(long.expect_err("too long").what.contains("255"));
    // The soft hyphen goes, and what is left is the same name.
    let twice = Users::new(vec![user("IX", "one"), user("I\u{AD}X", "two")]);
    assert!(twice.expect_err("one name").what.contains("twice"));
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
