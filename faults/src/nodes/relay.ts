import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Bytes that one direction of a connection may hold back; after that its sender has to wait, as in a real network. */
const MAX_HELD = 4 * 1024 * 1024;

/** How a way is cut: `silent` swallows what is said until it heals, as a cable that was pulled; `reset` also ends every connection. */
export type Cut = 'silent' | 'reset';

/** What all pipes of a relay share. */
interface Way {
  delayMs: number;
  held: boolean;
}

/** A TCP relay to a port of this machine that can delay what passes, hold it back, and end it. */
export class Relay {
  readonly #way: Way = { delayMs: 0, held: false };
  readonly #sockets = new Set<Socket>();
  readonly #pipes = new Set<Pipe>();
  #refuses = false;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async start(target: number): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Milliseconds that everything takes, in each direction. */
  delay(ms: number): void {
    this.#way.delayMs = ms;
  }

  cut(how: Cut): void {
    this.#way.held = true;
    this.#refuses = how === 'reset';
    if (how === 'reset') this.#end();
  }

  heal(): void {
    this.#way.held = false;
    this.#refuses = false;
    for (const pipe of this.#pipes) pipe.run();
  }

  async stop(): Promise<void> {
    this.#end();
    this.server.close();
    await once(this.server, 'close');
  }

  #end(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    if (this.#refuses) return void socket.resetAndDestroy();
    const upstream = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const both = [new Pipe(socket, upstream, this.#way), new Pipe(upstream, socket, this.#way)];
    for (const pipe of both) this.#pipes.add(pipe);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        for (const pipe of both) this.#pipes.delete(pipe);
        if (one.destroyed && !one.readableEnded) other.destroy();
      });
    }
  }
}

/** One direction of one connection: what was said, with the moment at which it arrives. */
class Pipe {
  readonly #queue: { at: number; data: Buffer | undefined }[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly way: Way,
  ) {
    from.on('data', (data: Buffer) => this.#take(data));
    from.on('end', () => this.#take(undefined));
    from.on('close', () => clearTimeout(this.#timer));
  }

  #take(data: Buffer | undefined): void {
    this.#queue.push({ at: performance.now() + this.way.delayMs, data });
    this.#bytes += data?.length ?? 0;
    if (this.#bytes > MAX_HELD) this.from.pause();
    this.run();
  }

  /** Passes on what has arrived by now. */
  run(): void {
    clearTimeout(this.#timer);
    while (!this.way.held && (this.#queue[0]?.at ?? Infinity) <= performance.now()) this.#pass();
    const next = this.#queue[0];
    if (next === undefined) this.from.resume();
    else if (!this.way.held) this.#timer = setTimeout(() => this.run(), Math.ceil(next.at - performance.now()));
  }

  #pass(): void {
    const data = this.#queue.shift()?.data;
    this.#bytes -= data?.length ?? 0;
    if (this.to.destroyed) return;
    if (data === undefined) this.to.end();
    else this.to.write(data);
  }
}
