import type { Session } from '@dcp/contracts';
import { CLOSE, type ClientInfo } from '@dcp/protocol';
import type { Room } from '../fanout/room.js';
import type { LocalUser } from '../users/local-user.js';

/** A frame waits here while the frame before it is handled; more makes the socket stop reading. */
export const MAX_INBOX = 64;

/** Seconds on a clock that never jumps: silence is measured by it, so that a corrected system time cuts nobody off. */
export function uptimeSeconds(): number {
  return Math.floor(performance.now() / 1000);
}

/** Takes finished frames (RFC 6455) and tells how much of them waits in memory; a `net.Socket` is one. */
export interface FrameSink {
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  write(frames: Buffer): unknown;
  cork(): void;
  uncork(): void;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** The rest of a client's socket; a `ws` WebSocket is one. */
export interface SocketControl {
  close(code: number, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  ping(): void;
}

/** Where frames go at the end of the loop turn. */
export interface Outbox {
  /** Called once for a connection that has something to write in this turn. */
  add(connection: Connection): void;
}

/**
 * One client socket. There may be tens of thousands of these: no timers, closures or collections of its own until it needs
 * them. All methods that run for each delivery are short and allocate nothing.
 */
export class Connection {
  /** Set by a proof or a token; null: only auth frames are handled. */
  session: Session | null = null;
  user: LocalUser | null = null;
  /** What the client said of itself with its challenge request; kept until the proof. */
  clientInfo: ClientInfo | undefined = undefined;
  /** Seconds since the epoch, from the token: past the first only a refresh is served, past the second the socket closes. */
  refreshAfter = 0;
  expires = 0;
  /** Both by `uptimeSeconds`. */
  lastHeard: number = uptimeSeconds();
  readonly opened: number = this.lastHeard;
  /** Choose channels by `subscribe` and `resume` only. */
  readonly manual: boolean;
  rooms: Room[] | null = null;
  /** Where each room stood when events were paused (refresh overdue). */
  paused: Map<string, number> | null = null;
  /** Frames that wait for the one being handled; null when none is. */
  inbox: string[] | null = null;
  /** Posts without an answer yet, and who waits for the last of them. */
  outstandingPosts = 0;
  onPostsDone: (() => void) | null = null;
  closed = false;
  private out: Buffer | Buffer[] | null = null;

  constructor(
    readonly ws: SocketControl,
    private readonly socket: FrameSink,
    private readonly outbox: Outbox,
    readonly address: string,
    readonly endpoint: string,
    manual: boolean,
  ) {
    this.manual = manual;
  }

  /** Queues a finished frame; everything queued in one loop turn leaves in one write. */
  push(frame: Buffer): void {
    if (this.out === null) {
      this.out = frame;
      this.outbox.add(this);
    } else if (Array.isArray(this.out)) {
      this.out.push(frame);
    } else {
      this.out = [this.out, frame];
    }
  }

  /** Writes what was queued. Returns false when the client reads so slowly that more than `limit` bytes wait for it. */
  flush(limit: number): boolean {
    const out = this.out;
    this.out = null;
    if (out === null || this.closed) return true;
    if (Array.isArray(out)) this.writeAll(out);
    else this.socket.write(out);
    return this.socket.writableLength <= limit;
  }

  private writeAll(frames: Buffer[]): void {
    this.socket.cork();
    for (const frame of frames) this.socket.write(frame);
    this.socket.uncork();
  }

  /** True while earlier writes are still in the process's own memory. */
  get congested(): boolean {
    return this.socket.writableNeedDrain;
  }

  /** Resolves when the kernel took what was written, or the socket is gone. */
  drained(): Promise<void> {
    if (!this.socket.writableNeedDrain || this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.socket.off('drain', done);
        this.socket.off('close', done);
        resolve();
      };
      this.socket.on('drain', done);
      this.socket.on('close', done);
    });
  }

  pauseReading(): void {
    this.ws.pause();
  }

  resumeReading(): void {
    this.ws.resume();
  }

  /** The closing handshake; a client that does not answer it is cut by `ws` after its own 30 s. */
  close(code: number, reason: string): void {
    if (this.closed) return;
    this.flush(Number.MAX_SAFE_INTEGER);
    this.ws.close(code, reason);
  }

  /** For a client that does not read: a closing handshake would wait behind what it does not read, so the close frame is the last try. */
  cut(): void {
    this.ws.close(CLOSE.TOO_SLOW, 'read too slowly');
    this.ws.terminate();
  }

  postDone(): void {
    this.outstandingPosts--;
    if (this.outstandingPosts > 0 || this.onPostsDone === null) return;
    const done = this.onPostsDone;
    this.onPostsDone = null;
    done();
  }

  /** Resolves when every post of this socket has its answer: a later command must not overtake them. */
  postsDone(): Promise<void> {
    if (this.outstandingPosts === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onPostsDone = resolve;
    });
  }
}
