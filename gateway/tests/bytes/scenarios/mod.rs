//! Short plays of a few clients: what a client of another make will rely on.

mod delivery;
mod exactly_once;
mod expiry;
mod flow;
mod matching;
mod options;
mod resume;
mod retained;
mod session;
mod shared;
mod will;
mod will_delay;

use crate::case::version_name;
use crate::connect::Connect;
use crate::harness::Trial;
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

/// What a play is about, in which versions, and the play itself.
type Play = (&'static str, &'static str, &'static [u8], fn(&Target, u8));

const ALL: &[u8] = &[V31, V311, V5];
const OASIS: &[u8] = &[V311, V5];
const ONLY_5: &[u8] = &[V5];

/// Names a play as its function, which is a sentence.
macro_rules! plays {
    ($($versions:ident $spec:literal $play:ident,)*) => {
        pub(super) const PLAYS: &[super::Play] = &[
            $((stringify!($play), $spec, super::$versions, $play),)*
        ];
    };
}
use plays;

pub(crate) fn all() -> impl Iterator<Item = Trial> {
    let modules = [
        ("delivery", delivery::PLAYS),
        ("exactly_once", exactly_once::PLAYS),
        ("expiry", expiry::PLAYS),
        ("flow", flow::PLAYS),
        ("matching", matching::PLAYS),
        ("options", options::PLAYS),
        ("resume", resume::PLAYS),
        ("retained", retained::PLAYS),
        ("session", session::PLAYS),
        ("shared", shared::PLAYS),
        ("will", will::PLAYS),
        ("will_delay", will_delay::PLAYS),
    ];
    modules.into_iter().flat_map(|(module, plays)| {
        plays.iter().flat_map(move |&(name, spec, versions, play)| {
            versions.iter().map(move |&version| Trial {
                name: format!("{}::{module}::{name}", version_name(version)),
                spec,
                run: Box::new(move |target| {
                    play(target, version);
                    Ok(())
                }),
            })
        })
    })
}

/// Two clients with clean sessions.
fn two(target: &Target, version: u8) -> (Peer, Peer) {
    let join = |what| Peer::join(target, version, &target.unique(what));
    (join("one"), join("two"))
}

/// Lets at least so many seconds pass by the server's own clock: a client falls silent and is
/// thrown out after one and a half keep-alives [MQTT-3.1.2-22].
fn pass_secs(target: &Target, secs: u16) {
    let mut silent = Connect::new(V311, &target.unique("silent"));
    silent.keep_alive_secs = secs;
    let (mut silent, _) = Peer::open(target, &silent);
    silent.expect_end(&[]);
}

/// A property with a value of four bytes.
fn secs(id: u8, secs: u32) -> Vec<u8> {
    [&[id][..], &secs.to_be_bytes()].concat()
}
