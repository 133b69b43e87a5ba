//! Against a real MariaDB, and against a server that hangs.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::*;
use crate::hash::Shape;
use crate::remote::server::{
    CHEAP, Folder, PATIENCE_MS, Server, checked, hash, is_there, proofs, question, wait,
};
use crate::verdict::{Refusal, Verdict};

const PASSWORD: &str = "for the database";

/// A server with the users `ann`, whose password is `right`, and `bob`, who has none.
fn start() -> Option<Server> {
    if !is_there("mariadbd", "mariadb-server") {
        return None;
    }
    let folder = Folder::new("mariadb");
    let path = folder.path();
    let data = format!("--datadir={}", path.join("data").display());
    let mut install = Command::new("mariadb-install-db");
    install.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        &data,
    ]);
    install.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(
        install
            .status()
            .expect("it comes with the server")
            .success()
    );
    let hash = hash("right");
    let script = format!(
        "CREATE DATABASE mqtt;\n\
         CREATE TABLE mqtt.mqtt_users (name VARBINARY(255) PRIMARY KEY, \
         password_hash VARCHAR(255), user_groups VARCHAR(255), plant INT);\n\
         INSERT INTO mqtt.mqtt_users VALUES ('ann', '{hash}', 'ops,night', 7), \
         ('bob', NULL, NULL, NULL);\n\
         CREATE USER tributary@localhost IDENTIFIED BY '{PASSWORD}';\n\
         GRANT SELECT ON mqtt.* TO tributary@localhost;\n"
    );
    let first = path.join("first.sql");
    std::fs::write(&first, script).expect("it can be written");
    let mut command = Command::new("mariadbd");
    command.args(["--no-defaults", "--skip-networking", &data]);
    command.arg(format!("--socket={}", path.join("socket").display()));
    command.arg(format!("--pid-file={}", path.join("pid").display()));
    command.arg(format!("--init-file={}", first.display()));
    if is_roots(path) {
        command.arg("--user=root");
    }
    Some(Server::start(command, "ready for connections", folder))
}

/// A server started by root does not want to run as root unless told.
fn is_roots(path: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.uid() == 0)
}

fn settings(server: &Server) -> MysqlSettings {
    MysqlSettings {
        socket: Some(server.path().join("socket")),
        password: Some(Secret::new(PASSWORD)),
        query: "SELECT password_hash, user_groups, plant, name FROM mqtt_users WHERE name = ?"
            .to_owned(),
        row: RowSettings {
            groups_field: "user_groups".to_owned(),
            claim_fields: vec!["plant".to_owned(), "none".to_owned()],
            time_out_ms: PATIENCE_MS,
            ..RowSettings::default()
        },
        ..MysqlSettings::default()
    }
}

fn is_down(look: &Look) -> bool {
    matches!(look, Look::Verdict(Verdict::Refused(Refusal::Unavailable)))
}

#[test]
fn users_are_found_by_their_name_alone_and_checked_by_their_hash() {
    let Some(mut server) = start() else { return };
    let mysql = Mysql::new(settings(&server), &proofs()).expect("the settings are right");
    let locked_out = MysqlSettings {
        password: Some(Secret::new("another")),
        ..settings(&server)
    };
    let locked_out = Mysql::new(locked_out, &proofs()).expect("the settings are right");
    let elsewhere = MysqlSettings {
        query: "SELECT * FROM nothing WHERE name = ?".to_owned(),
        ..settings(&server)
    };
    let elsewhere = Mysql::new(elsewhere, &proofs()).expect("the settings are right");
    wait(async {
        let look = mysql.ask(&question("eve", "right")).await;
        assert!(matches!(look, Look::Stranger(shape) if shape == Shape::default()));
        assert!(checked(mysql.ask(&question("ann", "wrong")).await, "wrong").is_none());
        let proven = checked(mysql.ask(&question("ann", "right")).await, "right");
        let proven = proven.expect("the password is right");
        assert_eq!(
            (proven.method, proven.user.as_deref()),
            ("mysql", Some("ann"))
        );
        assert_eq!(*proven.groups, ["ops", "night"].map(Box::<str>::from));
        assert_eq!(
            (proven.claim("plant"), proven.claim("none")),
            (Some("7"), None)
        );
        for user in [
            "bob",
            "eve",
            "",
            "' OR '1'='1",
            "ann'-- ",
            "ann\\",
            "%",
            "ann\0",
            "Ann",
        ] {
            let look = mysql.ask(&question(user, "right")).await;
            assert!(
                matches!(look, Look::Stranger(shape) if shape == CHEAP),
                "{user}"
            );
        }
        let half = Question {
            password: None,
            ..question("ann", "")
        };
        assert!(matches!(mysql.ask(&half).await, Look::NotMine));

        assert!(is_down(&locked_out.ask(&question("ann", "right")).await));
        assert!(is_down(&elsewhere.ask(&question("ann", "right")).await));
        server.stop();
        assert!(is_down(&mysql.ask(&question("ann", "right")).await));
    });
}

