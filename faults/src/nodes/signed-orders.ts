import type { HomeNode } from './home-node.js';

const STOPPED = `select channel_id, evidence::text from federation.replica_heads where stopped_at is not null`;
const CURSORS = `
  select c.channel_id, c.seq::int, c.head, h.last_seq::int from federation.feed_cursors c
  join channel.channels h using (channel_id) where c.peer = $1 and h.replica_from is null`;
const REPLICAS = `
  select h.channel_id, h.seq::int, h.head from federation.replica_heads h
  join channel.channels c using (channel_id) where h.home = $1`;
const ENTRIES = `
  select e.channel_id, e.seq::int, e.id, encode(e.digest, 'hex') as digest
  from channel.channel_events e join channel.channels c using (channel_id)
  where c.home_node = $1 and e.seq >= coalesce(c.replica_from, 1)`;

interface Head {
  channel_id: string;
  seq: number;
  head: string | null;
}

/** What the nodes' databases say about the orders that homes have signed: empty when every replica has exactly what its home has. */
export async function orderFaults(nodes: readonly HomeNode[]): Promise<string[]> {
  const faults: string[] = [];
  for (const node of nodes)
    for (const { channel_id, evidence } of await node.query<{ channel_id: string; evidence: string }>(STOPPED))
      faults.push(`${node.id} heard two orders of ${channel_id}: ${evidence}`);
  for (const home of nodes)
    for (const far of nodes.filter((one) => one !== home)) faults.push(...(await pairFaults(home, far)));
  return faults;
}

async function pairFaults(home: HomeNode, far: HomeNode): Promise<string[]> {
  const cursors = await home.query<Head & { last_seq: number }>(CURSORS, [far.id]);
  const replicas = new Map((await far.query<Head>(REPLICAS, [home.id])).map((row) => [row.channel_id, row]));
  const heads = cursors.flatMap((cursor) =>
    headFaults(`${cursor.channel_id} of ${home.id} at ${far.id}`, cursor, replicas),
  );
  return [...heads, ...(await entryFaults(home, far))];
}

function headFaults(what: string, cursor: Head & { last_seq: number }, replicas: Map<string, Head>): string[] {
  const replica = replicas.get(cursor.channel_id);
  if (replica === undefined) return cursor.seq === 0 ? [] : [`${what}: no order was heard`];
  const faults: string[] = [];
  if (cursor.seq !== cursor.last_seq) faults.push(`${what}: taken to ${cursor.seq} of ${cursor.last_seq}`);
  if (replica.seq !== cursor.seq) faults.push(`${what}: cursor at ${cursor.seq}, replica at ${replica.seq}`);
  if (replica.head !== cursor.head) faults.push(`${what}: cursor and replica have different running heads`);
  return faults;
}

/** Byte by byte: the entries that the far node keeps are those of the home. */
async function entryFaults(home: HomeNode, far: HomeNode): Promise<string[]> {
  type Row = { channel_id: string; seq: number; id: string; digest: string };
  const key = ({ channel_id, seq }: Row) => `${channel_id} ${seq}`;
  const kept = new Map((await home.query<Row>(ENTRIES, [home.id])).map((row) => [key(row), row]));
  return (await far.query<Row>(ENTRIES, [home.id])).flatMap((row) => {
    const original = kept.get(key(row));
    const same = original?.id === row.id && original.digest === row.digest;
    return same ? [] : [`${far.id} keeps another entry ${key(row)} than its home ${home.id}`];
  });
}
