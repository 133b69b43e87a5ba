//! Messages that are not data: KeyUpdate, whole or split over records, and alerts.

use crate::fault::Fault;

/// msg_type key_update, a length of one byte, and the request behind them [RFC 8446 4, 4.6.3].
const KEY_UPDATE: [u8; 4] = [24, 0, 0, 1];

/// What a handshake record came to.
pub(super) enum Control {
    /// The message goes on in the next record.
    Part,
    KeyUpdate {
        requested: bool,
    },
}

/// Follows the only handshake message a client may send after its handshake.
///
/// Its first four bytes are always the same, so `pending`, how many of them have come, is all that
/// must be remembered between records.
pub(super) fn handshake(content: &[u8], pending: &mut u8) -> Result<Control, Fault> {
    // "MUST NOT send zero-length fragments of Handshake types" [RFC 8446 5.1]
    if content.is_empty() {
        return Err(Fault::UnexpectedMessage);
    }
    for (index, byte) in content.iter().enumerate() {
        match KEY_UPDATE.get(usize::from(*pending)) {
            Some(expected) if expected == byte => *pending += 1,
            Some(_) if *pending == 0 => return Err(Fault::UnexpectedMessage),
            Some(_) => return Err(Fault::Malformed),
            None => {
                // The key changes behind it: it must end its record [RFC 8446 5.1].
                if index + 1 < content.len() {
                    return Err(Fault::UnexpectedMessage);
                }
                *pending = 0;
                return match byte {
                    0 | 1 => Ok(Control::KeyUpdate {
                        requested: *byte == 1,
                    }),
                    _ => Err(Fault::IllegalParameter),
                };
            }
        }
    }
    Ok(Control::Part)
}

/// The bytes of a KeyUpdate of ours.
pub(super) fn key_update(request: bool) -> [u8; 5] {
    let [kind, high, middle, low] = KEY_UPDATE;
    [kind, high, middle, low, u8::from(request)]
}

/// What an alert record came to [RFC 8446 6].
pub(super) enum Alert {
    CloseNotify,
    /// A warning that close_notify will follow: nothing follows from the warning itself.
    UserCanceled,
    /// Everything else ends the connection, whatever its level says.
    Error,
}

/// Reads an alert, which is never split and never shares its record [RFC 8446 5.1].
pub(super) fn alert(content: &[u8]) -> Result<Alert, Fault> {
    match *content {
        [] => Err(Fault::UnexpectedMessage),
        [1 | 2, 0] => Ok(Alert::CloseNotify),
        [1, 90] => Ok(Alert::UserCanceled),
        [1 | 2, _] => Ok(Alert::Error),
        [_, _] => Err(Fault::IllegalParameter),
        _ => Err(Fault::Malformed),
    }
}
