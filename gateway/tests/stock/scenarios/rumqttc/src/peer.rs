//! A rumqttc client of MQTT 5 with waiting in place of an event loop.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Filter, LastWill, Packet, Publish, PublishProperties, SubAck,
    SubscribeProperties,
};
use rumqttc::v5::{Client, Event, MqttOptions};

use crate::harness::{control, pass, port};

const WAIT: Duration = Duration::from_secs(10);
/// Only ever waited for what must not come: too short a time hides a fault, it never makes one.
const GRACE: Duration = Duration::from_millis(300);
/// Between the end of one connection and the next attempt, which the library makes by itself.
const PAUSE: Duration = Duration::from_millis(50);

enum Heard {
    Packet(Box<Packet>),
    Lost,
}

pub struct Peer {
    pub client: Client,
    pub connack: ConnAck,
    port: u16,
    heard: Receiver<Heard>,
    arrived: VecDeque<Publish>,
}

/// Options of a session that ends with its connection.
pub fn options(id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(id, "127.0.0.1", port("STOCK_PORT"));
    options.set_connection_timeout(10);
    options
}

/// Options of a session that outlives its connection.
pub fn lasting(id: &str, through: u16) -> MqttOptions {
    let mut options = MqttOptions::new(id, "127.0.0.1", through);
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(600));
    options
}

pub fn plain_port() -> u16 {
    port("STOCK_PORT")
}

pub fn will(topic: String, payload: &str) -> LastWill {
    LastWill::new(topic, payload, QoS::AtLeastOnce, false, None)
}

impl Peer {
    pub fn connect(options: MqttOptions) -> Peer {
        let port = options.broker_address().1;
        let (client, mut connection) = Client::new(options, 100);
        let (told, heard) = channel();
        thread::spawn(move || {
            let mut leaving = false;
            for event in connection.iter() {
                let news = match event {
                    Ok(Event::Incoming(packet)) => Heard::Packet(Box::new(packet)),
                    Ok(Event::Outgoing(Outgoing::Disconnect)) => {
                        leaving = true;
                        continue;
                    }
                    Ok(Event::Outgoing(_)) => continue,
                    Err(_) => Heard::Lost,
                };
                let lost = matches!(news, Heard::Lost);
                if told.send(news).is_err() || lost && leaving {
                    return;
                }
                if lost {
                    pass(PAUSE);
                }
            }
        });
        let mut peer = Peer {
            client,
            connack: ConnAck {
                session_present: false,
                code: rumqttc::v5::mqttbytes::v5::ConnectReturnCode::Success,
                properties: None,
            },
            port,
            heard,
            arrived: VecDeque::new(),
        };
        peer.up();
        peer
    }

    pub fn told(&self) -> ConnAckProperties {
        let told = self.connack.properties.clone();
        told.expect("a CONNACK without properties")
    }

    fn wait<T>(&mut self, what: &str, pick: impl Fn(&Heard) -> Option<T>) -> T {
        let end = Instant::now() + WAIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(news) = self.heard.recv_timeout(left) else {
                panic!("waited {} s for {what}", WAIT.as_secs());
            };
            if let Some(found) = pick(&news) {
                return found;
            }
            if let Heard::Packet(packet) = news
                && let Packet::Publish(publish) = *packet
            {
                self.arrived.push_back(publish);
            }
        }
    }

    fn wait_packet<T>(&mut self, what: &str, pick: impl Fn(&Packet) -> Option<T>) -> T {
        self.wait(what, |news| match news {
            Heard::Packet(packet) => pick(packet),
            Heard::Lost => None,
        })
    }

    /// Waits for the connection, or for the next one, which the library makes by itself.
    pub fn up(&mut self) {
        self.connack = self.wait_packet("the CONNACK", |packet| match packet {
            Packet::ConnAck(connack) => Some(connack.clone()),
            _ => None,
        });
    }

    pub fn down(&mut self) {
        self.wait("the end of the connection", |news| {
            matches!(news, Heard::Lost).then_some(())
        });
    }

    pub fn drop_link(&self) {
        assert_eq!(control(&format!("reset {}", self.port)), 1, "links reset");
    }

    pub fn subscribe(&mut self, topic: &str, qos: QoS) {
        self.subscribe_with(Filter::new(topic, qos), None);
    }

    pub fn subscribe_with(&mut self, filter: Filter, identifier: Option<usize>) -> SubAck {
        let properties = SubscribeProperties {
            id: identifier,
            user_properties: Vec::new(),
        };
        let sent = self
            .client
            .subscribe_many_with_properties([filter], properties);
        sent.expect("the library's queue");
        self.wait_packet("the SUBACK", |packet| match packet {
            Packet::SubAck(suback) => Some(suback.clone()),
            _ => None,
        })
    }

    /// Gives a message to the library, which sends it when it can.
    pub fn send(&self, topic: &str, payload: &str, qos: QoS) {
        let sent = self.client.publish(topic, qos, false, payload.to_owned());
        sent.expect("the library's queue");
    }

    pub fn publish(&mut self, topic: &str, payload: &str, qos: QoS) {
        self.publish_with(topic, payload, qos, false, PublishProperties::default());
    }

    pub fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        qos: QoS,
        retain: bool,
        properties: PublishProperties,
    ) {
        let payload = payload.to_owned();
        let sent = self
            .client
            .publish_with_properties(topic, qos, retain, payload, properties);
        sent.expect("the library's queue");
        self.acknowledged(qos);
    }

    pub fn acknowledged(&mut self, qos: QoS) {
        if qos == QoS::AtMostOnce {
            return;
        }
        self.wait_packet("the acknowledgement", |packet| match (packet, qos) {
            (Packet::PubAck(_), QoS::AtLeastOnce) | (Packet::PubComp(_), QoS::ExactlyOnce) => {
                Some(())
            }
            _ => None,
        });
    }

    pub fn take(&mut self) -> Publish {
        if let Some(publish) = self.arrived.pop_front() {
            return publish;
        }
        self.wait_packet("a message", |packet| match packet {
            Packet::Publish(publish) => Some(publish.clone()),
            _ => None,
        })
    }

    pub fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| text(&self.take())).collect()
    }

    /// What arrives beside a message that makes a whole round trip.
    pub fn quiet(&mut self) -> Vec<Publish> {
        let fence = format!("fence/{}/{:p}", std::process::id(), &self.port);
        self.subscribe(&fence, QoS::AtMostOnce);
        self.publish(&fence, "fence", QoS::AtMostOnce);
        let mut found = Vec::new();
        loop {
            let publish = self.take();
            if publish.topic == fence.as_bytes() {
                break;
            }
            found.push(publish);
        }
        while let Ok(news) = self.heard.recv_timeout(GRACE) {
            if let Heard::Packet(packet) = news
                && let Packet::Publish(publish) = *packet
            {
                found.push(publish);
            }
        }
        found
    }

    pub fn quiet_texts(&mut self) -> Vec<String> {
        self.quiet().iter().map(text).collect()
    }

    pub fn end(mut self) {
        self.client.disconnect().expect("the library's queue");
        self.down();
    }
}

pub fn text(publish: &Publish) -> String {
    String::from_utf8_lossy(&publish.payload).into_owned()
}
