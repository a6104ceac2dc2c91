import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between services and NATS and keeps every byte that passes, both ways: requests, answers and events alike. */
export interface NatsTap {
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  traffic(): Buffer;
  stop(): Promise<void>;
}

export async function startNatsTap(natsPort: number): Promise<NatsTap> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const pipe = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (data: Buffer) => {
      heard.push(data);
      to.write(data);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  };
  const server = createServer((socket) => {
    const upstream = connect(natsPort, '127.0.0.1');
    pipe(socket, upstream);
    pipe(upstream, socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    traffic: () => Buffer.concat(heard),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
