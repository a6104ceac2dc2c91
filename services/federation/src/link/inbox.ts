import type { RawData, WebSocket } from 'ws';
import { unreachable } from '../discovery/document-fetch.js';
import { untrue } from '../peers/document-checks.js';

/** More frames than this before the hand-shake is done are no hand-shake. */
const MAX_EARLY = 16;

/** Frames of a socket, one by one while the hand-shake asks for them, then all to the link. */
export class Inbox {
  #waiting: Buffer[] = [];
  #wanted: { resolve: (frame: Buffer) => void; reject: (error: Error) => void } | undefined;
  #handler: ((frame: Buffer) => void) | undefined;
  #ended: Error | undefined;

  constructor(private readonly ws: WebSocket) {
    ws.on('message', (data: RawData, isBinary: boolean) => this.#heard(data as Buffer, isBinary));
    ws.on('close', (code) => this.#end(unreachable('link_closed', { code })));
    ws.on('error', (error: NodeJS.ErrnoException) =>
      this.#end(unreachable('link_failed', { cause: error.code ?? 'unknown' })),
    );
  }

  /** The next frame; one caller at a time. Rejects when the socket ends before it. */
  next(): Promise<Buffer> {
    const first = this.#waiting.shift();
    if (first !== undefined) return Promise.resolve(first);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => (this.#wanted = { resolve, reject }));
  }

  /** From now on every frame goes to `handler`, those that wait first. */
  handOver(handler: (frame: Buffer) => void): void {
    this.#handler = handler;
    for (const frame of this.#waiting.splice(0)) handler(frame);
  }

  #heard(frame: Buffer, isBinary: boolean): void {
    if (isBinary) return this.#refuse();
    if (this.#handler !== undefined) return this.#handler(frame);
    if (this.#wanted !== undefined) {
      this.#wanted.resolve(frame);
      this.#wanted = undefined;
    } else if (this.#waiting.push(frame) > MAX_EARLY) this.#refuse();
  }

  #refuse(): void {
    this.#end(untrue('malformed_frame'));
    this.ws.close(1003, 'text frames only');
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wanted?.reject(this.#ended);
    this.#wanted = undefined;
  }
}
