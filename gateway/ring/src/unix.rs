//! Listening on a path: one socket for the whole gateway, since paths have no SO_REUSEPORT.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// Longest path of a Unix socket, in bytes: `sun_path` without the zero behind it.
pub const UNIX_PATH_BYTES_MAX: usize = 107;

/// Listens on `path`, whose file gets these permission bits. A socket that a process left behind
/// there is replaced; `backlog` is cut to net.core.somaxconn.
///
/// # Errors
/// `AddrInUse` when somebody listens there, `AlreadyExists` when something lies there that is no
/// socket.
pub fn unix_listener(path: &Path, mode: u32, backlog: i32) -> io::Result<OwnedFd> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The file is born with the bits of the socket, less the umask: at no time may more come in
    // than in the end.
    let socket = with_mode(socket, mode)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn with_mode(socket: Socket, mode: u32) -> io::Result<Socket> {
    let file = File::from(OwnedFd::from(socket));
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(Socket::from(OwnedFd::from(file)))
}

/// Takes away a socket that nobody listens on any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket lies there",
            ));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn fresh_path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ring-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn the_file_has_the_bits_that_were_asked_for() {
        let path = fresh_path("mode");
        let listener = unix_listener(&path, 0o622, 16).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o622);
        drop(listener);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let path = fresh_path("stale");
        drop(unix_listener(&path, 0o600, 16).unwrap());
        assert!(path.exists(), "the file outlives its listener");
        let second = unix_listener(&path, 0o600, 16).unwrap();
        let error = unix_listener(&path, 0o600, 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(second);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let path = fresh_path("file");
        fs::write(&path, "kept").unwrap();
        let error = unix_listener(&path, 0o600, 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        fs::remove_file(&path).unwrap();
    }
}
