// Publishes with MQTT.js, the stock JavaScript client; prints how many messages it published.
//
//     node mqttjs.mjs HOST PORT VERSION QOS CLIENT_ID < MESSAGES
//
// MESSAGES has one JSON array on each line: topic, payload in base64.
import { createInterface } from 'node:readline';
import mqtt from 'mqtt';

const [host, port, version, qos, clientId] = process.argv.slice(2);
const levels = { '3.1': 3, '3.1.1': 4, 5: 5 };
const protocolVersion = levels[version];

const client = await mqtt.connectAsync({
  host,
  port: Number(port),
  clientId,
  protocolVersion,
  protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
  clean: true,
  reconnectPeriod: 0,
  connectTimeout: 30_000,
});
client.on('error', (error) => {
  console.error(String(error));
  process.exitCode = 1;
});

// MQTT.js does not hold back at the receive maximum that the CONNACK tells: its user must.
const inFlightMax = 64;
let published = 0;
let inFlight = [];
for await (const line of createInterface({ input: process.stdin })) {
  const [topic, payload] = JSON.parse(line);
  inFlight.push(client.publishAsync(topic, Buffer.from(payload, 'base64'), { qos: Number(qos) }));
  published += 1;
  if (inFlight.length === inFlightMax) {
    await Promise.all(inFlight);
    inFlight = [];
  }
}
await Promise.all(inFlight);
await client.endAsync();
console.log(published);
