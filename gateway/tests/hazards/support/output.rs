//! Keeps what a child process prints, so that a test can wait for a line and a failure can show
//! the rest.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// Hands on the lines of a pipe until the child closes it.
pub(crate) fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // The pipe is read to its end even when nobody listens: a full pipe would stop the
            // child.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// What a pipe has carried so far.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn from_pipe(mut pipe: impl Read + Send + 'static) -> Kept {
        let kept = Kept::default();
        let filled = kept.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                filled
                    .0
                    .lock()
                    .expect("no holder panics")
                    .extend_from_slice(&chunk[..length]);
            }
        });
        kept
    }

    /// The last `bytes` bytes as text.
    pub(crate) fn tail(&self, bytes: usize) -> String {
        let kept = self.0.lock().expect("no holder panics");
        String::from_utf8_lossy(&kept[kept.len().saturating_sub(bytes)..]).into_owned()
    }
}
