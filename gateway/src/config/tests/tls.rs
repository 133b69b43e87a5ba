//! What `[tls]` takes: budgets of handshakes, and what tickets are sealed with.

use super::*;

#[test]
fn every_key_of_tls_arrives() {
    let settings = good(include_str!("../../../tests/check/every_key.toml"), &[]);
    assert_eq!(
        settings.handshakes,
        Handshakes {
            full_per_sec: 1_000,
            resumed_per_sec: 3_000,
        }
    );
    assert_eq!(
        settings.tickets,
        TicketKeys {
            secret: Some(Token("0123456789abcdef0123456789abcdef".to_owned())),
            rotation_secs: 3_600,
        }
    );
}

#[test]
fn a_ticket_secret_that_can_be_guessed_is_refused_and_not_repeated() {
    let said = faults("[tls]\nticket_secret = \"xyzzy\"\n", &[]);
    assert_eq!(
        said,
        [
            "2: [tls].ticket_secret: has 5 bytes of at least 32; let `openssl rand -hex 32` make \
             one, the same for all your gateways"
        ]
    );
}
