//! Tells the service manager that has started this process how far it is (sd_notify(3)).

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends it, when there is somebody who listens; that nobody does is no fault.
pub(super) fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let socket = socket.to_string_lossy();
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, %socket, "the service manager could not be told {state}");
    }
}

fn send(socket: &str, state: &str) -> io::Result<()> {
    // An @ in front stands for a name that is no file [unix(7)].
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &address)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_manager_hears_by_a_file_and_by_a_name() {
        let file = env::temp_dir().join(format!("tributary-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let by_file = file.display().to_string();
        let by_name = format!("@tributary-notify-{}", std::process::id());
        let name = SocketAddr::from_abstract_name(&by_name[1..]).expect("a name");
        for (socket, heard) in [
            (by_file, UnixDatagram::bind(&file)),
            (by_name, UnixDatagram::bind_addr(&name)),
        ] {
            let heard = heard.expect("nobody else is there");
            send(&socket, "READY=1").expect("somebody listens");
            let mut said = [0; 16];
            let length = heard.recv(&mut said).expect("it was sent");
            assert_eq!(&said[..length], b"READY=1");
        }
        std::fs::remove_file(&file).expect("it is still there");
        assert!(send("/no/such/socket", "READY=1").is_err());
    }
}
