//! Takes frames off what a client sent, where the bytes lie, at whatever byte a read ends.

use std::ops::Range;

use super::header::{self, Front, HEADER_BYTES_MAX, Header, Opcode};
use super::mask::Mask;
use super::{CloseCode, ControlPayload, Idle, Malformed};

/// What one read of the socket held.
#[derive(PartialEq, Eq, Debug)]
pub struct Read<'a> {
    /// The bytes of MQTT in it. All of them came in front of its end, if it has one.
    pub data: &'a mut [u8],
    /// The last ping in it, to be answered by [`super::encode::pong`]. Earlier ones need no answer
    /// of their own [RFC 6455 5.5.3]: a read owes one pong, and a full out-queue may owe none.
    pub ping: Option<ControlPayload>,
    /// Nothing that comes after it is read.
    pub end: Option<End>,
}

/// Why there are no more frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The client has closed; it is answered with its own code.
    Closed { code: Option<CloseCode> },
    /// The client is wrong.
    Malformed(Malformed),
}

impl End {
    /// What the close frame for the client says.
    pub fn answer(self) -> Option<CloseCode> {
        match self {
            End::Closed { code } => code,
            End::Malformed(why) => Some(why.close_code()),
        }
    }
}

/// Where in the stream of frames a client is.
///
/// It is needed while a frame is cut by the end of a read. Between frames [`Decoder::idle`] gives
/// the two bytes that are to be kept, and [`Decoder::from`] makes a decoder of them again.
#[derive(Default, Debug)]
pub struct Decoder {
    state: State,
    idle: Idle,
}

#[derive(Debug)]
enum State {
    AwaitHeader {
        gathered: [u8; HEADER_BYTES_MAX],
        have: u8,
    },
    InPayload {
        mask: Mask,
        missing_bytes: u32,
    },
    /// Boxed, since it is many times as large as the rest, and gone as soon as the frame is whole.
    InControl(Box<Control>),
    Ended,
}

#[derive(Debug)]
struct Control {
    opcode: Opcode,
    mask: Mask,
    missing_bytes: u8,
    payload: ControlPayload,
}

/// What the next bytes are.
enum Step {
    Data(Range<usize>),
    Ping(ControlPayload),
    Closed(Option<CloseCode>),
    /// Nothing to tell, and there are more bytes.
    Skip,
    /// All bytes are read.
    Short,
}

const BETWEEN_FRAMES: State = State::AwaitHeader {
    gathered: [0; HEADER_BYTES_MAX],
    have: 0,
};

impl Default for State {
    fn default() -> Self {
        BETWEEN_FRAMES
    }
}

impl From<Idle> for Decoder {
    fn from(idle: Idle) -> Self {
        let state = State::default();
        Decoder { state, idle }
    }
}

impl Decoder {
    /// What is to be kept of it while no frame is cut; none while one is.
    pub fn idle(&self) -> Option<Idle> {
        match self.state {
            State::AwaitHeader { have: 0, .. } => Some(self.idle),
            _ => None,
        }
    }

