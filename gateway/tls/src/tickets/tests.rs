//! Tickets age by the clock they are given, and hold only where they were issued.

use super::*;
use crate::limits::TICKET_ROTATION_SECS;

const ROTATION_SECS: u64 = 100;
const START_SECS: u64 = 1_000_000;

fn tickets(clock: &Arc<Clock>) -> Tickets {
    Tickets::from_secret(&[7; 32], ROTATION_SECS, clock.clone()).expect("it is long enough")
}

fn bound(tickets: Tickets, trust: u8) -> Bound {
    Bound {
        tickets: Arc::new(tickets),
        trust: [trust; 32],
    }
}

#[test]
fn a_ticket_opens_in_its_epoch_and_the_next_and_in_no_other() {
    let clock = Arc::new(Clock::at(START_SECS));
    let tickets = bound(tickets(&clock), 1);
    let ticket = tickets.encrypt(b"session").expect("it seals");
    for (after_secs, opens) in [
        (0, true),
        (99, true),
        (100, true),
        (199, true),
        (200, false),
    ] {
        clock.set(START_SECS + after_secs);
        assert_eq!(
            tickets.decrypt(&ticket).is_some(),
            opens,
            "{after_secs} s later"
        );
    }
    clock.set(START_SECS - 1);
    assert_eq!(tickets.decrypt(&ticket), None, "a ticket from the future");
    clock.set(START_SECS);
    assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
}

#[test]
fn processes_with_one_secret_open_each_others_tickets() {
    let clock = Arc::new(Clock::at(START_SECS));
    let (one, other) = (bound(tickets(&clock), 1), bound(tickets(&clock), 1));
    let ticket = one.encrypt(b"session").expect("it seals");
    assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    let stranger = bound(
        Tickets::random(TICKET_ROTATION_SECS, clock).expect("the system has randomness"),
        1,
    );
    assert_eq!(stranger.decrypt(&ticket), None);
}

#[test]
fn a_ticket_issued_under_other_trust_does_not_open() {
    let clock = Arc::new(Clock::at(START_SECS));
    let (asks_nobody, asks) = (bound(tickets(&clock), 1), bound(tickets(&clock), 2));
    let ticket = asks_nobody.encrypt(b"session").expect("it seals");
    assert_eq!(asks.decrypt(&ticket), None);
}

#[test]
fn no_flipped_bit_and_no_cut_ticket_opens() {
    let clock = Arc::new(Clock::at(START_SECS));
    let tickets = bound(tickets(&clock), 1);
    let ticket = tickets.encrypt(b"session").expect("it seals");
    assert!(tickets.decrypt(&ticket).is_some());
    for bit in 0..8 * ticket.len() {
        let mut forged = ticket.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(tickets.decrypt(&forged), None, "bit {bit}");
    }
    for length in 0..ticket.len() {
        assert_eq!(tickets.decrypt(&ticket[..length]), None, "{length} bytes");
    }
}

#[test]
fn no_two_tickets_are_alike() {
    let clock = Arc::new(Clock::at(START_SECS));
    let tickets = bound(tickets(&clock), 1);
    assert_ne!(tickets.encrypt(b"session"), tickets.encrypt(b"session"));
}

#[test]
fn no_more_than_two_keys_are_kept() {
    let clock = Arc::new(Clock::at(START_SECS));
    let tickets = bound(tickets(&clock), 1);
    for epoch in 0..10 {
        clock.set(START_SECS + epoch * ROTATION_SECS);
        let ticket = tickets.encrypt(b"session").expect("it seals");
        assert!(tickets.decrypt(&ticket).is_some());
        assert!(tickets.tickets.keys.read().expect("nobody panicked").len() <= 2);
    }
}

#[test]
fn a_weak_secret_and_an_endless_key_are_refused_with_the_remedy() {
    let clock = Arc::new(Clock::at(START_SECS));
    let short = Tickets::from_secret(&[1; 31], 60, clock.clone()).expect_err("31 bytes");
    assert!(
        short.to_string().contains("openssl rand -hex 32"),
        "{short}"
    );
    for secs in [0, TICKET_SECS_MAX] {
        let fault = Tickets::from_secret(&[1; 32], secs, clock.clone()).expect_err("no rotation");
        assert_eq!(fault, TicketsFault::RotationOutOfBounds { secs });
    }
}
