//! One record into rustls, everything that it has to say to it out.

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use crate::fault::Fault;
use crate::unbuffered::{encode, flush};

/// What rustls waits for.
pub(super) enum Step {
    /// The client's next record.
    Blocked,
    /// Nothing: data may flow.
    Ready,
}

/// Gives the step and how many of the bytes shown rustls has done with.
pub(super) fn drive(
    connection: &mut UnbufferedServerConnection,
    bytes: &mut [u8],
    out: &mut Vec<u8>,
) -> (Result<Step, Fault>, usize) {
    let mut discarded = 0;
    loop {
        let UnbufferedStatus { discard, state, .. } =
            connection.process_tls_records(&mut bytes[discarded..]);
        discarded += discard;
        let step = match state {
            Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
                encode(&mut encoder, out);
                continue;
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                continue;
            }
            Ok(ConnectionState::BlockedHandshake) => Ok(Step::Blocked),
            Ok(ConnectionState::WriteTraffic(_)) => Ok(Step::Ready),
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Err(Fault::PeerClosed),
            // Early data is not offered, and data comes only with keys that are not there yet.
            Ok(_) => Err(Fault::UnexpectedMessage),
            Err(error) => Err(Fault::of(&error)),
        };
        if step.is_err() {
            flush(connection, &mut bytes[discarded..], out);
        }
        return (step, discarded);
    }
}