#[test]
fn a_server_that_hangs_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = listener.local_addr().expect("it has an address").port();
    for when_down in [WhenDown::Refuse, WhenDown::Next] {
        let settings = MysqlSettings {
            port,
            row: RowSettings {
                time_out_ms: 300,
                ..RowSettings::default()
            },
            when_down,
            ..MysqlSettings::default()
        };
        let mysql = Mysql::new(settings, &proofs()).expect("the settings are right");
        let look = wait(mysql.ask(&question("ann", "x")));
        match when_down {
            WhenDown::Refuse => assert!(is_down(&look)),
            WhenDown::Next => assert!(matches!(look, Look::NotMine)),
        }
    }
    listener.set_nonblocking(true).expect("it is a socket");
    assert!(listener.accept().is_ok(), "it was asked");
}

#[test]
fn a_server_without_tls_is_not_asked_in_the_clear_where_tls_is_wanted() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = listener.local_addr().expect("it has an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        // A greeting of protocol 10 that offers 4.1 and secure logins, and no TLS.
        let mut greeting = b"\x0a8.0.0\0\x01\0\0\0saltsalt\0".to_vec();
        greeting.extend(0xa20d_u16.to_le_bytes());
        greeting.extend([33, 2, 0, 0x08, 0, 21]);
        greeting.extend([0; 10]);
        greeting.extend(b"saltsaltsalt\0mysql_native_password\0");
        let length = (greeting.len() as u32).to_le_bytes();
        let packet = [&length[..3], &[0], &greeting].concat();
        stream.write_all(&packet).expect("the client listens");
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        said
    });
    let certificate =
        rcgen::generate_simple_self_signed(["db".to_owned()]).expect("it can be made");
    let settings = MysqlSettings {
        port,
        password: Some(Secret::new(PASSWORD)),
        tls: MysqlTls::On {
            ca: Some(certificate.cert.pem()),
        },
        ..MysqlSettings::default()
    };
    let mysql = Mysql::new(settings, &proofs()).expect("the settings are right");
    assert!(is_down(&wait(mysql.ask(&question("ann", "x")))));
    let said = server.join().expect("it ends");
    assert!(said.is_empty(), "it was told {said:?}");
}

#[test]
fn settings_that_cannot_work_are_named() {
    for (settings, field) in [
        (
            MysqlSettings {
                query: "SELECT 1".to_owned(),
                ..MysqlSettings::default()
            },
            "query",
        ),
        (
            MysqlSettings {
                query: "? ?".to_owned(),
                ..MysqlSettings::default()
            },
            "query",
        ),
        (
            MysqlSettings {
                tls: MysqlTls::On {
                    ca: Some("no PEM".to_owned()),
                },
                ..MysqlSettings::default()
            },
            "ca_file",
        ),
        (
            MysqlSettings {
                row: RowSettings {
                    at_once_max: 0,
                    ..RowSettings::default()
                },
                ..MysqlSettings::default()
            },
            "at_once_max",
        ),
    ] {
        let fault = Mysql::new(settings, &proofs()).expect_err(field);
        assert_eq!(fault.field, field, "{fault}");
    }
}
