import type { LinkState } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import { unreachable } from '../discovery/document-fetch.js';
import { backoffMs } from './backoff.js';
import type { Link } from './link.js';

/** A link that lived shorter than this was no success. */
const STABLE_MS = 5_000;

/** What one instance knows of its way to one node. Times are of `performance.now()`. */
export class Line {
  via: string | undefined;
  link: Link | undefined;
  /** Of the lease, while this instance has it. */
  token: number | undefined;
  opening: Promise<string | undefined> | undefined;
  wantedUntil = 0;
  /** Not before then is the node dialled again. */
  nextAttempt = 0;
  /** Another instance had the lease: looked at again then. */
  nextLook = 0;
  lastError: DcpError | undefined;
  #failures = 0;
  #leasing: Promise<unknown> = Promise.resolve();
  readonly #watchers = new Set<() => void>();

  constructor(
    readonly peer: string,
    private readonly retryMs: number,
  ) {}

  get isUp(): boolean {
    return this.link?.isUp === true;
  }

  get state(): LinkState {
    if (this.isUp) return 'up';
    if (this.opening !== undefined) return 'connecting';
    return performance.now() < this.wantedUntil ? 'waiting' : 'off';
  }

  /** Attempts since the link was last up for a while. */
  get failures(): number {
    return this.#failures;
  }

  /** One change of the lease at a time: of two at once the later one could end with the token of the earlier one. */
  changeLease<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#leasing.then(work);
    this.#leasing = changed.catch(() => undefined);
    return changed;
  }

  isWanted(now: number): boolean {
    return now < this.wantedUntil;
  }

  want(forMs: number, via: string | undefined): void {
    this.wantedUntil = Math.max(this.wantedUntil, performance.now() + forMs);
    this.via = via ?? this.via;
  }

  /** Somebody asks over the link: it is kept for a while. */
  use(forMs: number, link: Link): Link {
    this.want(forMs, undefined);
    return link;
  }

  up(link: Link): void {
    this.link = link;
    this.lastError = undefined;
    this.nextAttempt = 0;
    this.#changed();
  }

  /** The link is gone; the next attempt comes after the delay of §14.3. */
  down(): void {
    const lived = performance.now() - (this.link?.openedAt ?? Infinity);
    this.link = undefined;
    if (lived > STABLE_MS) this.#failures = 0;
    this.#delay();
  }

  failed(error: DcpError): void {
    this.lastError = error;
    this.#delay();
  }

  /** The other node keeps a link of its own: it comes at once, or this one tries again soon. */
  outrun(pauseMs: number): void {
    this.nextAttempt = performance.now() + pauseMs;
    this.lastError = undefined;
    this.#changed();
  }

  /** The last failure, and when it is tried again. */
  failure(): DcpError {
    const retry_after = Math.max(1, Math.ceil((this.nextAttempt - performance.now()) / 1000));
    const { code, details, message } = this.lastError ?? unreachable('no_link');
    return new DcpError(code, { ...details, node_id: this.peer, retry_after }, message);
  }

  /** Resolves with the attempt, or with nothing at the next change of the line or after `ms`. */
  async orChange<T>(attempt: Promise<T> | undefined, ms: number): Promise<T | undefined> {
    let wake: () => void = () => undefined;
    const change = new Promise<undefined>((resolve) => (wake = () => resolve(undefined)));
    const timer = setTimeout(wake, ms);
    this.#watchers.add(wake);
    try {
      return await (attempt === undefined ? change : Promise.race([attempt, change]));
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(wake);
    }
  }

  #delay(): void {
    this.nextAttempt = performance.now() + backoffMs(++this.#failures, this.retryMs, Math.random);
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
