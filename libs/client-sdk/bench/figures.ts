import {
  formatKey,
  generateEd25519KeyPair,
  generateMlKemKeyPair,
  generateX25519KeyPair,
  openMessage,
  randomBytes,
  ready,
  sealMessage,
  signDigest,
  verifySigned,
} from '@dcp/crypto';
import { messageSigningInput, signingInput, type DeliveredMessage, type Prekey } from '@dcp/protocol';
import { newMessageId } from '../src/channels/compose.js';
import type { Storage } from '../src/storage/storage.js';
import { Actor, Person } from '../test/actor.js';
import { ScriptedNode } from '../test/scripted-node.js';
import { newDevice, type Device } from '../src/session/device.js';

/** What the encryption costs a client, on one core and without a network: the node is a scripted one in the same process. */

export interface BenchOptions {
  /** Members of the large channel. */
  members: number;
  /** Where a client keeps its state; memory unless given. */
  storage?: (name: string) => Promise<Storage>;
  print: (line: string) => void;
}

const MESSAGES = 500;
const ROUNDS = 5;

export async function measureAll(options: BenchOptions): Promise<void> {
  await ready();
  await bareReference(options);
  await perMessage(options);
  await firstContact(options);
  await openingAChannel(options);
  await largeChannel(options);
}

async function actor(node: ScriptedNode, name: string, { storage }: BenchOptions, archive = true): Promise<Actor> {
  const own = storage === undefined ? {} : { storage: await storage(name) };
  return await new Person(node, name).device({ archive, ...own });
}

/** What no client can do without: one signature and one seal of 256 bytes, one check and one opening. */
async function bareReference({ print }: BenchOptions): Promise<void> {
  const { seed, publicKey } = generateEd25519KeyPair();
  const [key, plaintext] = [randomBytes(32), randomBytes(256)];
  const [out, back]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const made: { sealed: ReturnType<typeof sealMessage>; signature: string }[] = [];
    const sent = await timed(async () => {
      for (let i = 0; i < MESSAGES; i++) {
        const sealed = sealMessage(key, plaintext, plaintext);
        made.push({ sealed, signature: signDigest(seed, sealed.ciphertext) });
      }
    });
    const read = await timed(async () => {
      for (const { sealed, signature } of made) {
        if (!verifySigned(publicKey, sealed.ciphertext, signature)) throw new Error('not verified');
        openMessage(key, sealed.nonce, sealed.ciphertext, plaintext);
      }
    });
    out.push((sent / MESSAGES) * 1_000);
    back.push((read / MESSAGES) * 1_000);
  }
  print(`reference: seal and sign, bare       ${summary(out)} µs`);
  print(`reference: verify and open, bare     ${summary(back)} µs`);
}

/** Encrypt and sign; verify and decrypt; both with what has to be written. */
async function perMessage(options: BenchOptions): Promise<void> {
  const [out, back]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const node = new ScriptedNode();
    const [alice, bob] = [await actor(node, 'alice', options), await actor(node, 'bob', options)];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'warm up');
    await bob.settled();
    node.listeners.delete(bob);
    const sent = await timed(async () => {
      for (let i = 0; i < MESSAGES; i++) await alice.say(room, `message ${i}`);
    });
    const messages = posts(node, room).slice(1);
    const read = await timed(async () => {
      for (const message of messages) bob.hear(message);
      await bob.engine.reader.idle();
    });
    if (bob.texts().length !== MESSAGES + 1) throw new Error(`only ${bob.texts().length} were read`);
    out.push((sent / MESSAGES) * 1_000);
    back.push((read / MESSAGES) * 1_000);
    stop(alice, bob);
  }
  options.print(`encrypt and sign, a message          ${summary(out)} µs`);
  options.print(`verify and decrypt, a message        ${summary(back)} µs`);
}

/** From nothing to the first message posted, and to its text at the other side. */
async function firstContact(options: BenchOptions): Promise<void> {
  const node = new ScriptedNode();
  const alice = await actor(node, 'alice', options);
  const peers: Actor[] = [];
  for (let i = 0; i < 20; i++) peers.push(await actor(node, `peer${i}`, options));
  const [there, read]: [number[], number[]] = [[], []];
  for (const peer of peers) {
    node.listeners.delete(peer);
    const dm = await alice.dm(peer);
    there.push(await timed(() => alice.say(dm, 'hello').then(() => undefined)));
    read.push(
      await timed(async () => {
        for (const message of posts(node, dm)) peer.hear(message);
        await peer.settled();
      }),
    );
    if (peer.texts()[0] !== 'hello') throw new Error('the first message was not read');
  }
  options.print(`first contact, sender                ${summary(there)} ms`);
  options.print(`first contact, receiver              ${summary(read)} ms`);
  stop(alice, ...peers);
}

