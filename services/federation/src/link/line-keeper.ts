import type { Logger } from '@dcp/node-kit';
import type { LeaseStore } from './lease.store.js';
import type { Line } from './line.js';
import { CLOSED } from './link.js';

export interface LineKeeperParts {
  lines: Map<string, Line>;
  leases: LeaseStore;
  logger: Logger;
  leaseMs: number;
  /** A link that nobody has used for so long is closed by who dialled it. */
  idleMs: number;
  /** Whether links may be opened yet. */
  ready: () => boolean;
  /** Resolves with the holder when another instance has the lease. */
  open: (line: Line) => Promise<string | undefined>;
  /** Another instance has taken the lease. */
  letGo: (line: Line) => void;
}

/** Attempts that run at the same time. */
const MAX_OPENING = 32;

/** Looks after all lines every third of a lease: renews what is held, opens what is wanted, ends what nobody uses. */
export class LineKeeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(private readonly parts: LineKeeperParts) {}

  start(): void {
    this.#timer = setInterval(() => this.#tick(), this.parts.leaseMs / 3);
    this.#tick();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#round;
  }

  /** Gives all leases back. */
  async release(): Promise<void> {
    await this.parts.leases.release(this.#held()).catch(() => undefined);
  }

  #tick(): void {
    this.#round ??= this.#look()
      .catch((error: unknown) => this.parts.logger.warn({ err: error }, 'could not look after the links'))
      .finally(() => (this.#round = undefined));
  }

  async #look(): Promise<void> {
    await this.#renew();
    const lines = [...this.parts.lines.values()];
    const now = performance.now();
    let opening = lines.filter((line) => line.opening !== undefined).length;
    for (const line of lines) {
      if (opening >= MAX_OPENING && !line.isUp) continue;
      this.#care(line, now);
      if (line.opening !== undefined) opening++;
    }
  }

  async #renew(): Promise<void> {
    const held = this.#held();
    if (held.length === 0) return;
    const still = await this.parts.leases.renew(held);
    for (const { peer, token } of held) {
      const line = this.parts.lines.get(peer);
      if (!still.has(peer) && line?.token === token) this.parts.letGo(line);
    }
  }

  #care(line: Line, now: number): void {
    if (this.#timer === undefined || line.opening !== undefined) return;
    if (line.isUp) this.#closeIdle(line, now);
    else if (!line.isWanted(now)) void this.#forget(line);
    else if (now >= line.nextAttempt && now >= line.nextLook && this.parts.ready()) void this.#open(line);
  }

  #closeIdle(line: Line, now: number): void {
    const { link } = line;
    if (link === undefined || line.isWanted(now) || link.role !== 'dialler' || link.waiting > 0) return;
    if (now - link.lastUsed > this.parts.idleMs) link.close(CLOSED.quiet, 'quiet');
  }

  async #open(line: Line): Promise<void> {
    const holder = await this.parts.open(line);
    if (holder !== undefined) line.nextLook = performance.now() + this.parts.leaseMs / 3;
  }

  async #forget({ peer, token }: Line): Promise<void> {
    this.parts.lines.delete(peer);
    if (token !== undefined) await this.parts.leases.release([{ peer, token }]).catch(() => undefined);
  }

  #held(): { peer: string; token: number }[] {
    return [...this.parts.lines.values()].flatMap(({ peer, token }) => (token === undefined ? [] : [{ peer, token }]));
  }
}
