const MARK_EVERY = 1024 * 1024;

/**
 * How much was sent that the broker has not confirmed. The client library buffers without bound when the broker stops reading;
 * this makes that a bound: a PING after every MiB, and nothing more is taken beyond the limit until the PONGs come.
 */
export class SendWindow {
  readonly #limit: number;
  readonly #flush: () => Promise<void>;
  #unconfirmed = 0;
  #unmarked = 0;
  #generation = 0;

  constructor(limit: number, flush: () => Promise<void>) {
    this.#limit = limit;
    this.#flush = flush;
  }

  /** Counts the bytes; false when they must not be sent. */
  admit(bytes: number): boolean {
    if (this.#unconfirmed + bytes > this.#limit) return false;
    this.#unconfirmed += bytes;
    this.#unmarked += bytes;
    if (this.#unmarked >= MARK_EVERY) this.#mark();
    return true;
  }

  /** A lost connection has dropped what was buffered. */
  reset(): void {
    this.#unconfirmed = 0;
    this.#unmarked = 0;
    this.#generation++;
  }

  #mark(): void {
    const bytes = this.#unmarked;
    const generation = this.#generation;
    this.#unmarked = 0;
    const confirm = () => {
      if (generation === this.#generation) this.#unconfirmed -= bytes;
    };
    // A rejected PING means a lost connection, and reset() follows.
    void this.#flush().then(confirm, () => {});
  }
}