/** A channel with 500 messages that were not opened yet. */
async function openingAChannel(options: BenchOptions): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const node = new ScriptedNode();
    const [alice, bob] = [await actor(node, 'alice', options), await actor(node, 'bob', options)];
    const room = await alice.createPrivate(bob);
    await bob.settled();
    node.listeners.delete(bob);
    for (let i = 0; i < MESSAGES; i++) await alice.say(room, `message ${i}`);
    await bob.settled();
    const messages = posts(node, room);
    let read = 0;
    times.push(await timed(async () => void (read = (await bob.engine.reader.readPage(messages)).length)));
    if (read !== MESSAGES) throw new Error('not all were read');
    stop(alice, bob);
  }
  options.print(`opening ${MESSAGES} unread messages         ${summary(times)} ms`);
}

/** A sender key to every member: cold (no session with anybody yet), then after a rotation. */
async function largeChannel(options: BenchOptions): Promise<void> {
  const { members, print } = options;
  const node = new ScriptedNode();
  const owner = await actor(node, 'owner', options);
  const room = (await owner.changes.create({ visibility: 'public', name: '#large' })).channel_id;
  owner.engine.offline();
  node.listeners.delete(owner);
  for (let i = 1; i < members; i++) joinLightly(node, new Person(node, `member${i}`), room);
  const learnt = await timed(() => owner.engine.states.refresh(room).then(() => undefined));
  print(`${members} members: chain and device logs   ${learnt.toFixed(0)} ms`);
  const cold = await timed(() => owner.say(room, 'first').then(() => undefined));
  print(`${members} members: first message, cold      ${cold.toFixed(0)} ms`);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await owner.engine.encryptor.rotate(room);
    const sent = node.calls['send_keys'] ?? 0;
    times.push(await timed(() => owner.say(room, `after rotation ${round}`).then(() => undefined)));
    if ((node.calls['send_keys'] ?? 0) === sent) throw new Error('nothing was handed over');
  }
  print(`${members} members: after a rotation         ${summary(times)} ms`);
  const queued = [...node.queues.values()].filter(({ next }) => next > ROUNDS).length;
  print(`devices reached each time            ${queued}`);
  stop(owner);
}

/** A member whose device does nothing but be there: its log entry, two prekeys that last, and its signed join. */
function joinLightly(node: ScriptedNode, person: Person, room: string): void {
  const { device, entry } = newDevice(person.identity, undefined, 'light');
  person.log.push(entry);
  const keys = [lastingPrekey(device, 'signed'), lastingPrekey(device, 'kem-last-resort')];
  node.prekeys.set(`${person.userId}/${device.id}`, { epoch: 0, keys });
  node.queues.set(`${person.userId}/${device.id}`, { next: 1, items: [] });
  const unsigned = {
    id: newMessageId(),
    type: 'system' as const,
    timestamp: new Date().toISOString(),
    author: person.userId,
    device: device.id,
    channel_id: room,
    prev_state: node.channel(room).state.head,
    certificate: entry,
    content: {
      action: 'user_joined' as const,
      actor: person.userId,
      target: person.userId,
      details: { identity_key: person.identity.file.identity.public_key },
    },
    encryption: { algorithm: 'none' as const, key_id: 'state', nonce: '' as const },
    metadata: {},
  };
  const signed = { ...unsigned, signature: signDigest(device.seed, messageSigningInput(unsigned)) };
  node.changeState(room, signed);
}

function lastingPrekey(device: Device, kind: 'signed' | 'kem-last-resort'): Prekey {
  const key =
    kind === 'signed'
      ? formatKey('x25519', generateX25519KeyPair().publicKey)
      : formatKey('ml-kem-768', generateMlKemKeyPair().publicKey);
  const created = new Date().toISOString();
  const unsigned = { user_id: device.userId, device: device.id, epoch: 0, kind, id: 1, key, created };
  return { ...unsigned, signature: signDigest(device.seed, signingInput('PREKEY', unsigned)) };
}

function posts(node: ScriptedNode, room: string): DeliveredMessage[] {
  return structuredClone(node.channel(room).log.filter(({ type }) => type === 'text'));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Median, and the range. */
function summary(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const digits = (sorted.at(-1) ?? 0) < 100 ? 1 : 0;
  const [low, median, high] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${median?.toFixed(digits)} (${low?.toFixed(digits)} to ${high?.toFixed(digits)})`;
}

function stop(...actors: Actor[]): void {
  for (const one of actors) one.stop();
}
