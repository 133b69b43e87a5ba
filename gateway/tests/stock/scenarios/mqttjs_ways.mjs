// MQTT.js by every way but plain TCP: WebSocket, TLS with and without certificates, and both.
import { readFileSync } from 'node:fs';

import { MUTUAL_PORT, SECURE_WEB_PORT, TLS_PORT, WEB_PORT } from './harness.mjs';
import { check, equal, pem, scenario } from './harness.mjs';
import { V5, VERSIONS, Peer, connect, endAll, lasting } from './mqttjs_peer.mjs';

const SIZES = [1, 300, 100_000];
const trusting = (name) => ({ protocol: 'mqtts', ca: readFileSync(pem(`${name}.pem`)) });
const shown = (name) => ({
  ...trusting('authority'),
  cert: readFileSync(pem(`${name}.pem`)),
  key: readFileSync(pem(`${name}.key`)),
});
const only = (version) => ({ minVersion: version, maxVersion: version });

// What a peer is told for each way, and the version of TLS that it must come to.
const ways = [];
if (WEB_PORT) ways.push(['websocket', { protocol: 'ws', path: '/mqtt', port: WEB_PORT }]);
if (TLS_PORT) {
  const mutual = { ...shown('client'), port: MUTUAL_PORT };
  const web = { ...trusting('authority'), protocol: 'wss', path: '/mqtt', port: SECURE_WEB_PORT };
  ways.push(['TLS', { ...trusting('authority'), port: TLS_PORT }, 'TLSv1.3']);
  ways.push(['TLS with a certificate', mutual, 'TLSv1.3']);
  ways.push(['TLS 1.2 with a certificate', { ...mutual, ...only('TLSv1.2') }, 'TLSv1.2']);
  ways.push(['websocket under TLS', web]);
}

// A session of every QoS in both directions, kept over changes between this way and TCP.
async function byAnotherWay(names, protocolVersion, way, tlsVersion) {
  const topic = names.topic();
  const kept = lasting(protocolVersion);
  const peer = await connect(names.id('roaming'), { ...kept, ...way });
  if (tlsVersion) equal(peer.client.stream.getProtocol(), tlsVersion, 'version of TLS');
  await peer.subscribe(topic, { qos: 2 });
  const texts = [0, 1, 2].flatMap((qos) => SIZES.map((size) => qos + 'x'.repeat(size)));
  for (const text of texts) await peer.publish(topic, text, { qos: Number(text[0]) });
  equal((await peer.texts(texts.length)).sort(), texts.sort(), 'its own messages');
  await peer.end();
  const other = await connect(names.id('other'), { protocolVersion });
  for (const [there, text] of [[{}, 'queued for TCP'], [way, 'y'.repeat(SIZES.at(-1))]]) {
    await other.publish(topic, text, { qos: 2 });
    const back = await connect(names.id('roaming'), { ...kept, ...there });
    check(back.connack.sessionPresent, `no session present by ${there.protocol ?? 'TCP'}`);
    equal(await back.texts(1), [text], 'queued');
    await back.end();
  }
  const fresh = await connect(names.id('roaming'), { protocolVersion, ...way });
  check(!fresh.connack.sessionPresent, 'session present after a clean start');
  await endAll(fresh, other);
}

for (const [way, options, tlsVersion] of ways) {
  for (const [name, version] of VERSIONS) {
    scenario(`${way} ${name}`, (names) => byAnotherWay(names, version, options, tlsVersion));
  }
}

// Each with what the client says of it: its own refusal of a server, and the server's alerts.
async function refused(names) {
  const witness = await connect(names.id('witness'));
  await witness.subscribe(names.topic('#'), { qos: 1 });
  const mutual = { port: MUTUAL_PORT };
  const faults = [
    [{ ...trusting('stranger'), port: TLS_PORT }, /unable to verify|issuer certificate/],
    [{ ...trusting('stranger'), protocol: 'wss', port: SECURE_WEB_PORT }, /unable to|issuer/],
    [{ ...trusting('authority'), ...mutual }, /alert certificate required/],
    [{ ...trusting('authority'), ...only('TLSv1.2'), ...mutual }, /alert/],
    [{ ...shown('impostor'), ...mutual }, /alert unknown ca/],
    [{ ...trusting('authority'), ...only('TLSv1.2'), port: TLS_PORT }, /alert protocol version/],
  ];
  for (const [options, wanted] of faults) {
    const said = await new Peer(names.id('a'), { protocolVersion: V5, ...options }).connect().then(
      () => 'it has connected',
      (fault) => String(fault),
    );
    check(wanted.test(said), `${said} instead of ${wanted}`);
  }
  const right = await connect(names.id('a'), { ...shown('client'), ...mutual });
  await right.publish(names.topic(), 'heard', { qos: 1 });
  equal(await witness.quietTexts(), ['heard'], 'to the witness');
  await endAll(right, witness);
}

if (TLS_PORT) scenario('TLS refused 5', refused);
