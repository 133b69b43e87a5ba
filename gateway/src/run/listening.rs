//! Opens the listeners: for every TCP address one per shard, for every path one in all, and clones
//! of it for each ring of the shard.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tributary_transport::proxy::Mode;

use super::Refusal;
use super::layout::Layout;
use super::rights::Account;
use crate::config::{Address, Listener};
use crate::shard::Listening;

/// Connections a listener lets wait for their accept; 65,535 costs nothing until used.
const LISTEN_BACKLOG: i32 = 65_535;
/// How long a port may still be held by a gateway that is dead, and how often to look.
const PREDECESSOR_WAIT_MAX: Duration = Duration::from_secs(2);
const PREDECESSOR_LOOK: Duration = Duration::from_millis(5);

/// Where the world may come in.
pub(super) struct Opened {
    /// For each ring its listeners.
    pub(super) per_ring: Vec<Vec<Listening>>,
    /// Each listener's name and where it is.
    pub(super) places: Vec<(String, Address)>,
    pub(super) socket_files: SocketFiles,
}

/// The files of Unix sockets, to be removed when nobody is to come in any more.
#[derive(Default)]
pub(super) struct SocketFiles(Vec<SocketFile>);

struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put a socket of its own there.
    identity: (u64, u64),
}

impl Opened {
    /// Opens every listener, or says which one cannot be opened and what to do.
    pub(super) fn listeners(listeners: &[Listener], layout: &Layout) -> Result<Self, Refusal> {
        let rings = layout.shards * layout.rings_per_shard;
        let mut opened = Self {
            per_ring: (0..rings).map(|_| Vec::new()).collect(),
            places: Vec::new(),
            socket_files: SocketFiles::default(),
        };
        for (door, listener) in (0..).zip(listeners) {
            prove_peers_have_names(listener)?;
            let address = opened
                .open(door, &listener.address, layout)
                .map_err(|error| cannot_listen(listener, &error))?;
            opened.places.push((listener.name.clone(), address));
        }
        Ok(opened)
    }

    fn open(&mut self, door: u8, address: &Address, layout: &Layout) -> io::Result<Address> {
        let (sockets, chosen) = match address {
            Address::Tcp(address) => {
                let sockets = after_predecessor(|| {
                    tributary_ring::listeners(*address, layout.shards, LISTEN_BACKLOG)
                })?;
                let chosen = Address::Tcp(sockets[0].local_addr()?);
                let sockets: Vec<_> = sockets.into_iter().map(OwnedFd::from).collect();
                (sockets, chosen)
            }
            Address::Unix { path, mode } => {
                // One shard accepts; whose home is elsewhere is handed over as ever.
                let socket = after_predecessor(|| {
                    tributary_ring::unix_listener(path, *mode, LISTEN_BACKLOG)
                })?;
                self.socket_files.keep(path)?;
                (vec![socket], address.clone())
            }
        };
        let shards = self.per_ring.chunks_mut(layout.rings_per_shard);
        for (rings, socket) in shards.zip(sockets) {
            for ring in rings {
                let socket = socket.try_clone()?;
                ring.push(Listening { door, socket });
            }
        }
        Ok(chosen)
    }
}

impl SocketFiles {
    /// Removes the files; whoever connects from here on finds nothing there.
    pub(super) fn remove(&mut self) {
        for file in self.0.drain(..) {
            if identity(&file.path).is_ok_and(|found| found == file.identity) {
                // Nobody is harmed by a file that stays: the next start replaces it.
                let _ = fs::remove_file(&file.path);
            }
        }
    }

    /// Makes them files of who this process is to become, so that their modes mean its group.
    pub(super) fn give_to(&self, account: &Account) -> Result<(), Refusal> {
        if account.is_here() {
            return Ok(());
        }
        for SocketFile { path, .. } in &self.0 {
            let (user, group) = (Some(account.user()), Some(account.group()));
            std::os::unix::fs::lchown(path, user, group).map_err(|error| {
                format!(
                    "{}: cannot be given to {account}: {error}; choose a folder on a file system \
                     that has owners",
                    path.display()
                )
            })?;
        }
        Ok(())
    }

    fn keep(&mut self, path: &Path) -> io::Result<()> {
        let identity = identity(path)?;
        let path = path.to_path_buf();
        self.0.push(SocketFile { path, identity });
        Ok(())
    }
}

impl Drop for SocketFiles {
    fn drop(&mut self) {
        self.remove();
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Who may speak for others is known by their address, which an older kernel does not tell.
fn prove_peers_have_names(listener: &Listener) -> Result<(), Refusal> {
    let is_tcp = matches!(listener.address, Address::Tcp(_));
    if listener.proxy.mode == Mode::Refused || !is_tcp {
        return Ok(());
    }
    let features = tributary_ring::probe();
    if features.peer_name {
        return Ok(());
    }
    Err(format!(
        "[listen.{}].proxy_protocol: needs Linux 6.7, this is {}; use a newer kernel, or let the \
         balancer connect by \"unix:/PATH\" with proxy_from = [\"unix\"]",
        listener.name, features.kernel
    ))
}

/// Waits a little for a place that is taken: the kernel ends the rings of a gateway that was killed,
/// and with them its listeners, some time after it has said that the process is gone (15 ms with
/// 500 clients). Who starts it again at once would else be told that another process listens.
fn after_predecessor<T>(listen: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let until = Instant::now() + PREDECESSOR_WAIT_MAX;
    loop {
        match listen() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                thread::park_timeout(PREDECESSOR_LOOK);
            }
            answer => return answer,
        }
    }
}

fn cannot_listen(listener: &Listener, error: &io::Error) -> Refusal {
    let is_unix = matches!(listener.address, Address::Unix { .. });
    let remedy = match (error.kind(), is_unix) {
        (io::ErrorKind::AddrInUse, false) => {
            "another process has it: end that one, or choose another port by --listen"
        }
        (io::ErrorKind::AddrInUse, true) => {
            "another process has it: end that one, or choose another path"
        }
        (io::ErrorKind::PermissionDenied, false) => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose a higher port"
        }
        (io::ErrorKind::AddrNotAvailable, _) => "no interface of this host has that address",
        (io::ErrorKind::AlreadyExists, _) => "move the file away, or choose another path",
        (_, false) => "choose another address by --listen ADDR:PORT",
        (_, true) => "choose a folder that is there and that this user may write to",
    };
    let (name, address) = (&listener.name, &listener.address);
    format!("[listen.{name}]: cannot listen on {address}: {error}; {remedy}")
}
