import {
  type AudienceChannel,
  type AudienceNode,
  AUTH,
  CHANNEL,
  type DeviceLog,
  type EntryBatch,
  FEDERATION,
  PEER,
  PEER_KINDS,
  type PeerCall,
  type PeerKind,
  TRUST,
  type UserStanding,
} from '@dcp/contracts';
import { ed25519KeyPair, formatKey, fromBase64 } from '@dcp/crypto';
import type { Bus, Rpc } from '@dcp/node-kit';
import { DcpError, type OrderStatement, type TrustLevel } from '@dcp/protocol';
import type { Actor } from './actor.js';
import type { World } from './world.js';

type AnyPeer = Rpc<PeerCall<object>, object>;

const PAGE = 100;

/** What an entry batch looks like on its way between two nodes; the federation service has checked the signature. */
export function ordered(batch: EntryBatch, epoch = 1): EntryBatch & { order: OrderStatement } {
  const [from, to] = [batch.entries[0]?.seq ?? 1, batch.entries.at(-1)?.seq ?? 1];
  const order = { channel_id: batch.channel_id, epoch, from, to, prev_head: null };
  return { ...batch, order: { ...order, head: 'sha256:00', signature: 'ed25519:AAAA' } };
}

/**
 * The place of the federation services between nodes of a test: carries questions, and feeds the replicas from their homes as often as a
 * test wants. Switched off it is a line that is cut.
 */
export class Bridge {
  up = true;
  /** Nodes that hear nobody and are not heard. */
  readonly cut = new Set<string>();
  /** Pairs of nodes, `a b`, that do not hear each other. */
  readonly cutLines = new Set<string>();
  /** Banned users, as the trust chains of both nodes have it. */
  readonly banned: UserStanding[] = [];
  trust: TrustLevel = 'monitored';
  /** Questions wait for it. */
  hang: Promise<void> | undefined;
  /** Loses the answer of the next question of a kind, after it was served. */
  loseAnswer: PeerKind | undefined;
  /** Users whose device log a node cannot have: it has never seen them, and their own node is away. */
  readonly unseen = new Map<string, Set<string>>();
  /** Nodes whose feeds stand still. */
  readonly stalled = new Set<string>();
  /** Runs when a question was answered, before the answer arrives. */
  afterwards: ((to: string, body: object) => void | Promise<void>) | undefined;
  /** Questions that were carried, by kind. */
  readonly asked: string[] = [];
  readonly #cursors = new Map<string, number>();
  readonly #keys = new Map<string, string>();
  readonly #people = new Map<string, Actor>();
  readonly settings = new Map<string, { allow_direct_messages: boolean; blocked_users: string[] }>();
  #chains: Bus[] = [];
  #feeding: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(private readonly ends: { nodeId: string; bus: Bus }[]) {}

  static async open(worlds: World[]): Promise<Bridge> {
    const buses = await Promise.all(worlds.map((world) => world.listener('federation')));
    const chains = await Promise.all(worlds.map((world) => world.listener('trust-chain')));
    const bridge = new Bridge(worlds.map(({ nodeId }, i) => ({ nodeId, bus: buses[i] as Bus })));
    for (const [i, world] of worlds.entries()) bridge.#serve(world, buses[i] as Bus);
    for (const chain of chains) chain.serve(TRUST.standings, () => ({ standings: bridge.banned }), 'trust-chain');
    bridge.#chains = chains;
    await Promise.all([...buses, ...chains].map((bus) => bus.flush()));
    return bridge;
  }

