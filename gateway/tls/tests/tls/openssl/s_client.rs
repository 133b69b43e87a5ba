//! OpenSSL's client as a process, and an echo server for it on a loopback socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tributary_tls::Settings;

use crate::support::server::Server;

/// How long a word may take to appear before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether there is no `openssl` to test with; says so.
pub(crate) fn absent() -> bool {
    let absent = Command::new("openssl").arg("version").output().is_err();
    if absent {
        eprintln!("SKIPPED: `openssl` is not installed, so nothing was tested against it");
    }
    absent
}

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("openssl-{}-{number}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("the target folder is ours");
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("it is text").to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the target folder is ours");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `openssl s_client`, typed at.
pub(crate) struct SClient {
    child: Child,
    pieces: Receiver<Vec<u8>>,
    printed: String,
}

impl SClient {
    pub(crate) fn start(folder: &Folder, port: u16, arguments: &[&str]) -> SClient {
        let target = format!("127.0.0.1:{port}");
        let ca = folder.path("ca.pem");
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-connect",
            &target,
            "-CAfile",
            &ca,
            "-verify_return_error",
        ]);
        if !arguments.contains(&"-servername") {
            command.args(["-servername", "localhost"]);
        }
        command.args(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it was there a moment ago");
        let (sender, pieces) = channel();
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let ends: [Box<dyn Read + Send>; 2] = [Box::new(stdout), Box::new(stderr)];
        for mut end in ends {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut piece = [0; 8192];
                while let Ok(length @ 1..) = end.read(&mut piece) {
                    if sender.send(piece[..length].to_vec()).is_err() {
                        return;
                    }
                }
            });
        }
        SClient {
            child,
            pieces,
            printed: String::new(),
        }
    }

    /// Waits until it prints a word, behind everything that was waited for before.
    pub(crate) fn see(&mut self, word: &str) {
        loop {
            if let Some(at) = self.printed.find(word) {
                self.printed.drain(..at + word.len());
                return;
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.printed.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("no {word:?} in:\n{}", self.printed),
            }
        }
    }

    pub(crate) fn type_and_see(&mut self, line: &str, word: &str) {
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        stdin.write_all(line.as_bytes()).expect("it reads");
        self.see(word);
    }

    /// Leaves in good order.
    pub(crate) fn quit(mut self) {
        self.type_and_see("Q\n", "DONE");
        let status = self.child.wait().expect("it is ours");
        assert!(status.success(), "{status}\n{}", self.printed);
    }
}

impl Drop for SClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves one connection, in capital letters.
pub(crate) struct Echo {
    port: u16,
    thread: JoinHandle<Server>,
}

impl Echo {
    pub(crate) fn start(settings: Arc<Settings>) -> Echo {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
        let port = listener.local_addr().expect("it is bound").port();
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().expect("a client comes");
            socket
                .set_read_timeout(Some(PATIENCE))
                .expect("it is a socket");
            serve(socket, &settings)
        });
        Echo { port, thread }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The connection as it ended.
    pub(crate) fn join(self) -> Server {
        self.thread.join().expect("it went well")
    }
}

fn serve(mut socket: TcpStream, settings: &Arc<Settings>) -> Server {
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("it is past 1970")
        .as_secs();
    let mut server = Server::new(settings);
    let mut piece = [0; 4096];
    loop {
        match socket.read(&mut piece) {
            Ok(0) => return server,
            Ok(length) => server.on_read_at(&piece[..length], now),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return server,
            Err(error) => panic!("{error}"),
        }
        answer(&mut server);
        if server.closed {
            let secured = server.secured.as_mut().expect("it is closed in order");
            secured.records.burst().close(&mut server.out);
        }
        if socket.write_all(&std::mem::take(&mut server.out)).is_err()
            || server.fault.is_some()
            || server.closed
        {
            return server;
        }
    }
}

fn answer(server: &mut Server) {
    let data = std::mem::take(&mut server.data);
    if data.is_empty() || server.fault.is_some() {
        return;
    }
    if data.starts_with(b"server update") {
        let secured = server.secured.as_mut().expect("data came");
        secured.records.burst().update_keys(true, &mut server.out);
    }
    if data.starts_with(b"big") {
        server.send(&vec![b'x'; 50_000]);
        server.send(b"THE END OF IT\n");
    }
    server.send(&data.to_ascii_uppercase());
}
