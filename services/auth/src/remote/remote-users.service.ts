import { type AccountSettings, AUTH, type DeviceLog, FEDERATION, type PeerKind, type Profile } from '@dcp/contracts';
import type { Bus, Clock, Logger } from '@dcp/node-kit';
import {
  checkMove,
  type DeviceEntry,
  DcpError,
  isMoveOver,
  isNewerMove,
  type MovedTo,
  parseUserId,
  parseWith,
  userIdField,
} from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { verifyText } from '../moves/verify-text.js';
import type { RemoteLog, RemoteLogStore } from './remote-log.store.js';
import { extended } from './verified-log.js';

/** A log that was asked for so lately is not asked for again; its node says at once when it grows. */
const FRESH_MS = 60_000;
/** A node that did not answer is not asked for what is known of its users before then: nobody waits for it again and again. */
const AWAY_MS = 10_000;
const MAX_AWAY = 10_000;
const PROFILE_MS = 300_000;
const MAX_PROFILES = 10_000;
/** Less than a gateway waits for its answer. */
const ASK_MS = 4_000;
/** Pages of one log, or of many together, that are asked for in a row. */
const MAX_PAGES = 8;

const answeredLogs = z.looseObject({
  logs: z
    .array(
      z.looseObject({
        user_id: userIdField,
        public_key: z.string().max(200),
        entries: z.array(z.unknown()).max(1_000),
        moved_to: z.unknown().optional(),
      }),
    )
    .max(50),
});
const answeredProfile = z.looseObject({ user_id: userIdField, public_key: z.string().max(200) });
const MAX_PROFILE_BYTES = 64 * 1024;

export interface RemoteUsersParts {
  nodeId: string;
  store: RemoteLogStore;
  bus: Bus;
  clock: Clock;
  logger: Logger;
}

/** Users of other nodes, as their nodes show them: device logs verified and kept, so that they are known while their node is away. */
export class RemoteUsersService {
  readonly #profiles = new LRUCache<string, Profile>({ max: MAX_PROFILES, ttl: PROFILE_MS });
  readonly #asking = new Map<string, Promise<unknown>>();
  /** Until when, by the clock of the node. */
  readonly #away = new LRUCache<string, number>({ max: MAX_AWAY });

  constructor(private readonly parts: RemoteUsersParts) {}

  isRemote(userId: string): boolean {
    return parseUserId(userId).nodeId !== this.parts.nodeId;
  }

