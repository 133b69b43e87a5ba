//! The exchange against the RFC's own example, a client written from the RFC, and every way to be
//! refused.

mod client;
mod refused;
mod strangers;

use super::{Credential, Exchange, Finished, Refusal, ScramUser, Step, Users, fresh_nonce};
use client::Client;

fn user(name: &str, password: &str) -> ScramUser {
    ScramUser {
        name: name.to_owned(),
        credential: Credential::Password(password.to_owned()),
    }
}

fn users(list: &[(&str, &str)]) -> Users {
    let list = list.iter().map(|(name, password)| user(name, password));
    Users::new(list.collect()).expect("all are fine")
}

fn begin(users: &Users, client_first: &str) -> (String, Box<Exchange>) {
    match Exchange::begin(users, client_first.as_bytes(), &fresh_nonce()) {
        Step::Continue {
            server_first,
            exchange,
        } => (
            String::from_utf8(server_first).expect("SCRAM is text"),
            exchange,
        ),
        Step::Refused(refusal) => panic!("{client_first}: {refusal}"),
    }
}

fn refusal(users: &Users, client_first: &[u8]) -> Refusal {
    match Exchange::begin(users, client_first, &fresh_nonce()) {
        Step::Refused(refusal) => refusal,
        Step::Continue { .. } => panic!("{:?} is taken", String::from_utf8_lossy(client_first)),
    }
}

/// The whole exchange with a client that does everything right but, perhaps, the password.
fn run(users: &Users, client: &Client) -> Result<Finished, Refusal> {
    let (server_first, exchange) = begin(users, &client.first());
    exchange.finish(client.last(&server_first).as_bytes())
}

#[test]
fn the_example_of_rfc_7677_comes_out_byte_for_byte() {
    let salt = [
        0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa,
        0x81,
    ];
    let credential = Credential::from_password("pencil", &salt, 4096).expect("it is plain ASCII");
    let name = "user".to_owned();
    let users = Users::new(vec![ScramUser { name, credential }]).expect("one plain user");
    let begun = Exchange::begin(
        &users,
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    );
    let Step::Continue {
        server_first,
        exchange,
    } = begun
    else {
        panic!("the example begins: {begun:?}");
    };
    let wanted = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                  s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(String::from_utf8(server_first), Ok(wanted.to_owned()));
    let finished = exchange.finish(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
          p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    );
    let finished = finished.expect("the example ends well");
    assert_eq!(
        finished.server_final,
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
    assert_eq!(&*finished.user, "user");
}

#[test]
fn a_client_and_the_server_convince_each_other() {
    let users = users(&[("sensor", "s3cret"), ("pump", "other")]);
    for (name, password) in [("sensor", "s3cret"), ("pump", "other")] {
        let client = Client::new(name, password);
        let (server_first, exchange) = begin(&users, &client.first());
        let last = client.last(&server_first);
        let finished = exchange
            .finish(last.as_bytes())
            .expect("the password is right");
        let wanted = client.server_final(&server_first);
        assert_eq!(String::from_utf8(finished.server_final), Ok(wanted));
        assert_eq!(&*finished.user, name);
    }
}

#[test]
fn commas_and_equals_signs_in_a_name_are_escaped() {
    let users = users(&[("a,b=c", "pw")]);
    let client = Client::new("a=2Cb=3Dc", "pw");
    assert_eq!(&*run(&users, &client).expect("escaped right").user, "a,b=c");
}

#[test]
fn a_client_that_could_bind_the_channel_but_sees_that_we_cannot_is_let_in() {
    let users = users(&[("sensor", "pw")]);
    let client = Client::new("sensor", "pw").header("y,,");
    assert!(run(&users, &client).is_ok());
}

#[test]
fn acting_as_oneself_is_allowed() {
    let users = users(&[("a,b", "pw")]);
    let client = Client::new("a=2Cb", "pw").header("n,a=a=2Cb,");
    assert!(run(&users, &client).is_ok());
}

#[test]
fn extensions_that_need_not_be_understood_are_signed_and_passed_over() {
    let users = users(&[("sensor", "pw")]);
    let client = Client::new("sensor", "pw").extensions(",x=1,y=2=3");
    assert!(run(&users, &client).is_ok());
}

#[test]
fn names_and_passwords_are_compared_as_saslprep_says() {
    // RFC 4013, section 3: the soft hyphen goes, and the ordinal indicator becomes an a.
    let users = users(&[("I\u{AD}X", "p\u{AA}ss")]);
    for (name, password) in [("IX", "pass"), ("I\u{AD}X", "pass")] {
        let client = Client::new(name, password);
        assert_eq!(&*run(&users, &client).expect("prepared alike").user, "IX");
    }
}

#[test]
fn two_exchanges_have_two_nonces_and_the_clients_stands_in_front() {
    let users = users(&[("sensor", "pw")]);
    let client = Client::new("sensor", "pw");
    let (first, _) = begin(&users, &client.first());
    let (second, _) = begin(&users, &client.first());
    assert_ne!(first, second);
    for said in [first, second] {
        assert!(said.starts_with(&format!("r={}", client::NONCE)), "{said}");
    }
}

#[test]
fn secrets_do_not_show_in_debug() {
    let user = user("sensor", "s3cret");
    assert!(!format!("{user:?}").contains("s3cret"));
    let users = Users::new(vec![user]).expect("one plain user");
    assert_eq!(format!("{users:?}"), "Users(1)");
    let (_, exchange) = begin(&users, "n,,n=sensor,r=abc");
    assert_eq!(format!("{exchange:?}"), "Exchange(\"sensor\")");
}
