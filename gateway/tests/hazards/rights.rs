//! A gateway that was started by root and runs as somebody else, whose memory nobody reads, and who
//! keeps what it was told to itself.

use crate::support::client::Client;
use crate::support::gateway::{CONTROL_PATHS, Ended, Gateway, Launch, config_file, run_to_end};
use crate::support::pki::Authority;
use crate::support::wire::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Debian's user without rights, and a group that is not its own.
const USER: (&str, u32) = ("nobody", 65_534);
const GROUP: (&str, u32) = ("daemon", 1);

/// A folder that the gateway's new user may write to, and a port that is for root alone.
struct Ground(PathBuf);

impl Ground {
    fn new(name: &str) -> Ground {
        let name = format!("tributary-rights-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a place for temporary files");
        if rustix::process::geteuid().is_root() {
            chown(&folder, Some(USER.1), Some(GROUP.1)).expect("root may");
        }
        Ground(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Only root can become somebody else; another user's run of the tests says that it left this out.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("left out: only root can show how root is left");
    }
    is_root
}

fn process(user: &str, group: &str) -> String {
    format!("[process]\nuser = \"{user}\"\ngroup = \"{group}\"\n")
}

/// The values of a line of /proc/PID/status of each thread.
fn of_threads(pid: u32, title: &str) -> Vec<Vec<String>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let of_thread = |thread: std::io::Result<fs::DirEntry>| {
        let path = thread.expect("it runs").path().join("status");
        let status = fs::read_to_string(path).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(title));
        let words = line.expect("every status has it").split_whitespace();
        Some(words.map(str::to_owned).collect())
    };
    threads.filter_map(of_thread).collect()
}

fn assert_all(pid: u32, title: &str, wanted: &str) {
    let of_threads = of_threads(pid, title);
    assert!(
        of_threads.len() > 4,
        "shards, lanes and control: {of_threads:?}"
    );
    for words in of_threads {
        assert!(
            !words.is_empty() && words.iter().all(|word| word == wanted),
            "{title} {words:?}"
        );
    }
}

fn core_limit(pid: u32) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let words: Vec<_> = line
        .expect("every process has it")
        .split_whitespace()
        .collect();
    words[..2].join(" ")
}

fn owner(path: &Path) -> (u32, u32) {
    let file = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    (file.uid(), file.gid())
}

#[test]
fn no_thread_keeps_a_right_of_root_and_all_files_belong_to_the_new_user() {
    if !is_root() {
        return;
    }
    let ground = Ground::new("root");
    let (store, spool, socket) = (
        ground.at("store"),
        ground.at("spool"),
        ground.at("mqtt.sock"),
    );
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n[listen.low]\naddress = \"127.201.3.1:83\"\n\
         [listen.local]\naddress = \"unix:{}\"\n\
         [store]\nkind = \"local\"\npath = \"{}\"\n\
         [kafka.main]\nbrokers = [\"127.0.0.1:9\"]\nspool = \"{}\"\n\
         [[route]]\nfilter = \"kept/#\"\ntopic = \"t\"\nack = \"spool\"\non_outage = \"spool\"\n{}",
        socket.display(),
        store.display(),
        spool.display(),
        process(USER.0, GROUP.0)
    );
    let mut gateway = Launch::default().listeners(&text).start();
    let pid = gateway.pid();
    assert_all(pid, "Uid:", &USER.1.to_string());
    assert_all(pid, "Gid:", &GROUP.1.to_string());
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_all(pid, set, "0000000000000000");
    }
    for thread in of_threads(pid, "Groups:") {
        assert!(thread.iter().all(|group| group != "0"), "{thread:?}");
    }
    // The port for root alone was bound, and what is written is written by the new user.
    let (mut client, _) = Client::connect_to(gateway.listener("low"), Connect::new(V5, "kept"));
    client.publish("kept/on/disk", b"hello");
    drop(UnixStream::connect(&socket).expect("it listens"));
    let mut files = vec![store, spool, socket.clone()];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        assert_eq!(owner(&path), (USER.1, GROUP.1), "{path:?}");
        seen += 1;
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("root reads it");
            files.extend(entries.map(|entry| entry.expect("root reads it").path()));
        }
    }
    assert!(
        seen >= 5,
        "two folders, a file in each and a socket: {seen}"
    );
    gateway.terminate();
    assert_eq!(gateway.exit_status().code(), Some(0));
    assert!(!socket.exists(), "its folder is the new user's");
}

#[test]
fn nobody_reads_its_memory_unless_core_dumps_are_asked_for() {
    if !is_root() {
        return;
    }
    for (asked, limit, mine) in [("false", "0 0", (0, 0)), ("true", "", (USER.1, USER.1))] {
        let text = format!(
            "[[route]]\nfilter = \"#\"\ntopic = \"\"\n\
             [process]\nuser = \"nobody\"\ngroup = \"nogroup\"\ncore_dumps = {asked}\n"
        );
        let gateway = Launch::default().config(&text).start();
        let pid = gateway.pid();
        assert_all(pid, "NoNewPrivs:", "1");
        if asked == "false" {
            assert_eq!(core_limit(pid), limit);
        }
        // Whose these files are tells whether the process is dumpable [proc(5)].
        assert_eq!(
            owner(Path::new(&format!("/proc/{pid}/environ"))),
            mine,
            "{asked}"
        );
    }
}

fn refused(text: &str) -> Ended {
    Launch::default()
        .config(&format!("[[route]]\nfilter = \"#\"\ntopic = \"\"\n{text}"))
        .start_in_vain()
}

