//! A link: what stands between a socket and its MQTT, and by which door it came.
//!
//! ```text
//!   Proxy ──> Upgrade ──> WebSocket <──> Cut         Cut: the read ended within a frame, and its
//!     └──> Mqtt               └────────────└─> Closed, Violated    decoder is kept apart
//! ```
//!
//! Where there is one door and it is plain there is no table. Else it has six bytes per slot,
//! whoever uses it: an idle WebSocket client costs no more than any other beside it.

use std::collections::HashMap;
use std::sync::Arc;

use tributary_proto::close::Close;
use tributary_tls::PeerName;
use tributary_transport::limits::FRAME_BYTES_MAX;
use tributary_transport::proxy::Expect;
use tributary_transport::upgrade::AwaitRequest;
use tributary_transport::websocket::{
    CloseCode, ControlPayload, Decoder, End, Idle, Malformed, Read,
};

use super::addresses::Addresses;
use super::approach::Origin;
use super::door::Door;
use super::sparse::BySocket;
use super::thrift::shrink_map;
use super::world::Socket;

/// What the next bytes of a socket are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// MQTT as it is.
    Mqtt,
    /// A PROXY header, or its rest.
    Proxy(Expect),
    /// A request for a WebSocket, or its rest.
    Upgrade(AwaitRequest),
    /// A frame from its first byte on.
    WebSocket(Idle),
    /// The rest of a frame.
    Cut,
    /// Nobody's: the peer has closed, with this code or with none.
    Closed(CloseCode),
    /// See above.
    ClosedSilently,
    /// Nobody's: a frame was wrong, and this is what the peer is told.
    Violated(CloseCode),
}

/// What is known of one socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link {
    door: u8,
    stage: Stage,
}

const _: () = assert!(size_of::<Option<Link>>() <= crate::limits::LINK_BYTES);

/// What one read of a WebSocket held.
#[derive(Default)]
pub(super) struct Unframed<'a> {
    /// Bytes of MQTT.
    pub data: &'a mut [u8],
    /// A ping to be answered.
    pub ping: Option<ControlPayload>,
    /// What was wrong with a frame behind them.
    pub fault: Option<Malformed>,
}

/// The links of a shard's sockets.
pub(super) struct Links {
    doors: Arc<[Door]>,
    /// Empty where there is one door and it is plain.
    slots: BySocket<Link>,
    /// Decoders of frames that were cut by the end of a read.
    cut: HashMap<Socket, Decoder>,
    /// Whom balancers speak for who have brought no CONNECT yet.
    pub origins: HashMap<Socket, Box<Origin>>,
    /// What their own sockets have said of others.
    pub addresses: Addresses,
    /// The names in the certificates of those who have not been let in yet.
    pub certificates: HashMap<Socket, Box<PeerName>>,
    /// What the stranger at hand is told before any MQTT.
    pub foreword: Vec<u8>,
    is_used: bool,
}

impl Default for Link {
    /// A plain one, by the first door.
    fn default() -> Self {
        Self {
            door: 0,
            stage: Stage::Mqtt,
        }
    }
}

impl Stage {
    /// Whether frames stand around MQTT.
    pub(super) fn is_framed(self) -> bool {
        !matches!(self, Self::Mqtt | Self::Proxy(_) | Self::Upgrade(_))
    }

    /// Whether what comes is not MQTT yet.
    pub(super) fn is_before_mqtt(self) -> bool {
        matches!(self, Self::Proxy(_) | Self::Upgrade(_))
    }

    /// Why nothing of what still comes is read, if that is so.
    pub(super) fn end(self) -> Option<Close> {
        match self {
            Self::Closed(_) | Self::ClosedSilently => Some(Close::PeerClosed),
            Self::Violated(_) => Some(Close::WebSocketViolation),
            _ => None,
        }
    }
}

impl Links {
    /// No sockets yet, which will come by these doors.
    pub(super) fn new(doors: Arc<[Door]>) -> Self {
        Self {
            slots: BySocket::default(),
            cut: HashMap::new(),
            origins: HashMap::new(),
            addresses: Addresses::default(),
            certificates: HashMap::new(),
            foreword: Vec::new(),
            // Of several doors it counts by which one somebody came: it may be asked there who it
            // is, and operators ask.
            is_used: doors.len() > 1 || !doors.iter().all(Door::is_plain),
            doors,
        }
    }

    /// Where a socket is on its way to MQTT.
    pub(super) fn stage(&self, socket: Socket) -> Stage {
        self.slots.of(socket).stage
    }

    /// By which door a socket came.
    pub(super) fn door(&self, socket: Socket) -> &Door {
        &self.doors[usize::from(self.slots.of(socket).door)]
    }

    /// The number of that door.
    pub(super) fn door_number(&self, socket: Socket) -> usize {
        usize::from(self.slots.of(socket).door)
    }

