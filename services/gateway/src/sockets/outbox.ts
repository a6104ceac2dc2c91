import type { Connection, Outbox } from './connection.js';

/**
 * Collects the connections that have something to write and writes each of them once, at the end of the loop turn. Sources that
 * collect themselves (the hub's rooms) run first, so that their frames leave in the same write.
 */
export class TurnOutbox implements Outbox {
  private dirty: Connection[] = [];
  private scheduled = false;
  private readonly sources: (() => void)[] = [];

  constructor(
    private readonly maxWaitingBytes: number,
    private readonly onSlow: (connection: Connection) => void,
  ) {}

  /** `source` is asked to push what it collected, before the writes of a turn. */
  addSource(source: () => void): void {
    this.sources.push(source);
  }

  add(connection: Connection): void {
    this.dirty.push(connection);
    this.schedule();
  }

  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.flush);
  }

  private readonly flush = (): void => {
    for (const source of this.sources) source();
    this.scheduled = false;
    const dirty = this.dirty;
    this.dirty = [];
    for (const connection of dirty) {
      if (!connection.flush(this.maxWaitingBytes)) this.onSlow(connection);
    }
  };
}
