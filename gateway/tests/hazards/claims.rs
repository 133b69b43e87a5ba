//! Whose a session is after a restart: the store remembers it, and nobody else comes to it.

use crate::support::client::Client;
use crate::support::doorway::*;
use crate::support::gateway::{Gateway, Launch};
use crate::support::property::*;
use crate::support::wire::*;
use std::path::PathBuf;

const BAD_OWNER: [(u8, u8); 2] = [(V5, 0x87), (V311, 5)];
const ANN: (Option<&str>, Option<&str>) = (Some("ann"), Some("pencil"));
const BOB: (Option<&str>, Option<&str>) = (Some("bob"), Some("other"));
const NOBODY: (Option<&str>, Option<&str>) = (None, None);

/// A store in a folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("claims-{}-{name}", std::process::id());
        Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// A gateway with a listener that asks and one that does not, over this folder.
    fn start(&self, users: &Users) -> Gateway {
        let asking =
            "[listen.asking]\naddress = \"127.0.0.1:0\"\nauth = [\"users\", \"anonymous\"]\n";
        self.start_with(&format!("{asking}{}", users.section()))
    }

    fn start_with(&self, text: &str) -> Gateway {
        let path = self.0.display().to_string();
        let text = format!(
            "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n{text}\
             [store]\nkind = \"local\"\npath = {path:?}\n{NULL_ROUTE}"
        );
        Launch::default().listeners(&text).shards(2).start()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Comes for a session; what it is told, and whether the session was there.
fn come(
    gateway: &Gateway,
    listener: &str,
    version: u8,
    id: &str,
    (user, password): (Option<&str>, Option<&str>),
) -> (u8, bool) {
    let expiry = four(SESSION_EXPIRY, 600);
    let connect = Connect {
        clean: false,
        properties: if version == V5 { &expiry } else { &[] },
        ..shown(version, id, user, password)
    };
    let mut client = Client::dial(gateway.listener(listener), version);
    client.send(&connect.encode());
    let connack = client.expect(CONNACK);
    if connack.reason() == 0 {
        // A SUBACK waits for the disk, and so for what its shard has written before.
        client.subscribe("on/disk", 0);
        client.leave(0, &[]);
    }
    (connack.reason(), connack.body[0] & 1 == 1)
}

#[test]
fn a_session_on_disk_is_its_users_after_a_restart_as_before() {
    let folder = Folder::new("users");
    let users = Users::of(&[("ann", "pencil"), ("bob", "other")]);
    // Whose it is, and who tries in vain.
    let cases = [
        ("of-ann", ANN, [BOB, NOBODY]),
        ("of-nobody", NOBODY, [ANN, BOB]),
    ];
    for restarts in 0..3 {
        let gateway = folder.start(&users);
        for (version, refusal) in BAD_OWNER {
            for (id, owner, others) in cases {
                let id = format!("{id}-{version}");
                let come = |who| come(&gateway, "asking", version, &id, who);
                if restarts == 0 {
                    assert_eq!(come(owner), (0, false), "{id}");
                }
                for other in others {
                    assert_eq!(come(other), (refusal, false), "{id} {restarts} {other:?}");
                }
                // Only a second restart finds what a client that came back has left.
                if restarts != 1 {
                    assert_eq!(come(owner), (0, true), "{id} {restarts}");
                }
            }
        }
        let refused = gateway.metrics().sum("tributary_takeovers_refused_total");
        assert_eq!(refused, 8.0);
        gateway.wait_for_connections(0);
        gateway.kill();
    }
}

#[test]
fn beside_a_listener_that_asks_an_unproven_name_counts_after_a_restart_as_before() {
    let folder = Folder::new("unproven");
    let users = Users::of(&[("ann", "pencil"), ("bob", "other")]);
    for restarts in 0..2 {
        let gateway = folder.start(&users);
        let come = |listener, who| come(&gateway, listener, V5, "c", who);
        if restarts == 0 {
            assert_eq!(come("mqtt", ANN), (0, false));
        }
        assert_eq!(come("asking", BOB), (0x87, false), "{restarts}");
        assert_eq!(come("mqtt", NOBODY), (0x87, false), "{restarts}");
        assert_eq!(come("asking", ANN), (0, true), "{restarts}");
        gateway.wait_for_connections(0);
        gateway.kill();
    }
}

#[test]
fn where_nobody_was_asked_the_first_who_is_asked_has_the_session() {
    let folder = Folder::new("first");
    let users = Users::of(&[("ann", "pencil"), ("bob", "other")]);
    let gateway = folder.start_with("");
    assert_eq!(come(&gateway, "mqtt", V5, "c", BOB), (0, false));
    assert_eq!(come(&gateway, "mqtt", V5, "c", NOBODY), (0, true));
    gateway.wait_for_connections(0);
    gateway.kill();
    // It has the store until it is gone.
    drop(gateway);
    let gateway = folder.start(&users);
    assert_eq!(come(&gateway, "asking", V5, "c", ANN), (0, true));
    assert_eq!(come(&gateway, "asking", V5, "c", BOB), (0x87, false));
    gateway.wait_for_connections(0);
    gateway.kill();
    // It has the store until it is gone.
    drop(gateway);
    let gateway = folder.start(&users);
    assert_eq!(come(&gateway, "asking", V5, "c", BOB), (0x87, false));
    assert_eq!(come(&gateway, "asking", V5, "c", ANN), (0, true));
}
