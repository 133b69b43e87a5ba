// What the JavaScript programs share, as `harness.py` for the Python ones.
import net from 'node:net';
import { createInterface } from 'node:readline';

const { STOCK_PORT, STOCK_CONTROL, STOCK_PKI, STOCK_RUN, STOCK_ONLY = '' } = process.env;
export const PORT = Number(STOCK_PORT);
// None where there is no such listener: WebSockets, TLS, TLS with the client's certificate, both.
const beside = (name) => Number(process.env[`STOCK_${name}_PORT`]) || null;
export const [WEB_PORT, TLS_PORT] = ['WEB', 'TLS'].map(beside);
export const [MUTUAL_PORT, SECURE_WEB_PORT] = ['MUTUAL', 'SECURE_WEB'].map(beside);
// The path of a certificate or key; `stock/pki.py` says which there are.
export const pem = (name) => `${STOCK_PKI}/${name}`;
const WAIT_MS = 10_000;
// Only ever waited for what must not come: too short a time hides a fault, it never makes one.
const GRACE_MS = 300;

const cuts = (publish, answer) =>
  [`${publish} PUBLISH`, `${answer} PUBREC`, `${publish} PUBREL`, `${answer} PUBCOMP`].flatMap(
    (packet) => ['none', 'half', 'all'].map((part) => `${packet} 1 ${part}`),
  );
export const UP_CUTS = cuts('up', 'down');
export const DOWN_CUTS = cuts('down', 'up');

const peer = net.connect(Number(STOCK_CONTROL), '127.0.0.1');
const answers = createInterface({ input: peer })[Symbol.asyncIterator]();

// One line to the control port of the proxies, one number back.
export async function control(...words) {
  peer.write(words.join(' ') + '\n');
  const answer = (await answers.next()).value;
  check(/^\d+$/.test(answer), `the proxy said ${answer} to ${words}`);
  return Number(answer);
}

export function check(good, why) {
  if (!good) throw new Error(why);
}

export function equal(found, wanted, what) {
  const [a, b] = [found, wanted].map((each) => JSON.stringify(each));
  check(a === b, `${what}: ${a} instead of ${b}`);
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export function within(promise, what, ms = WAIT_MS) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A queue that is awaited.
export class Arrivals {
  #items = [];
  #waiting = [];

  put(item) {
    const next = this.#waiting.shift();
    if (next) next(item);
    else this.#items.push(item);
  }

  take(what = 'a message') {
    if (this.#items.length) return Promise.resolve(this.#items.shift());
    return within(new Promise((done) => this.#waiting.push(done)), what);
  }

  async afterGrace() {
    await sleep(GRACE_MS);
    return this.#items.splice(0);
  }
}

const scenarios = [];
export const scenario = (name, run) => scenarios.push({ name, run });

export async function main() {
  const chosen = scenarios.filter(({ name }) => name.includes(STOCK_ONLY));
  console.log(`PLAN ${chosen.length}`);
  for (const { name, run } of chosen) {
    console.log(`RUN ${name}`);
    const stem = `${STOCK_RUN}-${name.replaceAll(' ', '-').replaceAll('.', '')}`;
    const names = { id: (role) => `${stem}-${role}`, topic: (rest = 't') => `${stem}/${rest}` };
    try {
      await run(names);
      console.log(`PASS ${name}`);
    } catch (fault) {
      const lines = [...String(fault.stack).matchAll(/(mqttjs\w*\.mjs:\d+)/g)].map((hit) => hit[1]);
      const said = String(fault).replaceAll(/\s+/g, ' ');
      console.log(`FAIL ${name}: ${said} (${lines.join(', ')})`);
    }
  }
  process.exit(0);
}