  /** Each after its `seq`; users whom nobody knows are left out. Never throws for what another node does. */
  async logs(after: ReadonlyMap<string, number>): Promise<DeviceLog[]> {
    const known = await this.#current([...after.keys()]);
    return [...after].flatMap(([userId, seq]) => {
      const log = known.get(userId);
      if (log === undefined) return [];
      const { publicKey: public_key, entries } = log;
      return [{ user_id: userId, public_key, entries: entries.slice(seq), has_more: false, ...this.#moved(log) }];
    });
  }

  /** USER_NOT_FOUND, NODE_UNREACHABLE, FEDERATION_ERROR. */
  async profile(userId: string): Promise<Profile> {
    const profile = await this.#profile(userId);
    return { ...profile, ...(await this.#moveOf(userId)) };
  }

  /** Without what his node says of a move: that is taken from the log, where it is verified. */
  async #profile(userId: string): Promise<Profile> {
    const cached = this.#profiles.get(userId);
    if (cached !== undefined) return cached;
    const answer = await this.#ask(parseUserId(userId).nodeId, 'user_lookup', { user_id: userId });
    if (JSON.stringify(answer).length > MAX_PROFILE_BYTES || parseWith(answeredProfile, answer).user_id !== userId)
      throw new DcpError('FEDERATION_ERROR', { reason: 'bad_answer', kind: 'user_lookup' });
    const { moved_to, ...profile } = answer as unknown as Profile;
    if (moved_to !== undefined) await this.#heardOfMove(userId);
    this.#profiles.set(userId, profile);
    return profile;
  }

  /**
   * What this node needs to know of him; presence and whom he has blocked are his node's business. Whoever has moved is known to have, also
   * when his old node is away.
   */
  async settings(userId: string): Promise<AccountSettings> {
    const shown = { user_id: userId, show_online_status: false, allow_direct_messages: false, blocked_users: [] };
    const asking = this.#ask(parseUserId(userId).nodeId, 'direct_messages', { user_id: userId });
    const [asked] = await Promise.allSettled([asking]);
    if (asked.status === 'fulfilled' && asked.value['moved_to'] !== undefined) await this.#heardOfMove(userId);
    const moved = await this.#moveOf(userId);
    if (moved.moved_to !== undefined) return { ...shown, ...moved };
    if (asked.status === 'rejected') throw asked.reason;
    return { ...shown, allow_direct_messages: asked.value['allow'] === true };
  }

  /** His node speaks of a move: if none is known, the log that should prove it is read now. */
  async #heardOfMove(userId: string): Promise<void> {
    if ((await this.#moveOf(userId)).moved_to !== undefined) return;
    await this.parts.store.expire(userId);
    await this.#current([userId]);
  }

  /** As far as it is known here. */
  async #moveOf(userId: string): Promise<{ moved_to?: MovedTo }> {
    return this.#moved((await this.parts.store.find([userId])).get(userId));
  }

  #moved(log: RemoteLog | undefined): { moved_to?: MovedTo } {
    const movedTo = log?.movedTo ?? null;
    return movedTo === null || isMoveOver(movedTo, this.parts.clock.now()) ? {} : { moved_to: movedTo };
  }

  /** The user's node says that his log has grown or that he has moved: it is read again, and whoever shares a channel with him hears of it. */
  async changed(nodeId: string, userId: string): Promise<void> {
    if (parseUserId(userId).nodeId !== nodeId)
      throw new DcpError('FEDERATION_ERROR', { reason: 'foreign_user', user_id: userId });
    const before = (await this.parts.store.find([userId])).get(userId);
    if (before === undefined) return;
    this.#away.delete(nodeId);
    await this.parts.store.expire(userId);
    const now = (await this.#current([userId])).get(userId);
    for (const entry of now?.entries.slice(before.head) ?? []) this.#tell(now as RemoteLog, entry);
  }

  #tell({ userId, head, headHash }: RemoteLog, { action, device }: DeviceEntry): void {
    const changed = { user_id: userId, seq: head, hash: headHash ?? '', action, device, remote: true as const };
    this.parts.bus.publish(AUTH.devicesChanged, changed);
  }

  /** What is known, read again where that is too long ago. */
  async #current(userIds: readonly string[]): Promise<Map<string, RemoteLog>> {
    const { store, clock } = this.parts;
    const known = await store.find(userIds);
    const stale = userIds.filter((userId) => clock.now() - (known.get(userId)?.fetchedAt.getTime() ?? 0) > FRESH_MS);
    const byNode = Map.groupBy(stale, (userId) => parseUserId(userId).nodeId);
    await Promise.all([...byNode].map(([nodeId, users]) => this.#readAgain(nodeId, users, known)));
    return stale.length === 0 ? known : await store.find(userIds);
  }

  /** A node that is away or lies changes nothing: what was known of its users stays. */
  async #readAgain(nodeId: string, users: string[], known: Map<string, RemoteLog>): Promise<void> {
    const isAway = (this.#away.get(nodeId) ?? 0) > this.parts.clock.now();
    if (isAway && users.every((userId) => known.has(userId))) return;
    const id = `${nodeId} ${users.join()}`;
    const running = this.#asking.get(id);
    if (running !== undefined) return void (await running);
    const reading = this.#read(nodeId, users, known)
      .then(() => this.#away.delete(nodeId))
      .catch((error: unknown) => {
        if (isUnreachable(error)) this.#away.set(nodeId, this.parts.clock.now() + AWAY_MS);
        this.parts.logger.info({ err: error, node: nodeId }, 'device logs were not answered');
      })
      .finally(() => this.#asking.delete(id));
    this.#asking.set(id, reading);
    await reading;
  }

  async #read(nodeId: string, users: readonly string[], known: Map<string, RemoteLog>): Promise<void> {
    let asked = users.map((user_id) => ({ user_id, after: known.get(user_id)?.head ?? 0 }));
    for (let page = 0; page < MAX_PAGES && asked.length > 0; page++) {
      const { logs } = parseWith(answeredLogs, await this.#ask(nodeId, 'device_logs', { users: asked }));
      const mine = logs.filter(({ user_id }) => asked.some((one) => one.user_id === user_id));
      for (const log of mine) await this.#take(log, known);
      asked = mine
        .filter(({ has_more: more, entries }) => more === true && entries.length > 0)
        .map(({ user_id }) => ({ user_id, after: known.get(user_id)?.head ?? 0 }));
    }
  }

  async #take(
    { user_id: userId, public_key, entries, moved_to }: z.output<typeof answeredLogs>['logs'][number],
    known: Map<string, RemoteLog>,
  ): Promise<void> {
    try {
      const log = extended(known.get(userId), userId, public_key, entries);
      const movedTo = this.#lastMove(log, moved_to);
      const fresh = { ...log, movedTo, fetchedAt: new Date(this.parts.clock.now()) };
      await this.parts.store.keep(fresh);
      known.set(userId, fresh);
      if (movedTo !== null && movedTo !== log.movedTo)
        this.parts.bus.publish(AUTH.userMoved, { user_id: userId, moved_to: movedTo });
    } catch (error) {
      if (!(error instanceof DcpError)) throw error;
      this.parts.logger.warn({ user: userId, ...error.details }, 'a device log of another node is not believed');
    }
  }

  /** What both accounts have signed, whoever says it; a node that leaves it out, or makes one up, changes nothing. */
  #lastMove({ userId, publicKey, movedTo }: RemoteLog, answered: unknown): MovedTo | null {
    if (answered === undefined) return movedTo;
    const now = this.parts.clock.now();
    const record = checkMove(answered, { userId, identityKey: publicKey, now, verify: verifyText });
    if (typeof record !== 'string') return isNewerMove(record, movedTo ?? undefined) ? record : movedTo;
    this.parts.logger.warn({ user: userId, fault: record }, 'a move that another node tells of is not believed');
    return movedTo;
  }

  async #ask(nodeId: string, kind: PeerKind, body: object): Promise<Record<string, unknown>> {
    const { bus } = this.parts;
    const question = { node_id: nodeId, kind, body, timeout_ms: ASK_MS };
    try {
      return (await bus.request(FEDERATION.ask, question, { timeoutMs: ASK_MS + 500 })).body;
    } catch (error) {
      if (!(error instanceof DcpError) || error.code !== 'MAINTENANCE_MODE') throw error;
      // Without a federation service no other node can be reached.
      throw new DcpError('NODE_UNREACHABLE', { node_id: nodeId, reason: error.details['reason'] });
    }
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof DcpError && error.code === 'NODE_UNREACHABLE';
}
