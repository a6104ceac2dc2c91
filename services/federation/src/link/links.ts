import { FEDERATION, type LinkMoved, type LinkState, type NodeLevel } from '@dcp/contracts';
import { asFailure, type Bus, type Logger, type Subscription } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { unreachable } from '../discovery/document-fetch.js';
import type { FederationMetrics } from '../metrics.js';
import { untrue } from '../peers/document-checks.js';
import type { KnownPeer } from '../peers/peer.store.js';
import type { Connection, ProvenLink, Role } from './handshake.js';
import { Line } from './line.js';
import { LineKeeper } from './line-keeper.js';
import { LineOpener, type LineOpenerParts } from './line-opener.js';
import { CLOSED, Link, type LinkParts } from './link.js';
import { replaces } from './precedence.js';

export interface LinksParts extends Omit<LineOpenerParts, 'own'> {
  link: LinkParts;
  bus: Bus;
  logger: Logger;
  metrics: FederationMetrics;
  /** Nodes to which a link is kept whether or not somebody asks. */
  always: readonly string[];
  maxLinks: number;
  leaseMs: number;
  retryMs: number;
}

/** Hears which links this instance has. */
export interface LinkWatcher {
  up(peer: string): void;
  /** The link was lost. Not when another instance has taken it over. */
  down(peer: string): void;
}

/** A node that was asked is dialled again for so long when its link is lost. */
export const WANTED_MS = 10 * 60_000;
/** Who asks does not wait longer than this for the next attempt. */
const PATIENCE_MS = 2_000;
const OUTRUN_MS = 1_500;
/** Longer than the rest of a hand-shake can take. */
const ARRIVAL_MS = 15_000;

/**
 * One link to each node for all instances of this service. Whoever has the lease keeps it; the others send their questions to him. A lease
 * that is not renewed falls to whoever wants it next.
 */
export class Links {
  /** A link has come up here. `token`: of the lease as it is now; undefined: not with this link any more. */
  onUp: (peer: string, link: Link, token: () => number | undefined) => void = () => undefined;
  readonly watchers = new Set<LinkWatcher>();
  readonly #lines = new Map<string, Line>();
  #subscription: Subscription | undefined;
  #stopped = false;

  readonly #opener: LineOpener;
  readonly #keeper: LineKeeper;