    /// A socket has come by this door.
    pub(super) fn begin(&mut self, socket: Socket, door: u8) {
        if self.is_used {
            let stage = self.doors[usize::from(door)].stage();
            self.put(socket, Link { door, stage }, None);
        }
    }

    /// A socket has come one stage further.
    pub(super) fn advance(&mut self, socket: Socket, stage: Stage) {
        let link = self.slots.of(socket);
        self.slots.put(socket, Link { stage, ..link });
    }

    /// A socket is closed.
    pub(super) fn end(&mut self, socket: Socket) {
        self.take(socket);
    }

    /// What goes along with a socket that leaves.
    pub(super) fn take(&mut self, socket: Socket) -> Option<(Link, Option<Decoder>)> {
        if !self.is_used {
            return None;
        }
        let link = self.slots.put(socket, Link::default());
        let decoder = match link.stage {
            Stage::Cut => self.cut.remove(&socket),
            _ => None,
        };
        Some((link, decoder))
    }

    /// What came along with a socket.
    pub(super) fn put(&mut self, socket: Socket, link: Link, decoder: Option<Decoder>) {
        self.slots.put(socket, link);
        if let Some(decoder) = decoder {
            self.cut.insert(socket, decoder);
        }
    }

    /// Takes the frames off what a WebSocket has sent.
    pub(super) fn read<'a>(
        &mut self,
        socket: Socket,
        bytes: &'a mut [u8],
        now_sec: u32,
    ) -> Unframed<'a> {
        let mut decoder = match self.stage(socket) {
            Stage::WebSocket(idle) => Decoder::from(idle),
            Stage::Cut => self.cut.remove(&socket).unwrap_or_default(),
            _ => return Unframed::default(),
        };
        let Read { data, ping, end } = decoder.on_read(bytes, now_sec, FRAME_BYTES_MAX);
        let mut fault = None;
        let stage = match end {
            None => match decoder.idle() {
                Some(idle) => Stage::WebSocket(idle),
                None => {
                    self.cut.insert(socket, decoder);
                    Stage::Cut
                }
            },
            Some(End::Closed { code: Some(code) }) => Stage::Closed(code),
            Some(End::Closed { code: None }) => Stage::ClosedSilently,
            Some(End::Malformed(why)) => {
                fault = Some(why);
                Stage::Violated(why.close_code())
            }
        };
        self.advance(socket, stage);
        Unframed { data, ping, fault }
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink(&mut self) {
        shrink_map(&mut self.cut);
        shrink_map(&mut self.origins);
        self.addresses.shrink();
        shrink_map(&mut self.certificates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Listener;
    use std::net::Ipv4Addr;
    use tributary_ring::Conn;

    const SOCKET: Socket = Socket {
        ring: 1,
        conn: Conn {
            slot: 5_000,
            generation: 1,
        },
    };
    /// A ping of four bytes, its key and two of them.
    const CUT_PING: [u8; 8] = [0x89, 0x84, 0, 0, 0, 0, b'p', b'i'];

    fn links(packet_bytes_max: Option<u32>) -> Links {
        let mut listener = Listener::plain("mqtt".into(), (Ipv4Addr::LOCALHOST, 0).into());
        listener.packet_bytes_max = packet_bytes_max;
        Links::new(Arc::new([Door::new(listener, None)]))
    }

    #[test]
    fn plain_doors_need_no_table() {
        let mut links = links(None);
        links.begin(SOCKET, 0);
        assert!(links.slots.is_empty());
        assert_eq!(links.stage(SOCKET), Stage::Mqtt);
        assert!(links.take(SOCKET).is_none());
    }

    #[test]
    fn a_frame_that_is_cut_goes_on_where_its_socket_goes() {
        let (mut source, mut target) = (links(Some(1_000)), links(Some(1_000)));
        source.begin(SOCKET, 0);
        source.advance(SOCKET, Stage::WebSocket(Idle::default()));
        let mut begun = CUT_PING;
        assert!(source.read(SOCKET, &mut begun, 0).ping.is_none());
        let (link, decoder) = source.take(SOCKET).expect("it is used");
        assert!(source.cut.is_empty() && matches!(source.stage(SOCKET), Stage::Mqtt));
        target.put(SOCKET, link, decoder);
        let mut rest = *b"ng";
        let read = target.read(SOCKET, &mut rest, 0);
        assert_eq!(read.ping.expect("it is whole").as_slice(), b"ping");
        assert!(target.cut.is_empty() && matches!(target.stage(SOCKET), Stage::WebSocket(_)));
    }

    #[test]
    fn a_socket_that_is_closed_leaves_no_decoder_behind() {
        let mut links = links(Some(1_000));
        links.begin(SOCKET, 0);
        links.advance(SOCKET, Stage::WebSocket(Idle::default()));
        let mut begun = CUT_PING;
        links.read(SOCKET, &mut begun, 0);
        assert_eq!(links.cut.len(), 1);
        links.end(SOCKET);
        assert!(links.cut.is_empty());
    }
}
