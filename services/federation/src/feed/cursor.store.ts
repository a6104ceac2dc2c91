import type { Pool } from '@dcp/node-kit';

/** What a node has of a channel, and the batch that it was offered last. */
export interface Cursor {
  seq: number;
  /** The running hash at `seq`; null at a beginning. */
  head: string | null;
  /** The end of the batch that was offered and not yet taken. */
  sentTo: number | null;
  /** The home epoch of the orders that led here. */
  epoch: number;
}

interface Row {
  channel_id: string;
  seq: string;
  head: string | null;
  sent_to: string | null;
  epoch: number;
}

/** Only who has the lease of the node writes: the token says which hands it is in. */
const PUT = `
  insert into feed_cursors (peer, channel_id, seq, head, sent_to, sent_head, epoch)
  select $1, $3, $4, $5, $6, $7, $8 where exists (select 1 from leases where peer = $1 and token = $2)
  on conflict (peer, channel_id) do update set seq = $4, head = $5, sent_to = $6, sent_head = $7, epoch = $8`;

export class CursorStore {
  constructor(private readonly pool: Pool) {}

  async ofPeer(peer: string): Promise<Map<string, Cursor>> {
    const text = 'select channel_id, seq, head, sent_to, epoch from feed_cursors where peer = $1';
    const { rows } = await this.pool.query<Row>(text, [peer]);
    return new Map(
      rows.map(({ channel_id, seq, head, sent_to, epoch }) => [
        channel_id,
        { seq: Number(seq), head, sentTo: sent_to === null ? null : Number(sent_to), epoch },
      ]),
    );
  }

  /** False when the lease has gone to another instance. */
  async put(
    lease: { peer: string; token: number },
    channelId: string,
    { seq, head, epoch }: Pick<Cursor, 'seq' | 'head' | 'epoch'>,
    sent?: { to: number; head: string },
  ): Promise<boolean> {
    const values = [lease.peer, lease.token, channelId, seq, head, sent?.to ?? null, sent?.head ?? null, epoch];
    return (await this.pool.query(PUT, values)).rowCount === 1;
  }
}
