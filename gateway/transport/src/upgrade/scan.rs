//! Looks for the end of a request's head, each byte once.

use super::Refusal;

/// How far the bytes have been looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Scan {
    scanned_bytes: u16,
}

impl Scan {
    /// The length of the head with its empty line, once that is there.
    ///
    /// A recipient may take a bare LF for a line end [RFC 9112 2.2]. This one does not: where
    /// recipients differ, one request can be two.
    pub(super) fn on_bytes(
        &mut self,
        bytes: &[u8],
        head_bytes_max: u16,
    ) -> Result<Option<usize>, Refusal> {
        let window = &bytes[..bytes.len().min(usize::from(head_bytes_max))];
        for at in usize::from(self.scanned_bytes)..window.len() {
            let follows_cr = window[..at].ends_with(b"\r");
            match window[at] {
                b'\n' if !follows_cr => return Err(Refusal::LineFeedBare),
                b'\n' if window[..at].ends_with(b"\r\n\r") => return Ok(Some(at + 1)),
                b'\n' => {}
                _ if follows_cr => return Err(Refusal::CarriageReturnBare),
                byte if at == 0 && !byte.is_ascii_uppercase() => return Err(Refusal::NotHttp),
                b'\r' | b'\t' | b' '..=b'~' | 0x80.. => {}
                0x00..=0x1F | 0x7F => return Err(Refusal::ControlByte),
            }
        }
        if window.len() == usize::from(head_bytes_max) {
            return Err(Refusal::HeadTooLong);
        }
        // Below `head_bytes_max`, which is 16 bits wide.
        self.scanned_bytes = window.len() as u16;
        Ok(None)
    }
}