  /** A trust chain has decided. */
  judge(standing: UserStanding): void {
    for (const chain of this.#chains) chain.publish(TRUST.standingChanged, standing);
  }

  /** As the federation service of a node asks which nodes must hear its channels. */
  audience(nodeId: string, request: { channel_id?: string; after?: string } = {}) {
    return this.#end(nodeId).request(CHANNEL.audience, request);
  }

  /** The accounts that the auth services of all nodes know. */
  know(...people: Actor[]): void {
    for (const one of people) this.#people.set(one.userId, one);
  }

  /** As the federation service of `from` hands it over at the node `to`. */
  ask(from: string, to: string, kind: PeerKind, body: object): Promise<object> {
    const peer = { node_id: from, trust: this.trust };
    return this.#end(to).request(PEER[kind] as AnyPeer, { peer, body: structuredClone(body) });
  }

  /** Gives every replica what it lacks; resolves when nothing is left. Feeds of the background are waited for. */
  feed(): Promise<void> {
    // One that has not begun finds what this one would: every entry asks for one, and together they would be late for everybody.
    this.#next ??= this.#feeding.then(() => {
      this.#next = undefined;
      return this.#feedAll().catch(() => undefined);
    });
    this.#feeding = this.#next;
    return this.#next;
  }

  #end(nodeId: string): Bus {
    const end = this.ends.find((one) => one.nodeId === nodeId);
    if (end === undefined) throw new DcpError('NODE_UNREACHABLE');
    return end.bus;
  }

  #serve({ nodeId, nodeKey, authBus }: World, bus: Bus): void {
    this.#keys.set(nodeId, formatKey('ed25519', ed25519KeyPair(fromBase64(nodeKey)).publicKey));
    bus.serve(FEDERATION.key, ({ node_id }) => ({ key: this.#keys.get(node_id) ?? '' }), 'federation');
    bus.serve(
      FEDERATION.ask,
      ({ node_id, kind, body }) => this.#carry(nodeId, node_id, kind as PeerKind, body),
      'federation',
    );
    bus.subscribe(CHANNEL.entries, () => void this.feed());
    authBus.serve(
      AUTH.deviceLogs,
      ({ users }) => ({
        logs: users.flatMap(({ user_id }) => (this.unseen.get(nodeId)?.has(user_id) ? [] : this.#logOf(user_id))),
      }),
      'auth',
    );
    authBus.serve(AUTH.settings, ({ user_id }) => this.#settingsOf(user_id), 'auth');
  }

  async #carry(from: string, to: string, kind: PeerKind, body: object): Promise<{ body: Record<string, unknown> }> {
    if (!this.up || this.#isCut(from, to) || !PEER_KINDS.includes(kind)) throw new DcpError('NODE_UNREACHABLE');
    this.asked.push(kind);
    if (this.hang !== undefined) await this.hang;
    const answer = await this.ask(from, to, kind, body);
    if (this.loseAnswer === kind) {
      this.loseAnswer = undefined;
      throw new DcpError('NODE_UNREACHABLE', { reason: 'timeout' });
    }
    await this.afterwards?.(to, body);
    void this.feed();
    return { body: structuredClone(answer) as Record<string, unknown> };
  }

  async #feedAll(): Promise<void> {
    for (const home of this.ends) {
      const { channels } = await home.bus.request(CHANNEL.audience, {});
      for (const channel of channels) {
        for (const node of channel.nodes) await this.#feedOne(home, channel, node);
      }
    }
  }

  /** The lines that were cut are there again, and all nodes notice. */
  join(): void {
    this.cut.clear();
    this.cutLines.clear();
    this.stalled.clear();
    for (const { nodeId, bus } of this.ends) {
      for (const other of this.ends)
        if (other.nodeId !== nodeId) bus.publish(FEDERATION.linkUp, { node_id: other.nodeId });
    }
    void this.feed();
  }

  #isCut(a: string, b: string): boolean {
    return this.cut.has(a) || this.cut.has(b) || this.cutLines.has(`${a} ${b}`) || this.cutLines.has(`${b} ${a}`);
  }

  async #feedOne(
    home: { nodeId: string; bus: Bus },
    { channel_id, home_epoch, begun }: AudienceChannel,
    { node_id: to, since, until = Infinity }: AudienceNode,
  ): Promise<void> {
    const key = `${to} ${channel_id} ${home_epoch}`;
    while (this.up && !this.stalled.has(to) && !this.#isCut(home.nodeId, to)) {
      const after = this.#cursors.get(key) ?? Math.max(since, begun) - 1;
      const batch = await home.bus.request(CHANNEL.range, { channel_id, after, limit: PAGE });
      const entries = batch.entries.filter(({ seq }) => seq <= until);
      if (entries.length === 0) return;
      try {
        const answer = await this.ask(
          home.nodeId,
          to,
          'entries',
          ordered({ channel_id, name: batch.name, entries }, home_epoch),
        );
        this.#cursors.set(key, (answer as { last_seq: number }).last_seq);
      } catch (error) {
        const last = error instanceof DcpError && error.code === 'CONFLICT' ? error.details['last_seq'] : undefined;
        if (typeof last !== 'number' || last === after) return;
        this.#cursors.set(key, last);
      }
    }
  }

  #logOf(userId: string): DeviceLog[] {
    const one = this.#people.get(userId);
    if (one === undefined) return [];
    const { device, key } = one.session;
    const entry = { user_id: userId, seq: 1, prev: null, action: 'add' as const, device: device ?? 'dev_none' };
    const signed = {
      ...entry,
      signing_key: key,
      exchange_key: key,
      created: '2026-01-01T00:00:00Z',
      signature: 'ed25519:AAAA',
    };
    return [{ user_id: userId, public_key: key, entries: [signed], has_more: false }];
  }

  #settingsOf(user_id: string) {
    if (!this.#people.has(user_id)) throw new DcpError('USER_NOT_FOUND');
    const own = this.settings.get(user_id) ?? { allow_direct_messages: true, blocked_users: [] };
    return { user_id, show_online_status: true, ...own };
  }
}
