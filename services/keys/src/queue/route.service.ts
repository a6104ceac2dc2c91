import { createHash } from 'node:crypto';
import { FEDERATION, KEYS, type Session } from '@dcp/contracts';
import type { Bus, Clock, Pool } from '@dcp/node-kit';
import { DcpError, parseWith, ROUTED, routedMessage, type RoutedMessage } from '@dcp/protocol';
import { nodeOf } from '../remote/other-nodes.js';
import type { QueueLimits } from './placement.js';
import type { QueueStore } from './queue.store.js';

/** Less than a gateway waits for its answer. */
const ASK_MS = 4_000;
const MAX_DEVICES = 32;
const DEVICES = `select device from queues where user_id = $1 order by device limit ${MAX_DEVICES}`;

/**
 * §10.2 `route_message`: something encrypted for a user, whose sender only his node knows. It goes into the queue of each of his devices,
 * the same bytes as they came; the same again is taken once.
 */
export class RouteService {
  constructor(
    private readonly pool: Pool,
    private readonly queues: QueueStore,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly limits: QueueLimits,
  ) {}

  /** From a user of this node. 2003 for a user without devices; 3000 when his node is away: nothing waits for it. */
  async send({ user_id }: Session, value: RoutedMessage): Promise<{ devices: number }> {
    const message = parseWith(routedMessage, value);
    const [own, theirs] = [nodeOf(user_id), nodeOf(message.destination_user)];
    if (own === theirs) return await this.deliver(own, message);
    const question = { node_id: theirs, kind: 'route_message', body: message, timeout_ms: ASK_MS };
    await this.bus.request(FEDERATION.ask, question, { timeoutMs: ASK_MS + 500 });
    return { devices: 0 };
  }

  /** From the users of a node; which of them is not said. */
  async deliver(sourceNode: string, value: unknown): Promise<{ devices: number }> {
    const { destination_user: user_id, encrypted_message: body } = parseWith(routedMessage, value);
    const { rows } = await this.pool.query<{ device: string }>({
      name: 'devices_of',
      text: DEVICES,
      values: [user_id],
    });
    if (rows.length === 0) throw new DcpError('USER_NOT_FOUND', { reason: 'no_devices', user_id });
    const id = `rt_${createHash('sha256').update(body).digest('hex').slice(0, 40)}`;
    const messages = rows.map(({ device }) => ({ user_id, device, id, body }));
    const from = { user_id: sourceNode, device: ROUTED };
    const { heads } = await this.queues.append(messages, {
      from,
      now: new Date(this.clock.now()),
      limits: this.limits,
    });
    if (heads.length === 0) throw new DcpError('RATE_LIMITED', { reason: 'queue_full', retry_after: 60 });
    this.bus.publish(KEYS.queued, { devices: heads });
    return { devices: heads.length };
  }
}
