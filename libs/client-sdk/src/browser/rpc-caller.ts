import { DcpError } from '@dcp/protocol';
import { failureOf } from './failure-form.js';
import { MAX_PENDING, type CallFrame, type ReplyFrame, type Wire } from './rpc.js';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** The calling side: numbers calls, gives each its answer, hands events on. */
export class RpcCaller {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private ended: DcpError | undefined;

  constructor(
    private readonly wire: Wire,
    private readonly onEvent: (event: string, payload: unknown) => void,
  ) {
    wire.onmessage = ({ data }) => this.receive(data as ReplyFrame);
  }

  /** Rejects with the other side's error, with RATE_LIMITED `too_many_pending`, or with what `end` was told. */
  call<T>(method: string, args: readonly unknown[]): Promise<T> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    if (this.pending.size >= MAX_PENDING)
      return Promise.reject(new DcpError('RATE_LIMITED', { reason: 'too_many_pending', retry_after: 1 }));
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      // Throws for what cannot be cloned, and then nothing waits.
      this.wire.postMessage({ id, method, args: [...args] } satisfies CallFrame, []);
      this.pending.set(id, { resolve: (result) => resolve(result as T), reject });
    });
  }

  /** The other side is gone: whatever waits, and whatever comes, is refused. */
  end(error: DcpError): void {
    this.ended = error;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }

  private receive(frame: ReplyFrame): void {
    if ('event' in frame) return this.onEvent(frame.event, frame.payload);
    const waiting = this.pending.get(frame.id);
    this.pending.delete(frame.id);
    if ('failure' in frame) waiting?.reject(failureOf(frame.failure));
    else waiting?.resolve(frame.result);
  }
}
