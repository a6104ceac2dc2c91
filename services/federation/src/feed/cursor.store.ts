import { Gathered, type Pool } from '@dcp/node-kit';

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

interface Written {
  lease: { peer: string; token: number };
  channelId: string;
  cursor: Pick<Cursor, 'seq' | 'head' | 'epoch'>;
  sent: { to: number; head: string } | undefined;
}

/** Rows of one statement at most. */
const MAX_ROWS = 256;

/**
 * Only who has the lease of the node writes: the token says which hands it is in. In the order of the key, so that two instances never wait
 * for each other in a circle.
 */
const PUT = `
  with held as (
    select new.* from
      unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::int[]) with ordinality
        as new (peer, token, channel_id, seq, head, sent_to, sent_head, epoch, place)
    join leases l on l.peer = new.peer and l.token = new.token
  ), written as (
    insert into feed_cursors (peer, channel_id, seq, head, sent_to, sent_head, epoch)
    select peer, channel_id, seq, head, sent_to, sent_head, epoch from held order by peer collate "C", channel_id
    on conflict (peer, channel_id) do update set seq = excluded.seq, head = excluded.head, sent_to = excluded.sent_to,
      sent_head = excluded.sent_head, epoch = excluded.epoch
  )
  select place from held`;

export class CursorStore {
  /** Feeds of all nodes and channels wait for the same disk. */
  readonly #puts: Gathered<Written, boolean>;

  constructor(private readonly pool: Pool) {
    this.#puts = new Gathered((written) => this.#put(written), MAX_ROWS);
  }

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

  /** False when the lease has gone to another instance. One at a time for each node and channel. */
  put(
    lease: Written['lease'],
    channelId: string,
    cursor: Written['cursor'],
    sent?: { to: number; head: string },
  ): Promise<boolean> {
    return this.#puts.run({ lease, channelId, cursor, sent });
  }

  async #put(written: Written[]): Promise<boolean[]> {
    const values = [
      written.map(({ lease }) => lease.peer),
      written.map(({ lease }) => lease.token),
      written.map(({ channelId }) => channelId),
      written.map(({ cursor }) => cursor.seq),
      written.map(({ cursor }) => cursor.head),
      written.map(({ sent }) => sent?.to ?? null),
      written.map(({ sent }) => sent?.head ?? null),
      written.map(({ cursor }) => cursor.epoch),
    ];
    const { rows } = await this.pool.query<{ place: string }>({ name: 'put_cursors', text: PUT, values });
    const held = new Set(rows.map(({ place }) => Number(place) - 1));
    return written.map((_, place) => held.has(place));
  }
}
