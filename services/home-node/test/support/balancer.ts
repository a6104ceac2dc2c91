import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A load balancer as operators put before several instances: hands each connection to the next one that takes it. */
export class Balancer {
  /** Where the instances listen. */
  backends: number[] = [];
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  private constructor(private readonly server: Server) {
    server.on('connection', (client: Socket) => {
      this.#keep(client);
      this.#pass(client, this.backends.length);
    });
  }

  static async open(): Promise<Balancer> {
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Balancer(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #pass(client: Socket, tries: number): void {
    const port = this.backends[this.#turn++ % this.backends.length];
    if (port === undefined || tries === 0) return void client.destroy();
    const backend = connect(port, '127.0.0.1');
    backend.once('error', () => this.#pass(client, tries - 1));
    backend.once('connect', () => {
      backend.removeAllListeners('error');
      this.#keep(backend);
      client.on('close', () => backend.destroy());
      backend.on('close', () => client.destroy());
      client.pipe(backend);
      backend.pipe(client);
    });
  }
}
