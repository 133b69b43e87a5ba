//! What is remembered ends in time, and there is never more of it than asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::hash::Shape;

const CHEAP: Shape = Shape {
    kibibytes: 8,
    passes: 1,
    lanes: 1,
};

fn proofs(proofs_max: usize, keep_secs: u32) -> (Proofs, Arc<AtomicU64>) {
    let hand = Arc::new(AtomicU64::new(1_000_000));
    let clock = Clock::moved_by(Arc::clone(&hand));
    let proofs = Proofs::new(proofs_max, keep_secs, clock).expect("it is within the bounds");
    (proofs, hand)
}

#[test]
fn a_right_password_is_known_for_as_long_as_it_is_kept() {
    let (proofs, hand) = proofs(100, 60);
    let hash = PasswordHash::make(b"right", CHEAP);
    let proof = proofs.proof("ann", b"right", &hash);
    assert!(!proofs.has(&proof));
    proofs.remember(proof);
    assert!(proofs.has(&proof));
    hand.fetch_add(59_999, Ordering::Release);
    // Asking again does not keep it longer.
    proofs.remember(proof);
    assert!(proofs.has(&proof));
    hand.fetch_add(1, Ordering::Release);
    assert!(!proofs.has(&proof));
    proofs.remember(proof);
    assert!(proofs.has(&proof));
}

#[test]
fn another_user_password_or_hash_is_another_proof() {
    let (proofs, _) = proofs(100, 60);
    let hash = PasswordHash::make(b"right", CHEAP);
    let changed = PasswordHash::make(b"right", CHEAP);
    proofs.remember(proofs.proof("ann", b"right", &hash));
    for other in [
        proofs.proof("bob", b"right", &hash),
        proofs.proof("ann", b"wrong", &hash),
        proofs.proof("ann", b"right", &changed),
        proofs.proof("annr", b"ight", &hash),
    ] {
        assert!(!proofs.has(&other));
    }
}

#[test]
fn there_are_never_more_than_asked_for() {
    let (proofs, _) = proofs(160, 60);
    let hash = PasswordHash::make(b"right", CHEAP);
    let all: Vec<_> = (0..10_000)
        .map(|n| proofs.proof(&format!("user {n}"), b"right", &hash))
        .collect();
    for proof in &all {
        proofs.remember(*proof);
        assert!(proofs.has(proof), "the newest is known");
    }
    let known = all.iter().filter(|proof| proofs.has(proof)).count();
    assert_eq!(known, 160);
    assert_eq!(proofs.right.len(), 160);
}

#[test]
fn nothing_is_remembered_where_that_was_said() {
    for (proofs_max, keep_secs) in [(0, 60), (100, 0)] {
        let (proofs, _) = proofs(proofs_max, keep_secs);
        let proof = proofs.proof("ann", b"right", &PasswordHash::make(b"right", CHEAP));
        proofs.remember(proof);
        assert!(!proofs.has(&proof));
    }
}
