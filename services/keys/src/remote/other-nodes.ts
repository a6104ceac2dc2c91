import { FEDERATION, type PeerKind } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import {
  DcpError,
  deviceReference,
  type DeviceReference,
  type KeyMessage,
  parseUserId,
  parseWith,
  prekeyBundle,
  type PrekeyBundle,
  type SentKeys,
} from '@dcp/protocol';
import { z } from 'zod';

/** Less than a gateway waits for its answer. */
const ASK_MS = 4_000;

const devices = z.array(deviceReference).max(100);
const sentKeys = z.looseObject({ unknown: devices, full: devices });
const claimedKeys = z.looseObject({ bundles: z.array(prekeyBundle).max(100) });

/** The node of a user, by his id. */
export function nodeOf(userId: string): string {
  return parseUserId(userId).nodeId;
}

/** What this service asks of its like on other nodes. */
export class OtherNodes {
  constructor(private readonly bus: Bus) {}

  /** Only bundles of the devices that were asked for: a node speaks for its own users, and the client checks every prekey. */
  async claim(nodeId: string, userId: string, asked: readonly DeviceReference[]): Promise<PrekeyBundle[]> {
    const answer = await this.#ask(nodeId, 'claim_keys', { user_id: userId, devices: asked });
    const { bundles } = parseWith(claimedKeys, answer);
    return bundles.filter(({ user_id, device }) =>
      asked.some((one) => one.user_id === user_id && one.device === device),
    );
  }

  async send(nodeId: string, from: DeviceReference, messages: readonly KeyMessage[]): Promise<SentKeys> {
    return parseWith(sentKeys, await this.#ask(nodeId, 'send_keys', { ...from, messages }));
  }

  async #ask(nodeId: string, kind: PeerKind, body: object): Promise<Record<string, unknown>> {
    const question = { node_id: nodeId, kind, body, timeout_ms: ASK_MS };
    return (await this.bus.request(FEDERATION.ask, question, { timeoutMs: ASK_MS + 500 })).body;
  }
}

/** Nothing but time helps: the same question may succeed later. The federation service of this node may be away as well. */
export function passes(error: unknown): boolean {
  return error instanceof DcpError && error.retryable;
}