  constructor(private readonly parts: LinksParts) {
    this.#opener = new LineOpener({ ...parts, own: parts.link.key.nodeId });
    this.#keeper = new LineKeeper({
      ...parts,
      lines: this.#lines,
      idleMs: WANTED_MS,
      ready: () => parts.trust.loaded,
      open: (line) => this.#open(line),
      letGo: (line) => this.#letGo(line),
    });
  }

  start(): void {
    const { bus, always } = this.parts;
    this.#subscription = bus.subscribe(FEDERATION.linkMoved, (moved) => this.#moved(moved));
    for (const peer of always) this.want(peer, Infinity);
    this.#keeper.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#subscription?.unsubscribe();
    for (const { link } of this.#lines.values()) link?.close(CLOSED.stopping, 'stopping');
    await this.#keeper.stop();
    await Promise.allSettled([...this.#lines.values()].map(({ opening }) => opening));
    for (const { link } of this.#lines.values()) link?.close(CLOSED.stopping, 'stopping');
    await this.#keeper.release();
  }

  stateOf(peer: string): LinkState {
    return this.#lines.get(peer)?.state ?? 'off';
  }

  waitingOf(peer: string): number {
    return this.#lines.get(peer)?.link?.waiting ?? 0;
  }

  /** Every node that this instance has to do with. */
  lines(): Iterable<Pick<Line, 'peer' | 'isUp' | 'failures'>> {
    return this.#lines.values();
  }

  /** Whether any link is up at this instance. */
  get isAnyUp(): boolean {
    for (const line of this.#lines.values()) if (line.isUp) return true;
    return false;
  }

  /** Says something that nobody answers. False: the link is slow, and it was dropped; undefined: the link is not here. */
  tell(peer: string, frame: object): boolean | undefined {
    return this.#lines.get(peer)?.link?.tell(frame);
  }

  /** Keeps a link to the node for a while; nothing when there are too many. */
  want(peer: string, forMs: number, via?: string): void {
    const line = this.#lines.get(peer) ?? this.#newLine(peer);
    line?.want(forMs, via);
  }

  /**
   * The link to a node, or the instance that has it. Throws 3000 when it cannot be found or reached within the time (`retry_after`: when it
   * is tried again), 3001 when it is not who it should be, or what it said when it refused.
   */
  async reach(peer: string, via: string | undefined, timeoutMs: number): Promise<Link | string> {
    // A node that nobody has ever reached is not tried longer than somebody waits for it.
    this.want(peer, timeoutMs + PATIENCE_MS, via);
    const line = this.#lines.get(peer);
    if (line === undefined) throw unreachable('too_many_links', { retry_after: 60 });
    const deadline = performance.now() + timeoutMs;
    for (let tried = false; ; tried = true) {
      if (line.link?.isUp === true) return line.use(WANTED_MS, line.link);
      const left = deadline - performance.now();
      if (left <= 0) throw unreachable('timeout', { node_id: peer });
      if (tried && line.lastError !== undefined) throw line.failure();
      const pause = line.nextAttempt - performance.now();
      if (pause > Math.min(left, PATIENCE_MS)) throw line.failure();
      if (pause > 0 && line.opening === undefined) {
        line.lastError = undefined;
        await line.orChange(undefined, pause);
        continue;
      }
      const holder = await line.orChange(this.#open(line), left);
      if (holder !== undefined) return holder;
    }
  }

  /** The node is not who it was: its link ends, and it is tried anew at once. */
  restart(peer: string): void {
    const line = this.#lines.get(peer);
    line?.link?.close(CLOSED.quiet, 'forgotten');
    line?.outrun(0);
  }

  /** Whether a node may come in at all. Throws 3001 `blocked`, 9001 while levels are not known, 3000 `too_many_links`. */
  mayCome(peer: string): void {
    if (this.#stopped) throw new DcpError('MAINTENANCE_MODE', { reason: 'stopping' });
    if (this.parts.trust.of(peer) === 'blocked') throw untrue('blocked');
    if (!this.#lines.has(peer) && this.#lines.size >= this.parts.maxLinks) throw unreachable('too_many_links');
  }

  /** A node has proved itself at this instance: the lease comes here. Throws 3001 `duplicate` when its link is not the one that stays. */
  async admit({ nodeId }: KnownPeer): Promise<void> {
    const { link } = this.parts;
    const line = this.#lines.get(nodeId) ?? this.#newLine(nodeId);
    if (line === undefined) throw unreachable('too_many_links');
    // Until this end has adopted it, nobody forgets the line or dials in its place.
    line.want(ARRIVAL_MS, undefined);
    line.outrun(OUTRUN_MS);
    const standing = await this.#opener.standing(line);
    if (standing !== undefined && !replaces(standing, nodeId, link.key.nodeId)) throw untrue('duplicate');
    await this.#take(line, nodeId);
  }

  async adopt(connection: Connection, proven: ProvenLink): Promise<void> {
    const line = this.#lines.get(proven.peer.nodeId);
    if (line?.token === undefined || this.#stopped) return connection.ws.close(CLOSED.stopping, 'stopping');
    this.#install(line, connection, proven, 'listener');
  }

  /** A node that was blocked is cut off at once. */
  levelChanged({ node_id: peer, level }: NodeLevel): void {
    if (level !== 'blocked') {
      if (this.parts.always.includes(peer)) this.want(peer, Infinity);
      return;
    }
    const line = this.#lines.get(peer);
    line?.link?.close(CLOSED.untrue, 'blocked');
    if (line !== undefined) line.wantedUntil = 0;
  }

  /** One attempt at a time. Resolves with the holder when another instance has the lease; never rejects. */
  #open(line: Line): Promise<string | undefined> {
    line.opening ??= this.#attempt(line).finally(() => (line.opening = undefined));
    return line.opening;
  }

  async #attempt(line: Line): Promise<string | undefined> {
    const { metrics, peers, logger } = this.parts;
    try {
      const holder = await this.#opener.lease(line);
      if (holder !== undefined) return holder;
      // The other node was faster.
      if (line.isUp) return undefined;
      const result = await this.#dial(line);
      metrics.dials.inc({ result: 'up' });
      return result;
    } catch (error) {
      const failure = asFailure(error);
      if (failure.details['reason'] === 'duplicate') {
        metrics.dials.inc({ result: 'outrun' });
        line.outrun(OUTRUN_MS);
        return undefined;
      }
      metrics.dials.inc({ result: failure.code });
      logger.info({ node_id: line.peer, code: failure.code, reason: failure.details['reason'] }, 'no link');
      line.failed(failure);
      await peers.failed(line.peer, describe(failure)).catch(() => undefined);
      return undefined;
    }
  }

  async #dial(line: Line): Promise<string | undefined> {
    const { leases, link } = this.parts;
    const { connection, proven } = await this.#opener.dial(line);
    const [own, peer] = [link.key.nodeId, line.peer];
    const standing = await this.#opener.standing(line);
    if (standing !== undefined && !replaces(standing, own, peer)) {
      connection.ws.close(CLOSED.duplicate, 'duplicate');
      return line.isUp ? undefined : (await leases.find(peer))?.holder;
    }
    const { token } = line;
    if (token === undefined || !(await leases.up(peer, token, own))) await this.#take(line, own);
    this.#install(line, connection, proven, 'dialler');
    return undefined;
  }

  /** Whoever has it, the lease comes here, with a link that `dialler` has dialled. */
  async #take(line: Line, dialler: string): Promise<void> {
    const { leases } = this.parts;
    await line.changeLease(async () => {
      line.token = await leases.take(line.peer);
      await leases.up(line.peer, line.token, dialler);
    });
    this.#tellMoved(line);
  }

  #install(line: Line, connection: Connection, proven: ProvenLink, role: Role): void {
    const { metrics, peers, logger } = this.parts;
    const [before, link] = [line.link, new Link(this.parts.link, connection, proven, role)];
    line.up(link);
    before?.retire();
    metrics.links.set(this.#count());
    logger.info({ node_id: line.peer, role }, 'link up');
    void link.closed.then((reason) => this.#gone(line, link, reason));
    void peers.seen(line.peer, new Date()).catch(() => undefined);
    link.listen(connection);
    if (this.#stopped) link.close(CLOSED.stopping, 'stopping');
    else {
      this.onUp(line.peer, link, () => (line.link === link ? line.token : undefined));
      for (const watcher of this.watchers) watcher.up(line.peer);
    }
  }

  #gone(line: Line, link: Link, reason: string): void {
    this.parts.logger.info({ node_id: line.peer, reason }, 'link down');
    if (line.link === link) {
      line.down();
      for (const watcher of this.watchers) watcher.down(line.peer);
    }
    this.parts.metrics.links.set(this.#count());
  }

  #tellMoved({ peer, token }: Line): void {
    const { bus, leases } = this.parts;
    bus.publish(FEDERATION.linkMoved, { node_id: peer, holder: leases.instance, token: token ?? 0 });
  }

  #moved({ node_id, holder, token }: LinkMoved): void {
    const line = this.#lines.get(node_id);
    if (line?.token === undefined || token <= line.token || holder === this.parts.leases.instance) return;
    this.#letGo(line);
  }

  #letGo(line: Line): void {
    const { link } = line;
    line.token = undefined;
    line.link = undefined;
    link?.retire();
  }

  #newLine(peer: string): Line | undefined {
    if (this.#lines.size >= this.parts.maxLinks) return undefined;
    const line = new Line(peer, this.parts.retryMs);
    this.#lines.set(peer, line);
    return line;
  }

  #count(): number {
    return [...this.#lines.values()].filter((line) => line.isUp).length;
  }
}

function describe({ code, details }: DcpError): string {
  // Another node may have written the reason.
  return typeof details['reason'] === 'string' ? `${code} ${details['reason']}`.slice(0, 200) : code;
}
