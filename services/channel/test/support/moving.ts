import { CHANNEL, type ChannelHome, type Entry } from '@dcp/contracts';
import { formatHash, randomBytes, sha256, toBase32 } from '@dcp/crypto';
import { type Handover, handoverInput } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { expect } from '@jest/globals';
import type { Actor } from './actor.js';
import { Bridge } from './bridge.js';
import { okOf } from './results.js';
import { person, type Person } from './sealed.js';
import { type BusKind, type Instance, type InstanceOptions, World } from './world.js';

export const A = 'a7f3k9m2';
export const B = 'b8x1n5p4';
export const C = 'c9y2q6r7';

/** What a node knows of a channel, as its database has it. */
export interface Kept {
  home_node: string;
  home_epoch: number;
  name: string;
  is_replica: boolean;
  last_seq: string;
}

/** Three nodes with a user each, between which the homes of channels move. */
export class Moving {
  #drawn = 0;

  private constructor(
    readonly worlds: Record<string, World>,
    readonly bridge: Bridge,
    readonly instances: Record<string, Instance>,
    readonly alice: Person,
    readonly bob: Person,
    readonly carol: Person,
  ) {}

  static async open(kind: BusKind, options: InstanceOptions = {}): Promise<Moving> {
    const [a, b, c] = await Promise.all([A, B, C].map((id) => World.open(kind, id)));
    const worlds = { [A]: a, [B]: b, [C]: c } as Record<string, World>;
    const bridge = await Bridge.open(Object.values(worlds));
    const started = await Promise.all(
      Object.entries(worlds).map(async ([id, world]) => [id, await world.start(options)] as const),
    );
    const people = [person('alice', A), person('bob', B), person('carol', C)] as const;
    bridge.know(...people);
    return new Moving(worlds, bridge, Object.fromEntries(started), ...people);
  }

  async close(): Promise<void> {
    this.bridge.up = false;
    await this.bridge.feed();
    await Promise.all(Object.values(this.worlds).map((world) => world.close()));
  }

  at(nodeId: string): World {
    return this.worlds[nodeId] as World;
  }

  name(): string {
    this.#drawn++;
    return `#moving-${this.#drawn}-${toBase32(randomBytes(3)).toLowerCase()}`;
  }

  /** A channel of mode `node`, made by alice at her node, with everybody in it. */
  async channel({ before = 0, name = this.name() } = {}): Promise<{ id: string; name: string }> {
    const { channel_id: id } = await this.at(A).create(this.alice, name);
    const earlier = Array.from({ length: before }, (_, i) => this.alice.post(id, `before ${i}`));
    if (before > 0) for (const result of await this.at(A).post(...earlier)) okOf(result);
    for (const who of [this.bob, this.carol]) await this.join(who, id, name);
    return { id, name };
  }

  async join(who: Actor, id: string, name: string, home = A): Promise<void> {
    const world = this.at(who.userId.slice(0, 8));
    await world.bus.request(CHANNEL.resolve, { name: `${name}@${home}`, user_id: who.userId });
    await world.join(who, id);
  }

  /** As the owner's client signs it; `changes` are made before the signature. */
  async signed(id: string, to: string, changes: Partial<Handover> = {}, by: Person = this.alice): Promise<Handover> {
    const home = await this.home(id, by);
    const last = home.handovers.at(-1)?.handover;
    const handover = {
      channel_id: id,
      epoch: home.home_epoch + 1,
      from_node: home.home_node,
      to_node: to,
      kind: 'given' as const,
      prev: last === undefined ? null : formatHash(sha256(handoverInput(last))),
      issued: new Date().toISOString(),
      author: by.userId,
      device: by.device,
      ...changes,
    };
    return { ...handover, signature: by.sign('HANDOVER', handover) };
  }

  /** At the owner's node, or another. */
  submit(handover: Handover, by: Person = this.alice, nodeId = A): Promise<ChannelHome> {
    const { channel_id } = handover;
    return this.at(nodeId).bus.request(
      CHANNEL.handOver,
      { session: by.session, channel_id, handover },
      { timeoutMs: 30_000 },
    );
  }

  async move(id: string, to: string): Promise<ChannelHome> {
    return this.submit(await this.signed(id, to));
  }

  home(id: string, who: Actor = this.alice): Promise<ChannelHome> {
    const world = this.at(who.userId.slice(0, 8));
    return world.bus.request(CHANNEL.home, { channel_id: id, user_id: who.userId });
  }

  post(who: Actor, id: string, text: string) {
    return this.at(who.userId.slice(0, 8)).postOne(who.post(id, text));
  }

  async kept(id: string, nodeId: string): Promise<Kept | undefined> {
    const { rows } = await this.at(nodeId).admin.query<Kept>(
      `select home_node, home_epoch, name, replica_from is not null as is_replica, last_seq from channel.channels
       where channel_id = $1`,
      [id],
    );
    return rows[0];
  }

  /** Every node agrees where the home is, and has the same log as it. */
  async settled(id: string, home: string, nodes = [A, B, C]): Promise<Entry[]> {
    let log: Entry[] = [];
    await eventually(async () => {
      await this.bridge.feed();
      for (const node of nodes) {
        expect(await this.kept(id, node)).toMatchObject({ home_node: home, is_replica: node !== home });
        expect(await this.queued(node)).toBe(0);
      }
      log = await this.log(id, home);
      for (const node of nodes) expect(await this.log(id, node)).toEqual(log.slice(-(await this.log(id, node)).length));
      for (const node of nodes) expect((await this.log(id, node)).at(-1)?.seq).toBe(log.length);
    }, 25_000);
    return log;
  }

  /** As the database of a node has it, from where it has no gap. */
  async log(id: string, nodeId: string): Promise<Entry[]> {
    const { rows } = await this.at(nodeId).admin.query<{ seq: string; id: string; author: string; body: string }>(
      `select e.seq, e.id, e.author, e.body from channel.channel_events e join channel.channels c using (channel_id)
       where channel_id = $1 and e.seq >= coalesce(c.replica_from, 1) order by e.seq`,
      [id],
    );
    return rows.map((row) => ({ ...row, seq: Number(row.seq) })) as Entry[];
  }

  async queued(nodeId: string): Promise<number> {
    const { rows } = await this.at(nodeId).admin.query<{ posts: number }>(
      'select count(*)::int as posts from channel.outgoing_posts',
    );
    return rows[0]?.posts ?? 0;
  }
}
