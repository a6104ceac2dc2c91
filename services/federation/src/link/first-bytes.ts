import type { Server } from 'node:https';
import type { Socket } from 'node:net';

/**
 * Lets whoever connects speak before TLS begins on the connection, and ends it when nothing comes for `patienceMs`.
 * Node keeps the buffer of what it reads first for as long as a connection lives: 64 KiB when TLS begins on a silent one,
 * and 17 KiB when the first bytes are there already, which is most of what an idle link takes.
 * Returns how to end those that have not spoken yet.
 */
export function awaitFirstBytes(server: Server, patienceMs: number): () => void {
  const silent = new Set<Socket>();
  const beginTls = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const giveUp = () => socket.destroy();
    silent.add(socket);
    socket.setTimeout(patienceMs, giveUp);
    socket.on('error', giveUp);
    socket.once('close', () => silent.delete(socket));
    socket.once('readable', () => {
      silent.delete(socket);
      socket.setTimeout(0, giveUp);
      if (socket.readableLength === 0) return socket.destroy();
      for (const listener of beginTls) listener.call(server, socket);
    });
  });
  return () => {
    for (const socket of silent) socket.destroy();
  };
}
