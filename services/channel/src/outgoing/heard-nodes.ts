/** A node that feeds its channels is heard hundreds of times a second. */
const PAUSE_MS = 250;

/** Tells at once that a node was heard, and then, as long as it goes on, every quarter of a second. */
export class HeardNodes {
  /** Nodes that were told of less than a pause ago; true: heard again since. */
  readonly #lately = new Map<string, boolean>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(private readonly tell: (nodeId: string) => void) {}

  heard(nodeId: string): void {
    if (this.#lately.has(nodeId)) this.#lately.set(nodeId, true);
    else this.#tellOf(nodeId);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#lately.clear();
  }

  #tellOf(nodeId: string): void {
    this.#lately.set(nodeId, false);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const again = this.#lately.get(nodeId) === true;
      this.#lately.delete(nodeId);
      if (again) this.#tellOf(nodeId);
    }, PAUSE_MS);
    this.#timers.add(timer);
    this.tell(nodeId);
  }
}
