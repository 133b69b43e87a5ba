//! Users that a real Redis and a real MariaDB know, while these are up and when they are not.

use crate::support::doorway::*;
use crate::support::gateway::{Gateway, Launch};
use crate::support::rules::publish;
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const BAD: u8 = 0x86;
const UNAVAILABLE: u8 = 0x88;
/// With it the gateway logs in.
const PASSWORD: &str = "for-the-database";
/// What the one group may do.
const RULES: &str = "[access]\nrules = [\n\
    { allow = [\"publish\"], topics = [\"plant/%{claim:plant}\"], group = \"ops\" },\n]\n";

/// A server in a folder of its own, at a Unix socket; it ends with the test.
struct Database {
    process: Child,
    folder: PathBuf,
}

impl Database {
    /// Starts what `command` makes of the folder, when the program is there.
    fn start(program: &str, package: &str, command: impl FnOnce(&Path) -> Command) -> Option<Self> {
        let found = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: {program} is not there; apt-get install {package}");
            return None;
        }
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        // Paths of sockets are short, and those of target folders need not be.
        let name = format!("tributary-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("the folder is new");
        let mut command = command(&folder);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = quiet.stderr(Stdio::null()).spawn().expect("it starts");
        let database = Database { process, folder };
        let up = || UnixStream::connect(database.socket()).ok();
        ask_until(DEADLINE, up).unwrap_or_else(|| panic!("{program} is up in time"));
        Some(database)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("it is a child of this process");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The hash of a password, as the operator gets it.
fn hash(name: &str, password: &str) -> String {
    let users = Users::of(&[(name, password)]);
    let text = std::fs::read_to_string(users.path()).expect("it was written");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let hash = line.and_then(|line| line.strip_prefix(':'));
    hash.expect("it is NAME:HASH").to_owned()
}

/// One command of Redis, and its answer.
fn tell(stream: &mut UnixStream, words: &[&str]) -> String {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(command.as_bytes()).expect("it reads");
    let mut said = [0; 256];
    let length = stream.read(&mut said).expect("it answers");
    String::from_utf8_lossy(&said[..length]).into_owned()
}

fn gateway(method: &str, rest: &str) -> Gateway {
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\nauth = [\"{method}\"]\n\
         [auth.{method}]\npassword = \"{PASSWORD}\"\ntimeout_millis = 30_000\n\
         claim_fields = [\"plant\"]\n{rest}{RULES}\
         {NULL_ROUTE}"
    );
    Launch::default().listeners(&text).shards(2).start()
}

/// Ann comes in and is known for what her row says; others do not; without the database nobody does
/// who was not in before.
fn holds(gateway: &Gateway, mut database: Database) {
    let ann = shown(V5, "d1", Some("ann"), Some("pencil"));
    let (mut client, _) = crate::support::client::Client::connect_to(gateway.mqtt(), ann);
    for (topic, reason) in [("plant/7", 0), ("plant/8", 0x87)] {
        assert_eq!(publish(&mut client, topic), reason, "{topic}");
    }
    for (user, password) in [
        ("ann", "pen"),
        ("eve", "pencil"),
        ("bob", "pencil"),
        ("*", "pencil"),
    ] {
        let said = knock(gateway, V5, "d2", Some(user), Some(password));
        assert_eq!(said, BAD, "{user} {password}");
    }
    database.stop();
    let said = knock(gateway, V5, "d3", Some("ann"), Some("pencil"));
    assert_eq!(said, UNAVAILABLE, "whose row may have changed");
    client.ping();
    assert!(
        !gateway.whole_log().contains(PASSWORD),
        "no secret in a line"
    );
}

#[test]
fn a_redis_says_who_may_come_in_and_when_it_is_gone_nobody_may() {
    let redis = |folder: &Path| {
        let mut command = Command::new("redis-server");
        command.current_dir(folder);
        command.args(["--port", "0", "--unixsocket", "socket", "--save", ""]);
        command.args(["--requirepass", PASSWORD]);
        command
    };
    let Some(database) = Database::start("redis-server", "redis-server", redis) else {
        return;
    };
    let mut stream = UnixStream::connect(database.socket()).expect("it listens");
    assert_eq!(tell(&mut stream, &["AUTH", PASSWORD]), "+OK\r\n");
    let hash = hash("ann", "pencil");
    let row = ["password_hash", &hash, "groups", "ops,night", "plant", "7"];
    let put = [&["HSET", "mqtt:user:ann"], &row[..]].concat();
    assert_eq!(tell(&mut stream, &put), ":3\r\n");
    let url = format!("url = \"unix://{}\"\n", database.socket().display());
    holds(&gateway("redis", &url), database);
}

#[test]
fn a_mariadb_says_who_may_come_in_and_when_it_is_gone_nobody_may() {
    let hash = hash("ann", "pencil");
    let script = format!(
        "CREATE DATABASE mqtt;\n\
         CREATE TABLE mqtt.mqtt_users (name VARBINARY(255) PRIMARY KEY, \
         password_hash VARCHAR(255), user_groups VARCHAR(255), plant INT);\n\
         INSERT INTO mqtt.mqtt_users VALUES ('ann', '{hash}', 'ops,night', 7), \
         ('bob', NULL, NULL, NULL);\n\
         CREATE USER tributary@localhost IDENTIFIED BY '{PASSWORD}';\n\
         GRANT SELECT ON mqtt.* TO tributary@localhost;\n"
    );
    let mariadb = |folder: &Path| {
        let data = format!("--datadir={}", folder.join("data").display());
        let mut install = Command::new("mariadb-install-db");
        let install = install.args(["--no-defaults", &data]);
        let install = install.args(["--auth-root-authentication-method=normal"]);
        let quiet = install.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(quiet.status().expect("it comes with the server").success());
        let first = folder.join("first.sql");
        std::fs::write(&first, script).expect("it can be written");
        let mut command = Command::new("mariadbd");
        command.args(["--no-defaults", "--skip-networking", &data]);
        for (key, name) in [
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("init-file", "first.sql"),
        ] {
            command.arg(format!("--{key}={}", folder.join(name).display()));
        }
        // A server started by root does not want to run as root unless told.
        if std::fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == 0) {
            command.arg("--user=root");
        }
        command
    };
    let Some(database) = Database::start("mariadbd", "mariadb-server", mariadb) else {
        return;
    };
    let socket = format!(
        "socket = {:?}\nquery = \"SELECT password_hash, user_groups, plant FROM mqtt_users \
         WHERE name = ?\"\n",
        database.socket().display().to_string()
    );
    holds(&gateway("mysql", &socket), database);
}
