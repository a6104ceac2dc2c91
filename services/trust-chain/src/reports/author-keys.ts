import { AUTH, type DeviceLog, FEDERATION } from '@dcp/contracts';
import { parseKey } from '@dcp/crypto';
import type { Bus } from '@dcp/node-kit';
import { keyRotation, parseUserId, parseWith, type StoredMessage } from '@dcp/protocol';
import { z } from 'zod';
import type { NodeKey } from '../node/node-key.js';

/** Another node may have to be asked. */
const ANSWER_MS = 10_000;
/** Pages of one log: a log has no end, an answer must. */
const MAX_PAGES = 20;

/** What this node's own document says of its former keys. */
const ownDocument = z.looseObject({ rotations: z.array(keyRotation).optional() });

interface Log {
  identityKey: string;
  entries: DeviceLog['entries'];
}

/** With which keys authors sign, of whatever node they are: their device logs as auth has verified them. */
export class AuthorKeys {
  constructor(
    private readonly bus: Bus,
    private readonly ownKey: NodeKey,
  ) {}

  /**
   * The keys under one of which the message must be signed; none where the device is not the author's, or was revoked before he signed.
   * Undefined where nobody knows the author now.
   */
  async of(message: StoredMessage): Promise<Uint8Array[] | undefined> {
    const log = await this.#log(message.author);
    if (log === undefined) return undefined;
    const key = message.device === undefined ? log.identityKey : keyOfDevice(log, message.device, message.timestamp);
    return key === undefined ? [] : [bytesOf(key)];
  }

  /** Of the author's node, which completes what he sends plain (profile §4): the present one and those before. */
  async ofNode({ author }: StoredMessage): Promise<Uint8Array[]> {
    const { nodeId: node_id } = parseUserId(author);
    if (node_id === this.ownKey.nodeId) return await this.#ownKeys();
    const { key, former = [] } = await this.bus.request(FEDERATION.key, { node_id }, { timeoutMs: ANSWER_MS });
    return [key, ...former].map(bytesOf);
  }

  async #ownKeys(): Promise<Uint8Array[]> {
    const { document } = await this.bus.request(AUTH.node, {}, { timeoutMs: ANSWER_MS });
    const { rotations = [] } = parseWith(ownDocument, document);
    return [this.ownKey.publicKey, ...rotations.map(({ from }) => from)].map(bytesOf);
  }

  async #log(user_id: string): Promise<Log | undefined> {
    let log: Log | undefined;
    for (let after = 0, page = 0; page < MAX_PAGES; page++) {
      const { logs } = await this.bus.request(
        AUTH.deviceLogs,
        { users: [{ user_id, after }] },
        { timeoutMs: ANSWER_MS },
      );
      const found = logs.find((one) => one.user_id === user_id);
      if (found === undefined) return log;
      log = { identityKey: found.public_key, entries: [...(log?.entries ?? []), ...found.entries] };
      if (!found.has_more || found.entries.length === 0) return log;
      after = found.entries.at(-1)?.seq ?? Number.MAX_SAFE_INTEGER;
    }
    return log;
  }
}

function bytesOf(text: string): Uint8Array {
  return parseKey(text).bytes;
}

/** The time is the author's own word: a thief who dates back is stopped by the channel's log, which took it at its time. */
function keyOfDevice({ entries }: Log, device: string, timestamp: string): string | undefined {
  const about = entries.filter((entry) => entry.device === device);
  const revoked = about.find(({ action }) => action === 'revoke');
  if (revoked !== undefined && Date.parse(revoked.created) <= Date.parse(timestamp)) return undefined;
  return about.find(({ action }) => action === 'add')?.signing_key;
}
