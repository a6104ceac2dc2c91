import { type Bus, type Clock, type Logger, type Pool, withTransaction } from '@dcp/node-kit';
import { asDcpError, type TrustHead } from '@dcp/protocol';
import type { Announcer } from '../decisions/announcer.js';
import type { DecisionStore } from '../decisions/decision.store.js';
import type { LevelStore } from '../levels/level.store.js';
import { LogContradiction } from '../log/log-position.js';
import type { HeldLog, LogStore } from '../log/log.store.js';
import type { TrustMetrics } from '../metrics.js';
import { eachOf } from './each-of.js';
import { compareHead, followPage } from './follow-log.js';
import { BadSignature, PeerLog } from './peer-log.js';

/** Nodes that are asked at the same time: one that does not answer holds nobody up for long. */
const AT_ONCE = 8;
/** After a failure; a link that comes up makes it sooner. */
const RETRY_MS = 10_000;

export interface SyncParts {
  pool: Pool;
  bus: Bus;
  logs: LogStore;
  levels: LevelStore;
  decisions: DecisionStore;
  announcer: Announcer;
  clock: Clock;
  logger: Logger;
  metrics: TrustMetrics;
  ownNode: string;
  everyMs: number;
  maxLogEntries: number;
}

/** Follows the logs of the nodes that are trusted or monitored: from time to time, and when one says that it has grown. */
export class SyncService {
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  #round: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(private readonly parts: SyncParts) {}

  start(): void {
    const { everyMs } = this.parts;
    this.#timer = setInterval(() => void this.round(everyMs), Math.min(everyMs, RETRY_MS));
    void this.round(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await Promise.all(this.#running.values());
  }

  /** All that nobody has asked for so long, shared among the replicas; those that could not be had come sooner. Never throws. */
  round(ageMs: number): Promise<void> {
    this.#round ??= this.#all(ageMs).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #all(ageMs: number): Promise<void> {
    const { levels, logs, clock, logger } = this.parts;
    try {
      await eachOf(await levels.followed(), AT_ONCE, async (nodeId) => {
        const now = clock.now();
        const [before, retryBefore] = [now - ageMs, now - Math.min(ageMs, RETRY_MS)];
        if (await logs.claimCheck(nodeId, new Date(now), new Date(before), new Date(retryBefore)))
          await this.sync(nodeId);
      });
    } catch (error) {
      logger.debug({ err: error }, 'could not ask for trust logs, trying again later');
    }
  }

  /** One of them. A call while it runs makes it run once more. Never throws. */
  sync(nodeId: string): Promise<void> {
    const running = this.#running.get(nodeId);
    if (running !== undefined) {
      this.#again.add(nodeId);
      return running;
    }
    const run = this.#runs(nodeId).finally(() => this.#running.delete(nodeId));
    this.#running.set(nodeId, run);
    return run;
  }

  async #runs(nodeId: string): Promise<void> {
    do {
      this.#again.delete(nodeId);
      await this.#tried(nodeId);
    } while (this.#again.has(nodeId) && !this.#stopped);
  }

  async #tried(nodeId: string): Promise<void> {
    const { logger, metrics, logs, clock } = this.parts;
    try {
      await this.#sync(nodeId);
    } catch (error) {
      const { word, forked } = faultOf(error);
      metrics.faults.inc({ fault: word });
      logger[forked ? 'warn' : 'debug']({ node: nodeId, fault: word }, 'the trust log was not taken');
      await logs.fail(nodeId, word, new Date(clock.now()), forked).catch((failed: unknown) => {
        logger.debug({ err: failed }, 'could not write down why');
      });
    }
  }

  async #sync(nodeId: string): Promise<void> {
    const { logs, levels, bus, clock } = this.parts;
    const level = await levels.ofNow(nodeId);
    if (level !== 'trusted' && level !== 'monitored') return;
    let held = await logs.find(nodeId);
    if (held.state === 'forked') return;
    const peer = new PeerLog(bus, nodeId);
    const head = await peer.head();
    if (head.size > this.parts.maxLogEntries) throw new TooLong();
    // Another replica may have taken entries meanwhile.
    held = await logs.find(nodeId);
    while (compareHead(held, head) === 'grown' && !this.#stopped) {
      await this.#takePage(peer, held, head);
      held = await logs.find(nodeId);
    }
    if (compareHead(held, head) === 'nothing') await logs.confirm(nodeId, head, new Date(clock.now()));
  }

  async #takePage(peer: PeerLog, held: HeldLog, head: TrustHead): Promise<void> {
    const { pool, logs, levels, decisions, clock, announcer, metrics, ownNode } = this.parts;
    const page = await peer.page(held.position.frontier.size, head.size);
    const { rows, position } = followPage(held.position, page, head);
    const targets = await withTransaction(pool, async (client) => {
      const locked = await logs.lock(client, peer.nodeId);
      if (locked.position.frontier.size !== held.position.frontier.size || locked.state === 'forked') return [];
      const now = new Date(clock.now());
      await logs.append(client, peer.nodeId, rows, position, now);
      const level = await levels.of(client, peer.nodeId);
      metrics.taken.inc({ level }, rows.length);
      return decisions.take(client, peer.nodeId, page.entries, { level, ownNode }, now);
    });
    await announcer.announce(targets);
  }
}

class TooLong extends Error {}

function faultOf(error: unknown): { word: string; forked: boolean } {
  if (error instanceof LogContradiction) return { word: error.fault, forked: true };
  if (error instanceof BadSignature) return { word: 'bad_signature', forked: false };
  if (error instanceof TooLong) return { word: 'too_long', forked: false };
  return { word: asDcpError(error).code.toLowerCase(), forked: false };
}
