// MQTT.js, the stock JavaScript client, in versions 3.1.1 and 5.
import { DOWN_CUTS, UP_CUTS } from './harness.mjs';
import { check, control, equal, main, scenario, sleep } from './harness.mjs';
import { V5, VERSIONS, connect, endAll, lasting } from './mqttjs_peer.mjs';
import './mqttjs_ways.mjs'; // its scenarios come with ours

for (const [name, protocolVersion] of VERSIONS) {
  scenario(`persistent session ${name}`, async (names) => {
    const away = await connect(names.id('away'), lasting(protocolVersion));
    equal(away.connack.sessionPresent, false, 'session present at first');
    equal(await away.subscribe(names.topic(), { qos: 2 }), [2], 'SUBACK');
    await away.end();
    const source = await connect(names.id('source'), { protocolVersion });
    for (const qos of [1, 2]) {
      for (let number = 0; number < 20; number += 1) {
        await source.publish(names.topic(), `${number}`, { qos });
      }
    }
    const back = await connect(names.id('away'), lasting(protocolVersion));
    equal(back.connack.sessionPresent, true, 'session present afterwards');
    const found = await back.take(40);
    for (const qos of [1, 2]) {
      const numbers = found.filter((each) => each.qos === qos).map(({ payload }) => `${payload}`);
      equal(numbers, [...Array(20).keys()].map(String), `queued at QoS ${qos}`);
    }
    equal(await back.quietTexts(), [], 'beside them');
    await back.end();
    const fresh = await connect(names.id('away'), { protocolVersion });
    equal(fresh.connack.sessionPresent, false, 'session present after a clean start');
    await source.publish(names.topic(), 'to nobody', { qos: 1 });
    equal(await fresh.quietTexts(), [], 'after a clean start');
    await endAll(source, fresh);
  });

  scenario(`QoS 2 up over cuts ${name}`, async (names) => {
    const witness = await connect(names.id('witness'), { protocolVersion });
    await witness.subscribe(names.topic('#'), { qos: 2 });
    for (const [number, cut] of UP_CUTS.entries()) {
      const port = await control('open', 'cut', cut);
      const peer = await connect(names.id(`p${number}`), { ...lasting(protocolVersion), port });
      const closed = peer.closed();
      const done = peer.publish(names.topic(`t${number}`), `once ${number}`, { qos: 2 });
      done.catch(() => {});
      await closed;
      equal(await control('cuts', port), 1, `connections cut at ${cut}`);
      await peer.again();
      equal(peer.connack.sessionPresent, true, `session present after ${cut}`);
      await done;
      await peer.publish(names.topic(`t${number}`), `next ${number}`, { qos: 2 });
      equal(await witness.texts(2), [`once ${number}`, `next ${number}`], `after ${cut}`);
      await peer.end();
    }
    equal(await witness.quietTexts(), [], 'duplicates');
    await witness.end();
  });

  scenario(`QoS 2 down over cuts ${name}`, async (names) => {
    const source = await connect(names.id('source'), { protocolVersion });
    for (const [number, cut] of DOWN_CUTS.entries()) {
      const topic = names.topic(`t${number}`);
      const port = await control('open', 'cut', cut);
      const peer = await connect(names.id(`s${number}`), { ...lasting(protocolVersion), port });
      await peer.subscribe(topic, { qos: 2 });
      const closed = peer.closed();
      await source.publish(topic, 'once', { qos: 2 });
      await closed;
      equal(await control('cuts', port), 1, `connections cut at ${cut}`);
      await source.publish(topic, 'next', { qos: 2 });
      await peer.again();
      equal(await peer.texts(2), ['once', 'next'], `after ${cut}`);
      equal(await peer.quietTexts(), [], `duplicates after ${cut}`);
      await peer.end();
    }
    await source.end();
  });

  scenario(`will on reset ${name}`, async (names) => {
    const watcher = await connect(names.id('watcher'), { protocolVersion });
    await watcher.subscribe(names.topic('#'), { qos: 2 });
    const mortal = async (role) =>
      connect(names.id(role), {
        protocolVersion,
        port: await control('open'),
        will: { topic: names.topic(role), payload: Buffer.from(role), qos: 2, retain: true },
      });
    await (await mortal('reset')).drop();
    equal(await watcher.texts(1), ['reset'], 'after RST');
    await (await mortal('polite')).end();
    equal(await watcher.quietTexts(), [], 'after DISCONNECT');
    const late = await connect(names.id('late'), { protocolVersion });
    await late.subscribe(names.topic('#'), { qos: 1 });
    const [kept] = await late.take(1);
    equal([kept.retain, kept.qos, `${kept.payload}`], [true, 1, 'reset'], 'the retained will');
    await late.publish(names.topic('reset'), '', { retain: true, qos: 1 });
    await endAll(watcher, late);
  });
}

