import type { Pool, PoolClient } from '@dcp/node-kit';
import { formatHash, sha256 } from '@dcp/crypto';
import { canonicalJson, DcpError, endBefore, handoverInput, handoverRecord, type HandoverRecord } from '@dcp/protocol';
import { MAX_HANDOVERS } from '@dcp/protocol';

const CHAIN = `
  select record from handovers where channel_id = $1 and record <> '' order by epoch limit ${MAX_HANDOVERS}`;

const LAST = `
  select from_node, to_node, epoch, last_seq from handovers where channel_id = $1 order by epoch desc limit 1`;

const INSERT = `
  insert into handovers (channel_id, epoch, from_node, to_node, hash, record, last_seq, at)
  values ($1, $2, $3, $4, $5, $6, $7, $8)`;

/** `sha256:` of what its owner signed: the name of a hand-over. */
export function handoverHash(handover: object): string {
  return hashOf(handoverInput(handover));
}

export function hashOf(bytes: Uint8Array): string {
  return formatHash(sha256(bytes));
}

/** Who gave a channel to whom the last time, and up to where it was ordered before. */
export interface LastMove {
  fromNode: string;
  toNode: string;
  epoch: number;
  lastSeq: number;
}

/** The hand-overs of a channel from the first on. */
export async function findChain(client: Pool | PoolClient, channelId: string): Promise<HandoverRecord[]> {
  const { rows } = await client.query<{ record: string }>(CHAIN, [channelId]);
  return rows.map(({ record }) => handoverRecord.parse(JSON.parse(record)));
}

export async function findLastMove(client: Pool | PoolClient, channelId: string): Promise<LastMove | undefined> {
  const { rows } = await client.query<{ from_node: string; to_node: string; epoch: number; last_seq: string }>(LAST, [
    channelId,
  ]);
  const row = rows[0];
  if (row === undefined) return undefined;
  return { fromNode: row.from_node, toNode: row.to_node, epoch: row.epoch, lastSeq: Number(row.last_seq) };
}

export async function insertHandovers(client: PoolClient, records: HandoverRecord[], now: string): Promise<void> {
  for (const record of records) {
    const { channel_id, epoch, from_node, to_node } = record.handover;
    const hash = handoverHash(record.handover);
    const last = endBefore(record);
    await client.query(INSERT, [channel_id, epoch, from_node, to_node, hash, canonicalJson(record), last, now]);
  }
}

/**
 * The hand-overs that are new here. Throws FEDERATION_ERROR `handover_conflict` where another one of the same epoch is known: the first that
 * a node has taken stays.
 */
export function freshOf<T extends { handover: HandoverRecord['handover'] }>(known: HandoverRecord[], told: T[]): T[] {
  const hashes = new Map(known.map(({ handover }) => [handover.epoch, handoverHash(handover)]));
  return told.filter(({ handover }) => {
    const hash = hashes.get(handover.epoch);
    if (hash === undefined) return true;
    if (hash === handoverHash(handover)) return false;
    throw new DcpError('FEDERATION_ERROR', { reason: 'handover_conflict', epoch: handover.epoch });
  });
}
