import type { Clock } from '@dcp/node-kit';
import { DcpError, type DeviceReference, type KeyMessage, type PrekeyBundle, type SentKeys } from '@dcp/protocol';
import { distinctDevices } from '../device-list.js';
import { nodeOf, type OtherNodes, passes } from './other-nodes.js';
import type { OutgoingStore } from './outgoing.store.js';

/** Keys for and of devices of other nodes. */
export class RemoteKeysService {
  constructor(
    private readonly nodes: OtherNodes,
    private readonly store: OutgoingStore,
    private readonly clock: Clock,
  ) {}

  /** A node that is away hands nothing out: its devices are missing then. */
  async claim(userId: string, devices: readonly DeviceReference[]): Promise<PrekeyBundle[]> {
    const byNode = Map.groupBy(devices, ({ user_id }) => nodeOf(user_id));
    const answers = [...byNode].map(([nodeId, asked]) =>
      this.nodes.claim(nodeId, userId, asked).catch((error: unknown) => {
        if (error instanceof DcpError) return [];
        throw error;
      }),
    );
    return (await Promise.all(answers)).flat();
  }

  /** What a node cannot take now is kept for it: it counts as sent. */
  async send(from: DeviceReference, messages: readonly KeyMessage[]): Promise<SentKeys> {
    const byNode = Map.groupBy(messages, ({ user_id }) => nodeOf(user_id));
    const answers = await Promise.all([...byNode].map(([nodeId, some]) => this.#sendTo(nodeId, from, some)));
    return { unknown: answers.flatMap(({ unknown }) => unknown), full: answers.flatMap(({ full }) => full) };
  }

  async #sendTo(nodeId: string, from: DeviceReference, messages: KeyMessage[]): Promise<SentKeys> {
    // What was sent before must not be overtaken.
    if (await this.store.waits(nodeId)) return await this.#keep(nodeId, from, messages);
    try {
      const { unknown, full } = await this.nodes.send(nodeId, from, messages);
      const asked = new Set(messages.map(({ user_id, device }) => `${user_id}/${device}`));
      const mine = (some: DeviceReference[]) => some.filter(({ user_id, device }) => asked.has(`${user_id}/${device}`));
      return { unknown: mine(unknown), full: mine(full) };
    } catch (error) {
      if (passes(error)) return await this.#keep(nodeId, from, messages);
      if (error instanceof DcpError) return { unknown: distinctDevices(messages), full: [] };
      throw error;
    }
  }

  async #keep(nodeId: string, from: DeviceReference, messages: KeyMessage[]): Promise<SentKeys> {
    const kept = await this.store.put(nodeId, from, messages, new Date(this.clock.now()));
    return { unknown: [], full: kept ? [] : distinctDevices(messages) };
  }
}