scenario('CONNACK properties', async (names) => {
  const peer = await connect(names.id('a'), {
    keepalive: 33,
    properties: { sessionExpiryInterval: 60, requestResponseInformation: true },
  });
  const told = peer.connack.properties ?? {};
  equal(peer.connack.reasonCode, 0, 'reason code');
  check(!('maximumQoS' in told), 'QoS 2 is supported, so Maximum QoS must not be told');
  for (const name of ['retainAvailable', 'wildcardSubscriptionAvailable']) {
    equal(told[name] ?? true, true, name);
  }
  for (const name of ['subscriptionIdentifiersAvailable', 'sharedSubscriptionAvailable']) {
    equal(told[name] ?? true, true, name);
  }
  check((told.topicAliasMaximum ?? 0) > 0, 'no topic aliases');
  equal(told.assignedClientIdentifier, undefined, 'assigned client id');
  equal(told.sessionExpiryInterval ?? 60, 60, 'session expiry');
  equal(told.serverKeepAlive ?? 33, 33, 'server keep-alive');
  await peer.end();
});

scenario('assigned client id', async (names) => {
  const peer = await connect('', { properties: { sessionExpiryInterval: 60 } });
  const assigned = peer.connack.properties?.assignedClientIdentifier;
  check(assigned, 'no client id assigned');
  await peer.subscribe(names.topic(), { qos: 1 });
  await peer.end();
  const again = await connect(assigned, { clean: false });
  equal(again.connack.sessionPresent, true, 'session present by the assigned id');
  await again.end();
});

// MQTT.js gives and resolves aliases itself: what is counted are topics that were left out.
scenario('topic aliases upwards', async (names) => {
  const source = await connect(names.id('source'), { autoAssignTopicAlias: true });
  const peer = await connect(names.id('s'));
  await aliased(names, source, peer, source.client, 'packetsend');
});

scenario('topic aliases downwards', async (names) => {
  const source = await connect(names.id('source'));
  const peer = await connect(names.id('s'), { properties: { topicAliasMaximum: 2 } });
  await aliased(names, source, peer, peer.client, 'packetreceive');
});

async function aliased(names, source, peer, client, event) {
  let aliases = 0;
  client.on(event, ({ cmd, properties }) => {
    if (cmd === 'publish' && properties?.topicAlias) aliases += 1;
  });
  await peer.subscribe(names.topic('#'), { qos: 1 });
  const wanted = [];
  for (let number = 0; number < 12; number += 1) {
    const topic = names.topic(`t${number % 3}`);
    await source.publish(topic, `${number}`, { qos: 1 });
    wanted.push([topic, `${number}`]);
  }
  const found = (await peer.take(12)).map(({ topic, payload }) => [topic, `${payload}`]);
  equal(found.sort(), wanted.sort(), 'topics and payloads');
  check(aliases > 0, 'no alias was ever used');
  await endAll(source, peer);
}

scenario('No Local and subscription identifiers', async (names) => {
  const peer = await connect(names.id('s'));
  const other = await connect(names.id('other'));
  await peer.subscribe(names.topic('a/#'), { qos: 1, nl: true });
  await peer.subscribe(names.topic('b/+'), { qos: 1, properties: { subscriptionIdentifier: 1 } });
  await peer.subscribe(names.topic('b/#'), { qos: 1, properties: { subscriptionIdentifier: 2 } });
  await peer.publish(names.topic('a/x'), 'own', { qos: 1 });
  await other.publish(names.topic('a/x'), 'other', { qos: 1 });
  await peer.publish(names.topic('b/x'), 'both', { qos: 1 });
  const found = { other: [], both: [] };
  for (const { payload, properties } of await peer.quiet()) {
    check(`${payload}` in found, `${payload} came back`);
    found[`${payload}`].push(...[properties?.subscriptionIdentifier ?? []].flat());
  }
  equal([found.other, found.both.sort()], [[], [1, 2]], 'identifiers');
  await endAll(peer, other);
});

