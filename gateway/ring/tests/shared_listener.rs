//! Hazard: two rings with clones of one listener, where nobody accepts any more, or both do.

mod support;

use std::net::TcpListener;

use support::{assert_silent, client, options, ring};
use tributary_ring::Ring;

#[test]
fn the_ring_that_is_told_so_accepts_and_the_other_one_leaves_it_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut rings: [Ring<()>; 2] = [ring(&options(16)), ring(&options(16))];
    rings[1].set_accepting(false);
    for ring in &mut rings {
        ring.listen(listener.try_clone().unwrap());
    }
    let mut peers = Vec::new();
    for turn in 0..6 {
        let (accepts, rests) = (turn % 2, 1 - turn % 2);
        rings[rests].set_accepting(false);
        // Also before the end of the last request has come back.
        rings[accepts].set_accepting(false);
        rings[accepts].set_accepting(true);
        assert_silent(&mut rings[rests]);
        peers.push(client(addr));
        support::accepted(&mut rings[accepts]);
        assert_silent(&mut rings[rests]);
    }
    let accepted = rings.each_ref().map(|ring| ring.stats().accepted);
    assert_eq!(accepted, [3, 3]);
    for ring in &mut rings {
        assert_eq!(ring.stats().accept_refused, 0);
        ring.stop_accepting();
        assert_silent(ring);
    }
    drop(listener);
    assert!(!tributary_ring::port_is_taken(addr).unwrap());
}
