import { DcpError, type ErrorFrameBody } from '@dcp/protocol';
import { unreachable } from '../discovery/document-fetch.js';

interface Open {
  resolve: (body: Record<string, unknown>) => void;
  reject: (error: DcpError) => void;
  timer: NodeJS.Timeout;
}

/** Questions on one link that wait for their answers. */
export class OpenQuestions {
  readonly #open = new Map<string, Open>();
  #last = 0;

  constructor(
    private readonly most: number,
    private readonly node_id: string,
  ) {}

  get size(): number {
    return this.#open.size;
  }

  /** 3000 `overloaded` when too many wait, `timeout` when the time is over. */
  ask(timeoutMs: number): { id: string; answer: Promise<Record<string, unknown>> } {
    if (this.#open.size >= this.most) throw unreachable('overloaded', { node_id: this.node_id, retry_after: 1 });
    const id = String(++this.#last);
    const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#take(id)?.reject(unreachable('timeout', { node_id: this.node_id })),
        timeoutMs,
      );
      this.#open.set(id, { resolve, reject, timer });
    });
    return { id, answer };
  }

  /** False when nobody waits for it any more. */
  answered(id: string, body: Record<string, unknown>): boolean {
    const open = this.#take(id);
    open?.resolve(body);
    return open !== undefined;
  }

  refused(id: string, error: ErrorFrameBody): boolean {
    const open = this.#take(id);
    const { code, message, details = {} } = error;
    open?.reject(DcpError.fromBody({ code, message, details }));
    return open !== undefined;
  }

  rejectAll(error: DcpError): void {
    for (const id of [...this.#open.keys()]) this.#take(id)?.reject(error);
  }

  #take(id: string): Open | undefined {
    const open = this.#open.get(id);
    if (open === undefined) return undefined;
    clearTimeout(open.timer);
    this.#open.delete(id);
    return open;
  }
}
