import { KEYS, type Session } from '@dcp/contracts';
import type { Bus, Clock } from '@dcp/node-kit';
import {
  acknowledgeKeys,
  DcpError,
  type DeviceReference,
  fetchKeys,
  type KeyMessage,
  parseWith,
  type QueuePage,
  sendKeys,
  type SentKeys,
} from '@dcp/protocol';
import { ownDevice } from '../own-device.js';
import { nodeOf } from '../remote/other-nodes.js';
import type { RemoteKeysService } from '../remote/remote-keys.service.js';
import type { QueueLimits } from './placement.js';
import { PAGE_BYTES, type QueueStore } from './queue.store.js';

/** What devices send each other, encrypted by their pairwise sessions (profile §5): kept until the receiver has written it down. */
export class QueueService {
  constructor(
    private readonly store: QueueStore,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly limits: QueueLimits,
    private readonly remote: RemoteKeysService,
  ) {}

  async send(session: Session, value: unknown[]): Promise<SentKeys> {
    const from = ownDevice(session);
    const { messages } = parseWith(sendKeys, { messages: value });
    checkSize(messages);
    const here = nodeOf(from.user_id);
    const others = messages.filter(({ user_id }) => nodeOf(user_id) !== here);
    if (others.length === 0) return await this.#put(from, messages);
    const local = messages.filter(({ user_id }) => nodeOf(user_id) === here);
    const [own, theirs] = await Promise.all([this.#put(from, local), this.remote.send(from, others)]);
    return { unknown: [...own.unknown, ...theirs.unknown], full: [...own.full, ...theirs.full] };
  }

  /** From a device of another node: into queues of devices of this one. */
  async sendForPeer(from: DeviceReference, value: unknown[]): Promise<SentKeys> {
    const { messages } = parseWith(sendKeys, { messages: value });
    checkSize(messages);
    return await this.#put(from, messages);
  }

  async #put(from: DeviceReference, messages: KeyMessage[]): Promise<SentKeys> {
    if (messages.length === 0) return { unknown: [], full: [] };
    const sender = { from, now: new Date(this.clock.now()), limits: this.limits };
    const { heads, unknown, full } = await this.store.append(messages, sender);
    // Also for what came before: the event may be what got lost.
    if (heads.length > 0) this.bus.publish(KEYS.queued, { devices: heads });
    return { unknown, full };
  }

  async fetch(session: Session, after: number, limit: number): Promise<QueuePage> {
    const owner = ownDevice(session);
    parseWith(fetchKeys, { after, limit });
    return this.store.page(owner, after, limit);
  }

  async acknowledge(session: Session, upTo: number): Promise<{ left: number }> {
    const owner = ownDevice(session);
    parseWith(acknowledgeKeys, { up_to: upTo });
    return { left: await this.store.take(owner, upTo, new Date(this.clock.now())) };
  }
}

function checkSize(messages: KeyMessage[]): void {
  const size = messages.reduce((sum, { body }) => sum + body.length, 0);
  if (size > PAGE_BYTES) throw new DcpError('MESSAGE_TOO_LARGE', { max_size: PAGE_BYTES });
}