scenario('retain handling', async (names) => {
  const source = await connect(names.id('source'));
  await source.publish(names.topic(), 'kept', { qos: 1, retain: true });
  const plans = [
    [0, false, ['kept'], ['kept']],
    [1, true, ['kept'], []],
    [2, true, [], []],
  ];
  for (const [rh, rap, first, second] of plans) {
    const peer = await connect(names.id(`s${rh}`));
    await peer.subscribe(names.topic(), { qos: 1, rh, rap });
    equal(await peer.quietTexts(), first, `handling ${rh}, first SUBSCRIBE`);
    await peer.subscribe(names.topic(), { qos: 1, rh, rap });
    equal(await peer.quietTexts(), second, `handling ${rh}, second SUBSCRIBE`);
    await source.publish(names.topic(), 'kept', { qos: 1, retain: true });
    equal((await peer.take(1))[0].retain, rap, 'RETAIN of a live message');
    await peer.end();
  }
  await source.publish(names.topic(), '', { qos: 1, retain: true });
  await source.end();
});

scenario('request, response and user properties', async (names) => {
  const [asking, serving] = await Promise.all([
    connect(names.id('asking')),
    connect(names.id('serving')),
  ]);
  await serving.subscribe(names.topic('ask'), { qos: 1 });
  await asking.subscribe(names.topic('answer'), { qos: 1 });
  const given = {
    responseTopic: names.topic('answer'),
    correlationData: Buffer.from([0, 255, 1]),
    userProperties: { z: ['1', '3'], a: '2' },
    contentType: 'text/plain',
    payloadFormatIndicator: true,
  };
  await asking.publish(names.topic('ask'), 'why?', { qos: 1, properties: given });
  const told = (await serving.take(1))[0].properties;
  equal(Object.keys(told).sort(), Object.keys(given).sort(), 'names of the properties');
  for (const name of Object.keys(given)) equal(told[name], given[name], name);
  const { correlationData } = told;
  await serving.publish(told.responseTopic, 'so', { qos: 1, properties: { correlationData } });
  const [answer] = await asking.take(1);
  equal(answer.properties.correlationData, given.correlationData, 'correlation data');
  await endAll(asking, serving);
});

scenario('message and session expiry', async (names) => {
  const properties = (sessionExpiryInterval) => ({ properties: { sessionExpiryInterval } });
  for (const [role, secs] of [['long', 60], ['short', 1]]) {
    const peer = await connect(names.id(role), { clean: false, ...properties(secs) });
    await peer.subscribe(names.topic(), { qos: 1 });
    await peer.end();
  }
  const source = await connect(names.id('source'));
  for (const messageExpiryInterval of [1, 100]) {
    const options = { qos: 1, properties: { messageExpiryInterval } };
    await source.publish(names.topic(), `${messageExpiryInterval}`, options);
  }
  await sleep(2500); // an age is what is tested
  const long = await connect(names.id('long'), { clean: false });
  const found = await long.quiet();
  equal(found.map(({ payload }) => `${payload}`), ['100'], 'queued');
  const left = found[0].properties.messageExpiryInterval;
  check(left >= 90 && left <= 98, `${left} of 100 s left after 2.5`);
  const short = await connect(names.id('short'), { clean: false });
  equal(short.connack.sessionPresent, false, 'a session of a second after 2.5');
  await endAll(source, long, short);
});

scenario('will delay', async (names) => {
  const watcher = await connect(names.id('watcher'));
  await watcher.subscribe(names.topic('#'), { qos: 1 });
  const mortal = async (role, willDelayInterval) =>
    connect(names.id(role), {
      clean: false,
      port: await control('open'),
      properties: { sessionExpiryInterval: 60 },
      will: {
        topic: names.topic(role),
        payload: Buffer.from(role),
        qos: 1,
        properties: { willDelayInterval },
      },
    });
  const [back, gone] = [await mortal('back', 1), await mortal('gone', 2)];
  await back.drop();
  await gone.drop();
  await back.again();
  equal(await watcher.texts(1), ['gone'], 'the will whose client stayed away');
  equal(await watcher.quietTexts(), [], 'the will of the one that came back');
  await endAll(watcher, back);
});

scenario('shared subscription', async (names) => {
  const members = await Promise.all([0, 1, 2].map((n) => connect(names.id(`m${n}`))));
  for (const member of members) {
    await member.subscribe(`$share/g/${names.topic('+')}`, { qos: 1 });
  }
  const source = await connect(names.id('source'));
  const numbers = [...Array(120).keys()];
  for (const number of numbers) await source.publish(names.topic('a'), `${number}`, { qos: 1 });
  const found = await Promise.all(members.map((member) => member.quietTexts()));
  equal(found.flat().map(Number).sort((a, b) => a - b), numbers, 'messages together');
  const counts = found.map(({ length }) => length);
  check(Math.min(...counts) >= 20, `balance of 120 over three: ${counts}`);
  await endAll(source, ...members);
});

await main();
