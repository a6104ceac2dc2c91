import { CHANNEL, type Entry, type InvitationChanged, type PostRefused } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { expect } from '@jest/globals';
import { Bridge } from './bridge.js';
import { type BusKind, type Instance, type InstanceOptions, World } from './world.js';

/** Two nodes with everything of their own, and the line between them. */
export class Nodes {
  readonly invitations: InvitationChanged[] = [];
  readonly refused: PostRefused[] = [];

  private constructor(
    readonly home: World,
    readonly away: World,
    readonly bridge: Bridge,
    readonly instance: Instance,
  ) {}

  /** `home` is the node `a7f3k9m2`, `away` the node `b8x1n5p4`. */
  static async open(options: InstanceOptions = {}, kind: BusKind = 'in-process'): Promise<Nodes> {
    const [home, away] = await Promise.all([World.open(kind), World.open(kind, 'b8x1n5p4')]);
    const bridge = await Bridge.open([home, away]);
    const [, instance] = await Promise.all([home.start(options), away.start(options)]);
    const nodes = new Nodes(home, away, bridge, instance);
    away.bus.subscribe(CHANNEL.invitationChanged, (change) => void nodes.invitations.push(change));
    away.bus.subscribe(CHANNEL.postRefused, (refusal) => void nodes.refused.push(refusal));
    return nodes;
  }

  async close(): Promise<void> {
    this.bridge.up = false;
    await this.bridge.feed();
    await Promise.all([this.home.close(), this.away.close()]);
  }

  /** The entries of a channel as the other node keeps them, from the beginning of its replica; equal to the home's. */
  async sameLog(channelId: string): Promise<Entry[]> {
    let kept: Entry[] = [];
    await eventually(async () => {
      await this.bridge.feed();
      kept = await this.kept(channelId);
      const from = kept[0]?.seq ?? 1;
      expect(kept).toEqual((await this.home.log(channelId)).filter(({ seq }) => seq >= from));
    });
    return kept;
  }

  /** What stands in the database of the other node, read as it is: without asking the home. */
  async kept(channelId: string): Promise<Entry[]> {
    const { rows } = await this.away.admin.query<
      Omit<Entry, 'received_at' | 'seq'> & { seq: string; received_at: Date }
    >(
      `select e.seq, e.id, e.type, e.author, e.received_at, e.body from channel.channel_events e
       join channel.channels c using (channel_id) where channel_id = $1 and e.seq >= c.replica_from order by e.seq`,
      [channelId],
    );
    return rows.map((row) => ({ ...row, seq: Number(row.seq), received_at: row.received_at.toISOString() }));
  }

  async queued(): Promise<number> {
    const { rows } = await this.away.admin.query<{ posts: number }>(
      'select count(*)::int as posts from channel.outgoing_posts',
    );
    return rows[0]?.posts ?? 0;
  }
}
