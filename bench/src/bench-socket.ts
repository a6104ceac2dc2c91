import type { PostAck } from '@dcp/protocol';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { BenchNode } from './node-under-bench/bench-node.js';
import type { BenchAccount } from './prepare/accounts.js';
import type { SignedPost } from './prepare/frames.js';

/** How a post was answered, and when (`performance.now()`). */
export interface Answer {
  state: PostAck['state'];
  at: number;
}

interface Frame {
  event: string;
  id?: string;
  data?: { state?: PostAck['state']; message?: { id: string } };
  error?: { code: number; details?: unknown };
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const GUARD_MS = 30_000;
const DELIVERY = Buffer.from('{"event":"message"');

/** The socket of one user. Unlike the load tool it tells answers from deliveries, and several in one process share one clock. */
export class BenchSocket {
  /** Messages that came, in channels that it hears. */
  heard = 0;
  private readonly answers = new Map<string, Waiting>();
  private readonly arrivals = new Map<string, (at: number) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.take(data, performance.now()));
    // What went wrong is told by the close that follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.answers.values()) reject(new Error('a connection was lost'));
    });
  }

  /** Hears these channels, and no other. */
  static async open(node: BenchNode, { token }: BenchAccount, hears: readonly string[] = []): Promise<BenchSocket> {
    const url = `${(node.urls[0] ?? '').replace(/^http/, 'ws')}/ws/v1`;
    const socket = new WebSocket(url, ['dcp-v1', 'dcp.manual', `dcp.bearer.${token}`]);
    const opened = new BenchSocket(socket);
    await once(socket, 'open');
    // Its answer says that the login, which the token began, is over.
    await opened.command('unsubscribe', { channel: '#general' });
    for (const channel of hears) await opened.command('subscribe', { channel });
    return opened;
  }

  /** Rejects when the post is refused. */
  post({ id, frame }: SignedPost): Promise<Answer> {
    return this.send(id, frame);
  }

  /** When this message comes here; call it before the message is posted. Rejects after half a minute. */
  arrival(messageId: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const guard = setTimeout(() => reject(new Error('a message did not arrive')), GUARD_MS);
      this.arrivals.set(messageId, (at) => {
        clearTimeout(guard);
        resolve(at);
      });
    });
  }

  close(): void {
    this.socket.terminate();
  }

  private command(command: string, data: object): Promise<Answer> {
    return this.send(command, JSON.stringify({ command, id: command, data }));
  }

  private send(id: string, frame: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.socket.send(frame, (error) => {
        if (error) reject(error);
      });
    });
  }

  private take(data: Buffer, at: number): void {
    if (data.subarray(0, DELIVERY.length).equals(DELIVERY)) {
      this.heard++;
      if (this.arrivals.size === 0) return;
    }
    const { event, id = '', data: body, error } = JSON.parse(data.toString()) as Frame;
    if (event === 'message') this.arrived(body?.message?.id ?? '', at);
    const waiting = this.answers.get(id);
    if (waiting === undefined) return;
    this.answers.delete(id);
    if (error === undefined) waiting.resolve({ state: body?.state ?? 'ordered', at });
    else waiting.reject(new Error(`refused: ${error.code} ${JSON.stringify(error.details ?? {})}`));
  }

  private arrived(id: string, at: number): void {
    this.arrivals.get(id)?.(at);
    this.arrivals.delete(id);
  }
}
