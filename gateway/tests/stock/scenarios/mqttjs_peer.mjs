// An MQTT.js client with waiting in place of events.
import mqtt from 'mqtt';

import { Arrivals, PORT, control, within } from './harness.mjs';

export const V4 = 4;
export const V5 = 5;
export const VERSIONS = [
  ['3.1.1', V4],
  ['5', V5],
];
let fences = 0;

export class Peer {
  arrived = new Arrivals();

  constructor(clientId, options = {}) {
    this.port = options.port ?? PORT;
    this.options = {
      host: '127.0.0.1',
      clientId,
      protocolVersion: V5,
      clean: true,
      reconnectPeriod: 0,
      resubscribe: false,
      ...options,
      port: this.port,
    };
  }

  async connect() {
    this.client = mqtt.connect(this.options);
    this.client.on('message', (topic, payload, packet) => this.arrived.put({ ...packet }));
    this.client.on('error', () => {}); // what matters shows in what is awaited
    await this.connected();
    return this;
  }

  async connected() {
    const refused = new Promise((_, fail) => this.client.once('error', fail));
    const connack = new Promise((done) => this.client.once('connect', done));
    this.connack = await within(Promise.race([connack, refused]), 'the CONNACK');
  }

  async again() {
    // Without its own stores it would begin with empty ones.
    const { incomingStore, outgoingStore } = this.client;
    this.client.reconnect({ incomingStore, outgoingStore });
    await this.connected();
  }

  closed() {
    return within(new Promise((done) => this.client.once('close', done)), 'the end');
  }

  async drop() {
    const closed = this.closed();
    await control('reset', this.port);
    await closed;
  }

  async subscribe(filters, options) {
    const granted = await within(this.client.subscribeAsync(filters, options), 'the SUBACK');
    return granted.map(({ qos }) => qos);
  }

  publish(topic, payload, options = {}) {
    return within(this.client.publishAsync(topic, payload, options), 'the acknowledgement');
  }

  async take(count) {
    const found = [];
    while (found.length < count) found.push(await this.arrived.take());
    return found;
  }

  async texts(count) {
    return (await this.take(count)).map(({ payload }) => payload.toString());
  }

  // What arrives beside a message that makes a whole round trip.
  async quiet() {
    const fence = `fence/${process.pid}/${(fences += 1)}`;
    await this.subscribe(fence, { qos: 0 });
    await this.publish(fence, 'fence');
    const found = [];
    for (;;) {
      const message = await this.arrived.take();
      if (message.topic === fence) break;
      found.push(message);
    }
    found.push(...(await this.arrived.afterGrace()));
    return found;
  }

  async quietTexts() {
    return (await this.quiet()).map(({ payload }) => payload.toString());
  }

  end() {
    return within(this.client.endAsync(), 'the end');
  }
}

export const connect = (clientId, options) => new Peer(clientId, options).connect();
export const endAll = (...peers) => Promise.all(peers.map((peer) => peer.end()));
export const lasting = (version) => ({
  protocolVersion: version,
  clean: false,
  properties: version === V5 ? { sessionExpiryInterval: 600 } : undefined,
});
