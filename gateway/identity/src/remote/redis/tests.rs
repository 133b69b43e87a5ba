//! Against a real Redis, and against one that hangs.

use std::net::TcpListener;
use std::process::Command;

use super::*;
use crate::hash::Shape;
use crate::remote::server::{
    CHEAP, Folder, PATIENCE_MS, Server, checked, hash, is_there, proofs, question, wait,
};
use crate::verdict::{Refusal, Verdict};

const PASSWORD: &str = "for the database";

fn start() -> Option<Server> {
    if !is_there("redis-server", "redis-server") {
        return None;
    }
    let folder = Folder::new("redis");
    let mut command = Command::new("redis-server");
    command.current_dir(folder.path());
    command.args([
        "--port",
        "0",
        "--unixsocket",
        "socket",
        "--save",
        "",
        "--requirepass",
        PASSWORD,
    ]);
    Some(Server::start(command, "eady to accept connections", folder))
}

fn settings(server: &Server) -> RedisSettings {
    RedisSettings {
        url: format!("unix://{}", server.path().join("socket").display()),
        password: Some(Secret::new(PASSWORD)),
        row: RowSettings {
            claim_fields: vec!["plant".to_owned(), "none".to_owned()],
            time_out_ms: PATIENCE_MS,
            ..RowSettings::default()
        },
        ..RedisSettings::default()
    }
}

async fn put(redis: &Redis, user: &str, fields: &[(&str, &str)]) {
    let mut connection = redis.connection().expect("it can be made");
    let mut put = cmd("HSET");
    put.arg(format!("mqtt:user:{user}"));
    for (name, value) in fields {
        put.arg(name).arg(value);
    }
    let () = put.query_async(&mut connection).await.expect("it is up");
}

#[test]
fn users_are_found_by_their_key_and_checked_by_their_hash() {
    let Some(mut server) = start() else { return };
    let proofs = proofs();
    let redis = Redis::new(settings(&server), &proofs).expect("the settings are right");
    wait(async {
        let hash = hash("right").to_string();
        let is_new =
            |look: &Look| matches!(look, Look::Stranger(shape) if *shape == Shape::default());
        assert!(is_new(&redis.ask(&question("ann", "right")).await));
        let row = [
            ("password_hash", hash.as_str()),
            ("groups", "ops, night"),
            ("plant", "north"),
        ];
        put(&redis, "ann", &row).await;
        assert!(checked(redis.ask(&question("ann", "wrong")).await, "wrong").is_none());
        let proven = checked(redis.ask(&question("ann", "right")).await, "right");
        let proven = proven.expect("the password is right");
        assert_eq!(
            (proven.method, proven.user.as_deref()),
            ("redis", Some("ann"))
        );
        assert_eq!(*proven.groups, ["ops", "night"].map(Box::<str>::from));
        assert_eq!(
            (proven.claim("plant"), proven.claim("none")),
            (Some("north"), None)
        );

        // Strangers cost what the known cost, and rows that cannot be used are strangers'.
        put(&redis, "bob", &[("groups", "ops")]).await;
        put(&redis, "cid", &[("password_hash", "$2b$12$bcrypt")]).await;
        put(
            &redis,
            "dan",
            &[("password_hash", &hash), ("plant", "a\nb")],
        )
        .await;
        for user in ["bob", "cid", "dan", "eve", "*", "", "ann\r\nGET x", "ann\0"] {
            let look = redis.ask(&question(user, "right")).await;
            assert!(
                matches!(look, Look::Stranger(shape) if shape == CHEAP),
                "{user}"
            );
        }
        let half = Question {
            password: None,
            ..question("ann", "")
        };
        assert!(matches!(redis.ask(&half).await, Look::NotMine));

        // A Redis that goes away is down, and nothing else.
        server.stop();
        let look = redis.ask(&question("ann", "right")).await;
        let down = Verdict::Refused(Refusal::Unavailable);
        assert!(matches!(look, Look::Verdict(verdict) if verdict == down));
    });
}

#[test]
fn a_wrong_login_and_a_key_of_another_type_count_as_down() {
    let Some(server) = start() else { return };
    let good = Redis::new(settings(&server), &proofs()).expect("the settings are right");
    let locked_out = RedisSettings {
        password: Some(Secret::new("another")),
        when_down: WhenDown::Next,
        ..settings(&server)
    };
    let locked_out = Redis::new(locked_out, &proofs()).expect("the settings are right");
    wait(async {
        assert!(matches!(
            locked_out.ask(&question("ann", "x")).await,
            Look::NotMine
        ));
        let mut connection = good.connection().expect("it can be made");
        let mut put = cmd("SET");
        let () = put
            .arg("mqtt:user:ann")
            .arg("x")
            .query_async(&mut connection)
            .await
            .expect("up");
        let look = good.ask(&question("ann", "x")).await;
        let down = Verdict::Refused(Refusal::Unavailable);
        assert!(matches!(look, Look::Verdict(verdict) if verdict == down));
    });
}

#[test]
fn a_redis_that_hangs_is_given_up_in_time() {
    // It takes connections, and that is all.
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = listener.local_addr().expect("it has an address").port();
    let settings = RedisSettings {
        url: format!("redis://127.0.0.1:{port}"),
        row: RowSettings {
            time_out_ms: 300,
            ..RowSettings::default()
        },
        ..RedisSettings::default()
    };
    let redis = Redis::new(settings, &proofs()).expect("the settings are right");
    let look = wait(redis.ask(&question("ann", "x")));
    let down = Verdict::Refused(Refusal::Unavailable);
    assert!(matches!(look, Look::Verdict(verdict) if verdict == down));
    listener.set_nonblocking(true).expect("it is a socket");
    assert!(listener.accept().is_ok(), "it was asked");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let at = |url: &str| RedisSettings {
        url: url.to_owned(),
        ..RedisSettings::default()
    };
    let key = |key: &str| RedisSettings {
        key: key.to_owned(),
        ..RedisSettings::default()
    };
    for (settings, field) in [
        (at(""), "url"),
        (at("http://127.0.0.1"), "url"),
        (at("redis://:swordfish@127.0.0.1"), "url"),
        (at("rediss://127.0.0.1/#insecure"), "url"),
        (key("mqtt:user"), "key"),
        (key("%u:%u"), "key"),
        (
            RedisSettings {
                ca: Some("no PEM".to_owned()),
                ..at("rediss://127.0.0.1")
            },
            "ca_file",
        ),
    ] {
        let fault = Redis::new(settings, &proofs()).expect_err(field);
        assert_eq!(fault.field, field, "{fault}");
        assert!(!fault.to_string().contains("swordfish"), "{fault}");
    }
}
