// Publishes with MQTT.js, the stock JavaScript client; prints what it published as JSON lines.
//
//     node mqttjs.mjs HOST PORT VERSION QOS CLIENT_ID < messages as JSON lines: [topic, payload in base64]
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

let published = [];
for await (const line of createInterface({ input: process.stdin })) {
  const [topic, payload] = JSON.parse(line);
  published.push(client.publishAsync(topic, Buffer.from(payload, 'base64'), { qos: Number(qos) }));
}
await Promise.all(published);
await client.endAsync();
console.log(published.length);