#[test]
fn a_user_that_cannot_be_is_a_sentence_and_nothing_starts() {
    let cases = [
        (
            process("no-such-user", "daemon"),
            "there is no user \"no-such-user\"",
        ),
        (
            process("nobody", "no-such-group"),
            "there is no group \"no-such-group\"",
        ),
        (process("root", "daemon"), "has the rights of root"),
    ];
    for (text, wrong) in cases {
        let ended = refused(&text);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(wrong), "{}", ended.stderr);
        assert!(!ended.stdout.contains("listening"), "{}", ended.stdout);
    }
}

#[test]
fn a_store_that_the_new_user_cannot_write_to_is_a_sentence() {
    if !is_root() {
        return;
    }
    let ground = Ground::new("store");
    let of_root = ground.at("of-root");
    fs::create_dir(&of_root).expect("root may");
    fs::set_permissions(&of_root, fs::Permissions::from_mode(0o700)).expect("root may");
    let store = format!(
        "[store]\nkind = \"local\"\npath = \"{}\"\n",
        of_root.display()
    );
    let ended = refused(&(store + &process(USER.0, GROUP.0)));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("[store].path"), "{}", ended.stderr);
}

/// Stands in every secret, so that one search finds each.
const MARK: &str = "xyzzy-4711";

/// A CONNECT of MQTT 3.1.1 with a name and a password \[section 3.1\].
fn connect_with_password(client_id: &str, password: &str) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04\xC2\0\0".to_vec();
    for text in [client_id, "name", password] {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    [&[0x10, body.len() as u8][..], &body].concat()
}

/// What `check` says of this file, and of the same with each kind of mistake near a secret.
fn checked(text: &str) -> String {
    let mut said = String::new();
    let wrongs = [
        text.to_owned(),
        text.replace("token = {", "token = [{")
            .replace("\" }\n", "\" }]\n"),
        text.replace("\"sasl.password\"", "\"sasl.passwrd\""),
        text.replace("scram_users", "scram_user"),
        text.replace("ticket_secret", "ticket_secrets"),
        text.replace("-of-thirty-two-bytes-and-more", ""),
        text.replace("fleet = \"", "fleet = \"SCRAM-SHA-256$"),
        text.replace("[control]\n", &format!("[control]\ntoken = \"{MARK} \"\n")),
        text.replace("[auth]", &format!("[auth]\nscram_users = \"{MARK}\"")),
        format!("{text}[control"),
    ];
    for (number, text) in wrongs.iter().enumerate() {
        let path = config_file(text).to_string_lossy().into_owned();
        let ended = run_to_end(&["check", "--config", &path]);
        assert_eq!(
            ended.code,
            Some(i32::from(number > 0)),
            "{number}: {}",
            ended.stderr
        );
        said += &ended.stdout;
        said += &ended.stderr;
    }
    said
}

#[test]
fn no_secret_is_told_by_log_api_check_or_mistake() {
    let ground = Ground::new("secrets");
    let token = ground.at("token");
    fs::write(&token, format!("{MARK}-token\n")).expect("the folder is ours");
    let users = ground.at("users");
    fs::write(&users, format!("meter:{MARK}-scram\n")).expect("the folder is ours");
    let authority = Authority::new();
    let server = authority.server(1);
    let certificates = authority.install(&server);
    let text = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n\
         [listen.secure]\naddress = \"127.0.0.1:0\"\nprotocol = \"mqtts\"\n{certificates}\
         [tls]\nticket_secret = \"{MARK}-of-thirty-two-bytes-and-more\"\n\
         [control]\ntoken = {{ file = \"{}\" }}\n\
         [auth]\nscram_users = {{ fleet = \"{MARK}-fleet\" }}\nscram_file = \"{}\"\n\
         [kafka.main]\nbrokers = [\"127.0.0.1:9\"]\n[kafka.main.properties]\n\
         \"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanisms\" = \"PLAIN\"\n\
         \"sasl.username\" = \"gateway\"\n\"sasl.password\" = \"{MARK}-sasl\"\n\
         \"debug\" = \"conf,security\"\n[log]\nlevel = \"trace\"\n",
        token.display(),
        users.display()
    );
    let gateway = Launch::default().listeners(&text).start();
    let mut client = Client::dial(gateway.mqtt(), V311);
    client.send(&connect_with_password("told", &format!("{MARK}-device")));
    client.expect(CONNACK);
    gateway.wait_for_line(&["connected", "told"]);
    let mut said = String::new();
    for path in CONTROL_PATHS {
        let (head, answer) = gateway.ask_with_token(path, &format!("{MARK}-token"));
        assert!(!head.contains(" 401 "), "{path}: {head}");
        let (_, without) = gateway.ask_with_token(path, "wrong");
        said += &(head + &answer + &without);
    }
    said += &gateway.whole_log();
    assert!(
        said.contains("sasl.username"),
        "librdkafka tells its configuration"
    );
    drop(gateway);
    said += &checked(&text);
    let mut key_lines = server
        .key_pem
        .lines()
        .filter(|line| !line.starts_with("---"));
    let key_line = key_lines.next().expect("a key has lines of base64");
    let is_told = |line: &&str| line.contains(MARK) || line.contains(key_line);
    let told = said.lines().find(is_told);
    assert_eq!(told, None);
}

#[test]
fn a_service_manager_is_told_when_the_gateway_is_ready() {
    let ground = Ground::new("notify");
    let path = ground.at("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("the folder is ours");
    socket
        .set_read_timeout(Some(crate::support::DEADLINE))
        .expect("a socket takes a timeout");
    let gateway: Gateway = Launch::default().notify(&path).start();
    let mut said = [0; 32];
    let mut hear = || {
        let length = socket.recv(&mut said).expect("the gateway tells it");
        String::from_utf8_lossy(&said[..length]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    gateway.terminate();
    assert_eq!(hear(), "STOPPING=1");
}
