import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { newRequestId, toHttp } from '@dcp/node-kit';
import { MANUAL_SUBSCRIPTION_SUBPROTOCOL } from '@dcp/protocol';
import type { Socket } from 'socket.io';
import type { Connection, FrameSink, SocketControl } from './connection.js';
import { readTextFrames } from './frames.js';
import { addressOf, hostOf, isSecure, type Handshake } from './handshake.js';
import type { SocketServer } from './socket-server.js';

const PATH = '/socket.io';
/** The one event of this door; its argument is the frame, in both directions. */
const FRAME = 'frame';
const MAX_FRAME_BYTES = 256 * 1024;

/**
 * The second door (profile §4): the same frames over Socket.IO, which falls back to plain HTTP where a network blocks WebSocket. The
 * token comes in the handshake's `auth.token`, never in the URL. Everything behind the door is shared with `/ws/v1`.
 */
export async function openSocketIo(http: Server, door: SocketServer, trustProxy: boolean): Promise<void> {
  const { Server: SocketIoServer } = await import('socket.io');
  const io = new SocketIoServer(http, {
    path: PATH,
    serveClient: false,
    maxHttpBufferSize: MAX_FRAME_BYTES,
    cors: { origin: '*' },
  });
  door.secondDoor = `${PATH}/`;
  io.use((socket, next) => {
    try {
      const handshake = handshakeOf(socket, trustProxy);
      const verified = door.admit(handshake);
      socket.data = { handshake, verified };
      next();
    } catch (error) {
      // Socket.IO carries `data` of a middleware's error to the client: the body of §14.1.
      next(Object.assign(new Error('refused'), { data: toHttp(error, newRequestId()).body }));
    }
  });
  io.on('connection', (socket) => open(door, socket));
}

function handshakeOf(socket: Socket, trustProxy: boolean): Handshake {
  const { request, handshake } = socket;
  const auth = handshake.auth as { token?: unknown; subscribe?: unknown };
  return {
    token: typeof auth.token === 'string' ? auth.token : undefined,
    manual: auth.subscribe === MANUAL_SUBSCRIPTION_SUBPROTOCOL,
    address: addressOf(request, trustProxy),
    endpoint: `${isSecure(request, trustProxy) ? 'wss' : 'ws'}://${hostOf(request, trustProxy)}`,
  };
}

function open(door: SocketServer, socket: Socket): void {
  const { handshake, verified } = socket.data as { handshake: Handshake; verified: ReturnType<SocketServer['admit']> };
  const transport = new SocketIoTransport(socket);
  const connection: Connection = door.adopt(transport, transport, handshake, verified);
  socket.on(FRAME, (frame: unknown) => {
    door.heard(connection);
    door.accept(connection, typeof frame === 'string' ? frame : (JSON.stringify(frame) ?? ''));
  });
  socket.on('disconnect', () => door.closed(connection));
}

/** What a Connection wants of a socket, over Socket.IO: finished frames are opened again and sent as events. */
class SocketIoTransport extends EventEmitter implements FrameSink, SocketControl {
  writableLength = 0;

  constructor(private readonly socket: Socket) {
    super();
    socket.conn.on('drain', () => {
      this.writableLength = 0;
      this.emit('drain');
    });
    socket.on('disconnect', () => this.emit('close'));
  }

  get writableNeedDrain(): boolean {
    return this.writableLength > MAX_FRAME_BYTES;
  }

  write(frames: Buffer): void {
    this.writableLength += frames.length;
    for (const text of readTextFrames(frames)) this.socket.emit(FRAME, JSON.parse(text));
  }

  close(code: number, reason: string): void {
    this.socket.emit('close', { code, reason });
    this.socket.disconnect(true);
  }

  terminate(): void {
    this.socket.disconnect(true);
  }

  /** Socket.IO reads on; the inbox of the frame loop is bounded by the rate limits of the account. */
  pause(): void {}
  resume(): void {}
  cork(): void {}
  uncork(): void {}

  /** Engine.IO pings by itself, and ends sockets that do not answer. */
  ping(): void {}
}
