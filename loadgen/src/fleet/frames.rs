//! What a client of a fleet makes of each packet from the server. Pure: packet in, bytes out.

use super::client::{AWAITS_PINGRESP, Client, RETURNS, State};
use super::talkers::Talkers;
use crate::books::Books;
use crate::close::Close;
use crate::codec::decode::{Answer, Connack, answer};
use crate::codec::{encode, packet};
use crate::plan::Plan;
use crate::stamp;

/// DISCONNECT that says: another connection has come with your client id (MQTT 5, 3.14.2.1).
const SESSION_TAKEN_OVER: u8 = 0x8e;
const FIRST_REFUSAL: u8 = 0x80;

/// Where a packet came in, and what may be written.
pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) place: u32,
    pub(super) number: u32,
    pub(super) now_ns: u64,
    pub(super) books: &'a mut Books,
    pub(super) talkers: &'a mut Talkers,
    pub(super) out: &'a mut Vec<u8>,
}

pub(super) fn on_frame(
    client: &mut Client,
    (first_byte, body): (u8, &[u8]),
    at: &mut Context<'_>,
) -> Result<(), Close> {
    match (answer(at.plan.version, first_byte, body)?, client.state) {
        (Answer::Connack(connack), State::AwaitConnack) => on_connack(client, connack, at)?,
        (Answer::Disconnect { reason }, State::Connected) if reason == SESSION_TAKEN_OVER => {
            at.books.counts.wrong_takeovers += 1;
            return Err(Close::WronglyTakenOver);
        }
        (Answer::Disconnect { reason }, _) => return Err(Close::Disconnect(reason)),
        (
            Answer::Ack {
                packet_type: packet::PUBREL,
                packet_id,
                ..
            },
            State::Connected,
        ) => encode::acknowledge(at.out, packet::PUBCOMP, packet_id),
        (
            Answer::Ack {
                packet_type,
                packet_id,
                reason,
            },
            State::Connected,
        ) => {
            let publisher = at.talkers.at(at.place).ok_or(Close::UnknownPacketId)?;
            let ack = (packet_type, packet_id, reason);
            publisher.on_ack(ack, at.now_ns, at.books, at.out)?;
        }
        (Answer::Suback { reason }, State::Connected) if reason < FIRST_REFUSAL => {
            at.books.counts.subscriptions_granted += 1;
        }
        (Answer::Suback { .. }, State::Connected) => at.books.counts.subscriptions_refused += 1,
        (Answer::Publish { qos, packet_id }, State::Connected) => {
            at.books.counts.received += 1;
            match qos {
                0 => {}
                1 => encode::acknowledge(at.out, packet::PUBACK, packet_id),
                _ => encode::acknowledge(at.out, packet::PUBREC, packet_id),
            }
        }
        (Answer::Pingresp, State::Connected) => {
            if !client.replace(AWAITS_PINGRESP, false) {
                return Err(Close::OutOfTurn);
            }
            at.books.pinged(at.now_ns, client.since_ns(at.now_ns));
        }
        (_, _) => return Err(Close::OutOfTurn),
    }
    Ok(())
}

fn on_connack(client: &mut Client, connack: Connack, at: &mut Context<'_>) -> Result<(), Close> {
    if connack.reason != 0 {
        return Err(Close::Refused(connack.reason));
    }
    // Every client starts clean [MQTT-3.2.2-2].
    at.books.counts.wrong_takeovers += u64::from(connack.session_present);
    let began_ns = at.now_ns - client.since_ns(at.now_ns).min(at.now_ns);
    at.books.connected(at.now_ns, began_ns);
    client.state = State::Connected;
    client.set(RETURNS, true);
    client.attempts = 0;
    if let Some(publisher) = at.talkers.at(at.place) {
        publisher.on_connack(connack.receive_maximum);
    }
    subscribe(at);
    Ok(())
}

fn subscribe(at: &mut Context<'_>) {
    let own = at.plan.fleet.subscribe_own.then_some("dev/{client}/cmd");
    let templates = own
        .into_iter()
        .chain(at.plan.filters.iter().map(String::as_str));
    for (packet_id, template) in (1..).zip(templates) {
        let client_id = at.plan.run.client_id(at.number);
        let filter = stamp::topic(template, &client_id, at.number);
        encode::subscribe(at.out, at.plan.version, packet_id, filter.as_bytes());
    }
}
