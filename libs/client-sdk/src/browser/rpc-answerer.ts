import { DcpError } from '@dcp/protocol';
import { failureForm } from './failure-form.js';
import type { CallFrame, ReplyFrame, Wire } from './rpc.js';

export type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The answering side: runs what is asked for, by name, from one list. */
export class RpcAnswerer {
  constructor(
    private readonly wire: Wire,
    private readonly methods: Methods,
  ) {
    wire.onmessage = ({ data }) => void this.answer(data as CallFrame);
  }

  tell(event: string, payload: unknown): void {
    this.post({ event, payload });
  }

  private async answer({ id, method, args }: CallFrame): Promise<void> {
    try {
      this.post({ id, result: await this.run(method, args) });
    } catch (error) {
      this.post({ id, failure: failureForm(error) });
    }
  }

  private async run(method: string, args: unknown[]): Promise<unknown> {
    const own = Object.prototype.hasOwnProperty.call(this.methods, method) ? this.methods[method] : undefined;
    if (own === undefined) throw new DcpError('INTERNAL_ERROR', { reason: 'unknown_method', method });
    return await own(...(args as never[]));
  }

  private post(frame: ReplyFrame): void {
    this.wire.postMessage(frame, []);
  }
}
