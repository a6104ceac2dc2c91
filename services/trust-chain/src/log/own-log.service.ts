import type { TrustProof } from '@dcp/contracts';
import { type Clock, type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import {
  DcpError,
  invalidFormat,
  type LogAction,
  MAX_TRUST_ENTRY_BYTES,
  type TrustEntry,
  type TrustEvidence,
  type TrustHead,
} from '@dcp/protocol';
import type { DecisionStore } from '../decisions/decision.store.js';
import type { LevelStore } from '../levels/level.store.js';
import type { NodeKey } from '../node/node-key.js';
import { follow, type LogPosition, type LogRow, rootOf } from './log-position.js';
import type { LogStore } from './log.store.js';
import { ProofTree } from './proof-tree.js';

/** An entry before the node gives it its place, its time and its signature. */
export interface Draft {
  action: LogAction;
  target: string;
  lifts?: number | undefined;
  expires?: string | undefined;
  per_minute?: number | undefined;
  evidence?: TrustEvidence | undefined;
  note?: string | undefined;
}

export interface OwnLogParts {
  pool: Pool;
  logs: LogStore;
  decisions: DecisionStore;
  levels: LevelStore;
  key: NodeKey;
  clock: Clock;
  maxLogEntries: number;
}

/** What this node's administrators decided, as a log that everybody who follows it can check (profile §6). */
export class OwnLogService {
  readonly #proofs: ProofTree;

  constructor(private readonly parts: OwnLogParts) {
    this.#proofs = new ProofTree(parts.logs, parts.key.nodeId);
  }

  /**
   * Writes entries in their order; on any number of replicas each follows the one before. Returns their numbers and the targets for
   * which something changed.
   */
  append(by: string, drafts: Draft[]): Promise<{ seqs: number[]; targets: string[] }> {
    const { pool, logs, decisions, key, clock } = this.parts;
    return withTransaction(pool, async (client) => {
      const held = await logs.lock(client, key.nodeId);
      const now = new Date(clock.now());
      const { rows, position } = this.#write(held.position, drafts, by, now);
      await logs.append(client, key.nodeId, rows, position, now);
      const entries = rows.map(({ entry }) => entry);
      const targets = await decisions.take(client, key.nodeId, entries, { level: 'unknown', ownNode: key.nodeId }, now);
      for (const entry of entries) targets.push(...(await this.#rate(client, entry, now)));
      return { seqs: entries.map(({ seq }) => seq), targets };
    });
  }

  /** Signed as the log is now. */
  async head(): Promise<TrustHead> {
    const { logs, key } = this.parts;
    const { position } = await logs.find(key.nodeId);
    return this.#signedHead(position);
  }

  /** One page for a node that holds `after` entries and follows the head of size `upTo`, with the proof that its tree grows into that one. */
  async page(after: number, upTo: number): Promise<{ entries: TrustEntry[]; proof: string[] }> {
    const { logs, key } = this.parts;
    const { position } = await logs.find(key.nodeId);
    if (upTo > position.frontier.size) throw invalidFormat('beyond_the_log', 'up_to');
    const entries = await logs.page(key.nodeId, after, upTo);
    return { entries, proof: await this.#proofs.consistency(after + entries.length, upTo) };
  }

  async proof(seq: number): Promise<TrustProof> {
    const { logs, key } = this.parts;
    const { position } = await logs.find(key.nodeId);
    const [entry] = await logs.page(key.nodeId, seq - 1, seq);
    if (entry === undefined) throw new DcpError('MESSAGE_NOT_FOUND', { reason: 'no_such_entry' });
    return {
      entry,
      head: this.#signedHead(position),
      proof: await this.#proofs.inclusion(seq - 1, position.frontier.size),
    };
  }

  #signedHead(position: LogPosition): TrustHead {
    const { key, clock } = this.parts;
    const issued = new Date(clock.now()).toISOString();
    return key.signed({ issuer: key.nodeId, size: position.frontier.size, root: rootOf(position), issued });
  }

  #write(start: LogPosition, drafts: Draft[], by: string, now: Date): { rows: LogRow[]; position: LogPosition } {
    const { key, maxLogEntries } = this.parts;
    if (start.frontier.size + drafts.length > maxLogEntries)
      throw new DcpError('CONFLICT', { reason: 'log_full', max_entries: maxLogEntries });
    const rows: LogRow[] = [];
    let position = start;
    for (const draft of drafts) {
      const { size } = position.frontier;
      const place = { issuer: key.nodeId, seq: size + 1, prev: position.lastHash, issued: now.toISOString() };
      const followed = follow(position, key.signed({ ...place, ...present(draft), by }));
      requireShort(followed.row);
      rows.push(followed.row);
      position = followed.position;
    }
    return { rows, position };
  }

  /** A node that is blocked by decision is rated so, and what it decided is listened to no more; what takes it back ends that. */
  async #rate(client: PoolClient, { action, target, by }: TrustEntry, now: Date): Promise<string[]> {
    const { levels, logs, decisions, key } = this.parts;
    const lifted = action === 'lift' && !target.includes('.') && !target.startsWith('msg_');
    if (action !== 'block_node' && !lifted) return [];
    await logs.lock(client, target);
    if (lifted) await levels.unblock(client, target);
    else await levels.set(client, target, 'blocked', by, now);
    return decisions.rejudge(client, target, { level: await levels.of(client, target), ownNode: key.nodeId });
  }
}

/** Whoever follows the log takes no longer entry, and could take nothing after it either. */
function requireShort({ body }: LogRow): void {
  if (Buffer.byteLength(body) > MAX_TRUST_ENTRY_BYTES)
    throw invalidFormat(`longer than ${MAX_TRUST_ENTRY_BYTES} bytes`, 'evidence');
}

/** Members that are `undefined` do not exist in what is signed; nor may they in what is stored. */
function present(draft: Draft): Draft {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as unknown as Draft;
}
