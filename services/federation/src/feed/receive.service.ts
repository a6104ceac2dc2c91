import { verifySigned } from '@dcp/crypto';
import type { Clock, Logger } from '@dcp/node-kit';
import { orderStatement, parseWith, signingInput } from '@dcp/protocol';
import { z } from 'zod';
import type { FederationMetrics } from '../metrics.js';
import { keyBytes, untrue } from '../peers/document-checks.js';
import { judgeOrder, type HeardOrder } from './judge-order.js';
import type { ReplicaStore } from './replica.store.js';
import { headAfter } from './running-head.js';

const entry = z.looseObject({ seq: z.number().int().min(1), body: z.string() });
const entriesBody = z.looseObject({
  // A DM is named by its two users; whether such a channel can be is its service's to say.
  channel_id: z.string().min(1).max(200),
  entries: z.array(entry).min(1).max(1_000),
  order: orderStatement,
});
type Batch = z.infer<typeof entriesBody>;

export interface ReceiveParts {
  replicas: ReplicaStore;
  clock: Clock;
  logger: Logger;
  metrics: FederationMetrics;
}

/** What a channel's home says of its order (profile §6): true to its signature, and never two things. */
export class ReceiveService {
  constructor(private readonly parts: ReceiveParts) {}

  /**
   * Gives a batch that follows what was heard to `pass` (the channel service). Throws 2000 for a malformed one, 3001 `order_signature`,
   * `order_hash`, `order_gap` (with `last_seq`), `not_home`, `old_epoch`, `order_conflict`: the home has signed two orders, and the channel is stopped here.
   */
  async receive(
    home: string,
    body: Record<string, unknown>,
    pass: (body: Record<string, unknown>) => Promise<object>,
  ): Promise<object> {
    const batch = parseWith(entriesBody, body);
    const { key, heard } = await this.parts.replicas.heard(home, batch.channel_id);
    checkSignature(key, batch, body);
    switch (judgeOrder(heard, this.#shown(home, batch, heard))) {
      case 'take':
        return await this.#take(home, batch, heard, await pass(body));
      case 'repeat':
        return { last_seq: heard?.seq ?? batch.order.to };
      case 'gap':
        throw untrue('order_gap', { last_seq: heard?.seq });
      case 'foreign':
        throw untrue('not_home');
      case 'old_epoch':
        throw untrue('old_epoch');
      case 'stopped':
        throw untrue('order_conflict');
      case 'conflict':
        return await this.#stop(batch);
    }
  }

  #shown(home: string, { entries, order }: Batch, heard: HeardOrder | undefined) {
    const reached = heard === undefined ? [] : entries.filter(({ seq }) => seq <= heard.seq);
    const headAtHeard = reached.length === 0 ? null : headAfter(order.prev_head, reached);
    return { home, order, headAtHeard, wiped: reached.some(({ body }) => body === '') };
  }

  async #take(home: string, { order }: Batch, heard: HeardOrder | undefined, answer: object): Promise<object> {
    const { last_seq } = answer as { last_seq: number };
    if (last_seq >= order.to) await this.parts.replicas.advance(home, order, heard);
    return { last_seq };
  }

  async #stop({ channel_id, order }: Batch): Promise<never> {
    const { replicas, clock, logger, metrics } = this.parts;
    await replicas.stop(channel_id, order, new Date(clock.now()));
    metrics.conflicts.inc();
    logger.error({ channel_id, from: order.from, to: order.to }, 'a home has signed two orders of one channel');
    throw untrue('order_conflict');
  }
}

/** `key`: the home's; undefined: nobody knows the node. */
function checkSignature(
  key: string | undefined,
  { channel_id, entries, order }: Batch,
  body: Record<string, unknown>,
): void {
  const signed = signingInput('ORDER', body['order'] as object);
  if (key === undefined || !verifySigned(keyBytes(key), signed, order.signature)) throw untrue('order_signature');
  const { from, to, prev_head, head } = order;
  const consecutive = entries.every(({ seq }, at) => seq === from + at);
  if (order.channel_id !== channel_id || !consecutive || to !== from + entries.length - 1) throw untrue('order_hash');
  if (headAfter(prev_head, entries) !== head) throw untrue('order_hash');
}
