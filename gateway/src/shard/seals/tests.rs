//! Seals by themselves: what they cost, whom they belong to, and how many may be half open.

use tributary_ring::Conn;
use tributary_tls::lean::Lean;

use super::*;

fn socket(slot: u32) -> Socket {
    Socket {
        ring: 1,
        conn: Conn {
            slot,
            generation: 1,
        },
    }
}

/// A socket whose handshake counts as begun.
fn wait_for_handshake(seals: &mut Seals, slot: u32, deadline_tick: u32) {
    seals.begin(socket(slot));
    seals.open_half(socket(slot), deadline_tick);
}

#[test]
fn an_idle_client_costs_four_bytes_beside_its_secrets() {
    assert_eq!(size_of::<Option<Packed>>(), 4);
    assert_eq!(size_of::<Lean<32>>(), 80);
    assert_eq!(size_of::<Lean<48>>(), 112);
}

#[test]
fn a_seal_is_what_it_was_when_it_is_unpacked() {
    let most = (1 << 29) - 1;
    let numbered = [0, 1, 77, most].into_iter().flat_map(|number| {
        [Seal::Begun, Seal::Lean, Seal::LeanWide, Seal::Rustls].map(|kind| kind(number))
    });
    for seal in [Seal::Absent, Seal::Awaited, Seal::Over]
        .into_iter()
        .chain(numbered)
    {
        assert_eq!(seal.pack().seal(), seal);
    }
    assert_eq!(Packed::default().seal(), Seal::default());
}

#[test]
fn where_nobody_takes_tls_there_is_no_table_and_words_go_as_they_are() {
    let mut seals = Seals::default();
    let words = seals.seal(socket(5), b"words".to_vec(), &mut Spares::default());
    assert_eq!(words.as_deref(), Ok(&b"words"[..]));
    assert!(seals.slots.is_empty() && !seals.is_sealed(socket(5)));
    assert!(seals.take(socket(5)).is_none());
}

#[test]
fn nothing_is_ever_said_in_the_clear_to_whoever_came_for_tls() {
    let (mut seals, mut spares) = (Seals::default(), Spares::default());
    for seal in [Seal::Awaited, Seal::Over] {
        seals.put(socket(5), seal);
        assert_eq!(
            seals.seal(socket(5), b"words".to_vec(), &mut spares),
            Err(Spent)
        );
        let last = seals.seal_last_words(socket(5), b"words".to_vec(), true, &mut spares);
        assert_eq!(last, (Vec::new(), false));
    }
}

#[test]
fn an_alert_goes_out_although_nothing_can_be_sealed_any_more() {
    let (mut seals, mut spares) = (Seals::default(), Spares::default());
    seals.put(socket(5), Seal::Over);
    seals.owe(socket(5), b"alert".to_vec());
    assert_eq!(
        seals.seal(socket(5), b"words".to_vec(), &mut spares),
        Err(Spent)
    );
    let last = seals.seal_last_words(socket(5), Vec::new(), false, &mut spares);
    assert_eq!(last, (b"alert".to_vec(), true));
    assert!(!seals.owes(socket(5)));
}

#[test]
fn a_socket_that_is_gone_leaves_nothing_behind() {
    let mut seals = Seals::default();
    seals.begin(socket(5));
    seals.owe(socket(5), vec![1]);
    seals.put_cut(socket(5), vec![2]);
    assert!(seals.take(socket(5)).is_none());
    assert!(seals.owed.is_empty() && seals.cut.is_empty() && seals.slots.is_empty());
    assert!(seals.kept.is_empty());
}

#[test]
fn handshakes_are_late_by_their_own_deadline_and_make_room_by_their_age() {
    let mut seals = Seals::default();
    for (slot, deadline_tick) in [(1, 30), (2, 10), (3, 20)] {
        wait_for_handshake(&mut seals, slot, deadline_tick);
    }
    assert_eq!(seals.overdue(9), []);
    assert_eq!(seals.overdue(20), [socket(2), socket(3)]);
    wait_for_handshake(&mut seals, 4, 5);
    assert_eq!(seals.pop_half_open(), Some(socket(1)));
    assert_eq!(seals.half_open_count(), 1);
}
