import { expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { conformance, ownNode } from '../local/conformance.js';
import { Actor, openSocket, type Room } from '../stranger/actor.js';
import type { Frame } from '../stranger/client-socket.js';
import type { NodeUnderTest } from '../stranger/node-under-test.js';
import type { RawSocket } from '../stranger/raw-socket.js';
import { Random, randomFrame } from '../stranger/random-frames.js';

const FRAMES = 100_000;
const SOCKETS = 5;
/** Frames on their way on one socket; then it waits until they are answered. */
const BURST = 250;
const GROWTH_MB = 150;

conformance('§16 bytes that are no frames', (node) => {
  it('[DCP-16.1-04] two hundred sockets that send noise instead of frames harm nobody else', async () => {
    const random = new Random(Date.now());
    const alice = await Actor.register(node);
    const other = await alice.connect();
    for (let i = 0; i < 200; i++) {
      const { raw } = await openSocket(node, node.url());
      raw.sendBytes(Buffer.from(Array.from({ length: 1 + random.below(300) }, () => random.below(256))));
    }
    for (const url of node.running.urls)
      await (await alice.via(url).connect()).ack('update_status', { status: 'online' });
    await other.ack('update_status', { status: 'online' });
  }, 60_000);
});

/** What the node keeps shows only when its runtime is not free to take memory instead of collecting garbage. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=160 --max-semi-space-size=8' };

ownNode('§16 random frames', { env: SMALL_HEAP }, (node) => {
  it('[DCP-6.4-03] [DCP-16.1-01] 100,000 random frames neither crash nor grow the node, and somebody else still posts', async () => {
    const seed = Number(process.env['DCP_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    const other = await alice.connect();
    const fuzzers = await Promise.all(Array.from({ length: SOCKETS }, (_, i) => Fuzzer.start(node, room, seed + i)));
    await Promise.all(fuzzers.map((fuzzer) => fuzzer.run(2_000)));
    const before = residentMb(node);
    let running = true;
    const all = Promise.all(fuzzers.map((fuzzer) => fuzzer.run(FRAMES / SOCKETS))).finally(() => (running = false));
    // Each post has its answer within the socket's guard: it does not wait behind the noise.
    while (running) await other.ack('send_message', alice.message(room));
    await all;
    const growth = residentMb(node) - before;
    expect({ seed, growth, fine: growth < GROWTH_MB }).toMatchObject({ fine: true });
    expect({ seed, unexpected: fuzzers.flatMap(({ unexpected }) => unexpected) }).toEqual({ seed, unexpected: [] });
    await other.ack('send_message', alice.message(room));
    expect((await alice.rest.get('/channels')).status).toBe(200);
  }, 180_000);
});

/** Memory of the node's process, in MiB. */
function residentMb(node: NodeUnderTest): number {
  const pid = String(node.running.pids[0]);
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return Number(execFileSync('ps', ['-o', 'rss=', '-p', pid]).toString()) / 1_024;
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(file, 'utf8'))?.[1]) / 1_024;
}

/** One user who sends noise in bursts, and opens a new socket when the node closes his. */
class Fuzzer {
  /** Answers that no noise may cause. */
  readonly unexpected: unknown[] = [];
  #raw: RawSocket | undefined;
  #answered: (() => void) | undefined;
  #mark = 0;

  private constructor(
    private readonly actor: Actor,
    private readonly random: Random,
    private readonly good: readonly [string, ...string[]],
  ) {}

  static async start(node: NodeUnderTest, room: Room, seed: number): Promise<Fuzzer> {
    const actor = await Actor.register(node);
    await actor.join(room);
    return new Fuzzer(actor, new Random(seed), goodFrames(actor, room));
  }

  async run(frames: number): Promise<void> {
    for (let sent = 0; sent < frames; sent += BURST) {
      const raw = (this.#raw ??= await this.#open());
      for (let i = 0; i < BURST; i++) raw.send(randomFrame(this.random, this.good));
      await Promise.race([this.#mayGoOn(raw), raw.closed]);
    }
  }

  async #open(): Promise<RawSocket> {
    const socket = await this.actor.connect();
    const { raw } = socket;
    raw.onText = (text) => this.#take(JSON.parse(text) as Frame);
    void raw.closed.then(() => (this.#raw = undefined));
    return raw;
  }

  #mayGoOn(raw: RawSocket): Promise<void> {
    const id = `mark${++this.#mark}`;
    raw.send(JSON.stringify({ command: 'no_such_command', id }));
    return new Promise((resolve) => (this.#answered = resolve));
  }

  #take({ id, error }: Frame): void {
    if (error?.code === 'INTERNAL_ERROR' && this.unexpected.length < 10) this.unexpected.push(error);
    if (id === `mark${this.#mark}`) this.#answered?.();
  }
}

function goodFrames(actor: Actor, { channel, channel_id }: Room): readonly [string, ...string[]] {
  const content = { text: 'hello', format: 'plain', mentions: [actor.userId], reply_to: 'msg_12345' };
  const commands: [string, object][] = [
    ['send_message', actor.message({ channel, channel_id }, { content })],
    ['send_message', { channel, content }],
    ['get_history', { channel, limit: 2, before: 'msg_12345' }],
    ['subscribe', { channel: channel_id }],
    ['update_channel', { channel, name: 'x', description: 'y' }],
    ['typing', { channel, typing: true }],
    ['update_status', { status: 'away', message: 'In a meeting' }],
    ['resume', { channels: { [channel_id]: 3 } }],
    ['create_channel', { channel: '#General', encryption: 'node', name: 'x' }],
  ];
  const frames = commands.map(([command, data], i) => JSON.stringify({ command, id: `g${i}`, data }));
  const auth = { type: 'auth_challenge_request', user_id: actor.userId, client_info: { name: 'x', version: '1' } };
  return [JSON.stringify(auth), ...frames];
}
