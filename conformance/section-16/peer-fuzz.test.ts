import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startsNodes } from '../local/conformance.js';
import { HomeNode } from '../local/three-nodes.js';
import { Actor, type Room } from '../stranger/actor.js';
import type { Dict } from '../stranger/json.js';
import { type PeerLink, PeerNode } from '../stranger/peer-link.js';
import { Random } from '../stranger/random-frames.js';
import { goodPeerFrames, randomPeerFrame } from '../stranger/random-peer-frames.js';

jest.setTimeout(300_000);

const FRAMES = 200_000;
const BATCH = 64;
/** Frames on their way; then the peer waits until they are answered. */
const BURST = 4 * BATCH;
const GROWTH_MB = 150;
const PEER = 'badpeer1';

/** What the node keeps shows only when its runtime is not free to take memory instead of collecting garbage. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=192 --max-semi-space-size=8' };

if (startsNodes)
  describe('§16 random frames of another node', () => {
    const node = new HomeNode('fuzznode');
    const peer = new PeerNode(PEER);
    let folder = '';
    let alice: Actor;
    let room: Room;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dcp-conformance-fuzz-'));
      chmodSync(folder, 0o711);
      await node.settle(folder, SMALL_HEAP);
      // It is trusted: nothing that it says fails for its level alone.
      node.knows([{ id: PEER, endpoint: 'ws://127.0.0.1:1', name: PEER, trust_level: 'trusted' }]);
      await node.start();
      alice = await Actor.register(node);
      room = await alice.createChannel();
    }, 300_000);
    afterAll(async () => {
      await node.hangUp();
      await node.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    });

    it('[DCP-16.1-01] [DCP-16.1-04] 200,000 of them neither crash nor grow the node, nor hold up its users', async () => {
      const seed = Number(process.env['DCP_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
      const fuzzer = new Fuzzer(peer, node, new Random(seed), targets());
      const other = await alice.connect();
      await fuzzer.run(5_000);
      const before = residentMb(node);
      let running = true;
      const all = fuzzer.run(FRAMES).finally(() => (running = false));
      // Each post has its answer within the socket's guard: it does not wait behind the noise.
      while (running) await other.ack('send_message', alice.message(room));
      await all;
      const growth = residentMb(node) - before;
      console.log(
        `seed ${seed}: ${JSON.stringify(fuzzer.answers)}, ${fuzzer.links} links, grown by ${growth.toFixed(0)} MiB`,
      );
      expect({ seed, growth, fine: growth < GROWTH_MB }).toMatchObject({ fine: true });
      expect({ seed, unexpected: fuzzer.unexpected }).toEqual({ seed, unexpected: [] });
      expect((await alice.rest.get('/channels')).status).toBe(200);
      const { body } = await alice.rest.get(`/channels/${room.channel_id}/members`);
      expect(JSON.stringify(body)).toContain(alice.userId);
    });

    function targets() {
      return { user: alice.userId, channelId: room.channel_id, channel: room.channel, peer: PEER };
    }
  });

/** Memory of the node's process, in MiB. */
function residentMb(node: HomeNode): number {
  const status = readFileSync(`/proc/${String(node.running.pids[0])}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

/** A peer that sends noise in bursts, answers everything with noise, and opens a new link when the node ends one. */
class Fuzzer {
  /** Answers that no noise may cause. */
  readonly unexpected: unknown[] = [];
  /** How often each code was the answer. */
  readonly answers: Record<string, number> = {};
  links = 0;
  #link: PeerLink | undefined;
  #answered: () => void = () => undefined;
  #mark = 0;
  readonly #good: [string, ...string[]];

  constructor(
    private readonly peer: PeerNode,
    private readonly node: HomeNode,
    private readonly random: Random,
    targets: Parameters<typeof goodPeerFrames>[0],
  ) {
    this.#good = goodPeerFrames(targets);
  }

  async run(frames: number): Promise<void> {
    for (let sent = 0; sent < frames; sent += BURST) {
      const link = (this.#link ??= await this.#open());
      for (let i = 0; i < BURST; i += BATCH)
        link.send(Array.from({ length: BATCH }, () => randomPeerFrame(this.random, this.#good)));
      await Promise.race([this.#mayGoOn(link), link.raw.closed]);
    }
  }

  async #open(): Promise<PeerLink> {
    const { body } = await this.node.rest.raw<Dict>('GET', '/.well-known/dcp/node.json');
    const link = await this.peer.link(String(body['federation']), this.node.nodeId);
    this.links++;
    link.onFrame = (frame) => this.#take(link, frame);
    void link.raw.closed.then(() => (this.#link = undefined));
    return link;
  }

  /** A question that is always answered, behind everything else. */
  #mayGoOn(link: PeerLink): Promise<void> {
    const id = `mark${++this.#mark}`;
    const answered = new Promise<void>((resolve) => (this.#answered = resolve));
    link.send([JSON.stringify({ type: 'ask', id, kind: 'no_such_kind', body: {} })]);
    return answered;
  }

  #take(link: PeerLink, frame: Dict): void {
    const { type, id, error } = frame as { type?: string; id?: string; error?: { code?: string } };
    if (type === 'ask') return this.#reply(link, String(id));
    const result = type === 'error' ? String(error?.code) : String(type);
    this.answers[result] = (this.answers[result] ?? 0) + 1;
    if (result === 'INTERNAL_ERROR' && this.unexpected.length < 10) this.unexpected.push(frame);
    if (id === `mark${this.#mark}`) this.#answered();
  }

  #reply(link: PeerLink, id: string): void {
    const text = randomPeerFrame(this.random, this.#good);
    const refusal = JSON.stringify({ type: 'error', id, error: { code: 'USER_NOT_FOUND', message: 'x' } });
    link.send([text, this.random.below(2) === 0 ? refusal : JSON.stringify({ type: 'answer', id, body: { text } })]);
  }
}