    /// Takes the frames off all that one read of the socket brought.
    ///
    /// Payloads are unmasked where they lie, and moved together when there are several: MQTT's
    /// packets may be cut by frames, and whoever reads them should not have to know.
    /// `now_secs` may begin anywhere; `frame_bytes_max` bounds one frame, not a message.
    pub fn on_read<'a>(
        &mut self,
        bytes: &'a mut [u8],
        now_secs: u32,
        frame_bytes_max: u32,
    ) -> Read<'a> {
        let mut at = 0;
        let mut data = 0..0;
        let (mut ping, mut end) = (None, None);
        loop {
            match self.step(bytes, &mut at, now_secs, frame_bytes_max) {
                Ok(Step::Data(piece)) if data.is_empty() => data = piece,
                Ok(Step::Data(piece)) => {
                    let piece_bytes = piece.len();
                    bytes.copy_within(piece, data.end);
                    data.end += piece_bytes;
                }
                Ok(Step::Ping(payload)) => ping = Some(payload),
                Ok(Step::Skip) => {}
                Ok(Step::Short) => break,
                Ok(Step::Closed(code)) => end = Some(End::Closed { code }),
                Err(why) => end = Some(End::Malformed(why)),
            }
            if end.is_some() {
                self.state = State::Ended;
                break;
            }
        }
        let data = &mut bytes[data];
        Read { data, ping, end }
    }

    /// Reads one header, or as much of one payload as there is, beginning with `at`.
    fn step(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        now_secs: u32,
        frame_bytes_max: u32,
    ) -> Result<Step, Malformed> {
        let rest = &mut bytes[*at..];
        match &mut self.state {
            State::Ended => Ok(Step::Short),
            State::AwaitHeader { gathered, have } => {
                let (taken, front) = gather(gathered, have, rest, frame_bytes_max)?;
                *at += taken;
                match front {
                    Front::Short { .. } => Ok(Step::Short),
                    Front::Header(header) => self.on_header(header, now_secs),
                }
            }
            State::InPayload { .. } | State::InControl(_) if rest.is_empty() => Ok(Step::Short),
            State::InPayload {
                mask,
                missing_bytes,
            } => {
                let taken = rest.len().min(*missing_bytes as usize);
                mask.take_off(&mut rest[..taken]);
                // No more than what is missing, so it fits.
                *missing_bytes -= taken as u32;
                if *missing_bytes == 0 {
                    self.state = BETWEEN_FRAMES;
                }
                let begin = *at;
                *at += taken;
                Ok(Step::Data(begin..*at))
            }
            State::InControl(control) => {
                let taken = rest.len().min(usize::from(control.missing_bytes));
                *at += taken;
                control.payload.extend(&rest[..taken]);
                control.missing_bytes -= taken as u8;
                if control.missing_bytes > 0 {
                    return Ok(Step::Short);
                }
                let step = control.finish();
                self.state = BETWEEN_FRAMES;
                step
            }
        }
    }

    fn on_header(&mut self, header: Header, now_secs: u32) -> Result<Step, Malformed> {
        let Header {
            opcode,
            payload_bytes,
            mask,
            ..
        } = header;
        match opcode {
            Opcode::Continuation if !self.idle.is_in_message() => {
                return Err(Malformed::ContinuationUnbegun);
            }
            Opcode::Binary if self.idle.is_in_message() => {
                return Err(Malformed::MessageUnfinished);
            }
            Opcode::Close => {}
            Opcode::Ping | Opcode::Pong => self.idle.on_hollow_frame(now_secs)?,
            _ if payload_bytes == 0 => self.idle.on_hollow_frame(now_secs)?,
            Opcode::Continuation | Opcode::Binary => {}
        }
        self.state = BETWEEN_FRAMES;
        if opcode.is_control() {
            let mut control = Control {
                opcode,
                mask,
                // The header of a control frame says 125 at most.
                missing_bytes: payload_bytes as u8,
                payload: ControlPayload::EMPTY,
            };
            if payload_bytes == 0 {
                return control.finish();
            }
            self.state = State::InControl(Box::new(control));
            return Ok(Step::Skip);
        }
        self.idle.set_in_message(!header.is_final);
        if payload_bytes > 0 {
            let missing_bytes = payload_bytes;
            self.state = State::InPayload {
                mask,
                missing_bytes,
            };
        }
        Ok(Step::Skip)
    }
}

impl Control {
    /// What a control frame means once it is whole.
    fn finish(&mut self) -> Result<Step, Malformed> {
        self.mask.take_off(self.payload.as_mut_slice());
        match self.opcode {
            Opcode::Ping => Ok(Step::Ping(self.payload)),
            Opcode::Close => CloseCode::read(self.payload.as_slice()).map(Step::Closed),
            // A pong that nobody asked for is a heartbeat and is not answered [RFC 6455 5.5.3].
            Opcode::Pong | Opcode::Continuation | Opcode::Binary => Ok(Step::Skip),
        }
    }
}

/// Adds bytes of `rest` to a header until it is whole or they are used up; says how many it took.
fn gather(
    gathered: &mut [u8; HEADER_BYTES_MAX],
    have: &mut u8,
    rest: &[u8],
    frame_bytes_max: u32,
) -> Result<(usize, Front), Malformed> {
    let mut taken = 0;
    loop {
        let begin = usize::from(*have);
        let front = header::front(&gathered[..begin], frame_bytes_max)?;
        let Front::Short { missing } = front else {
            return Ok((taken, front));
        };
        let piece = &rest[taken..rest.len().min(taken + missing)];
        if piece.is_empty() {
            return Ok((taken, front));
        }
        gathered[begin..begin + piece.len()].copy_from_slice(piece);
        *have += piece.len() as u8;
        taken += piece.len();
    }
}

// In the middle of a frame; between frames an `Idle` is enough.
const _: () = assert!(size_of::<Decoder>() <= 24);
