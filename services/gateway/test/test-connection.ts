import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { Connection } from '../src/sockets/connection.js';
import { readTextFrames } from '../src/sockets/frames.js';
import { LocalUser } from '../src/users/local-user.js';

interface SeenEvent {
  event: string;
  data: { seq: number };
}

/** A connection over a socket that remembers what was written to it. */
export function testConnection(options: { blocked?: string[] } = {}) {
  const written: Buffer[] = [];
  const calls: string[] = [];
  const socket = {
    write: (chunk: Buffer) => written.push(chunk) > 0,
    cork: () => undefined,
    uncork: () => undefined,
    writableLength: 0,
    writableNeedDrain: false,
  };
  const ws = {
    close: (code: number) => calls.push(`close ${code}`),
    terminate: () => calls.push('terminate'),
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    ping: () => calls.push('ping'),
  };
  const outbox = { add: () => undefined };
  const connection = new Connection(
    ws as unknown as WebSocket,
    socket as unknown as Socket,
    outbox,
    '127.0.0.1',
    'ws://127.0.0.1',
    false,
  );
  const user = new LocalUser('n0000000.viewer');
  user.apply({
    user_id: user.userId,
    show_online_status: true,
    allow_direct_messages: true,
    blocked_users: options.blocked ?? [],
  });
  connection.user = user;
  user.connections.push(connection);
  const events = (): SeenEvent[] => {
    connection.flush(Number.MAX_SAFE_INTEGER);
    return readTextFrames(Buffer.concat(written)).map((text) => JSON.parse(text) as SeenEvent);
  };
  return { connection, user, socket, calls, events, seqs: () => events().map(({ data }) => data.seq) };
}
