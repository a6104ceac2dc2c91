import type { Server } from 'node:http';
import type { INestApplication, WebSocketAdapter } from '@nestjs/common';
import type { MessageMappingProperties } from '@nestjs/websockets';
import type { Connection } from './connection.js';
import type { SocketServer } from './socket-server.js';

/** What Nest's one handler gets for each frame. */
export interface IncomingFrame {
  connection: Connection;
  text: string;
}

/**
 * Nest's WebSocket interface with our own socket loop behind it. Nest binds handlers to every client; here the "client" it sees is
 * the whole door, bound once, so that a socket costs no closures. Order and back-pressure are the frame loop's work.
 */
export class DcpSocketAdapter implements WebSocketAdapter<SocketServer, SocketServer> {
  constructor(
    private readonly app: INestApplication,
    private readonly door: SocketServer,
  ) {}

  create(): SocketServer {
    this.door.attach(this.app.getHttpServer() as Server);
    return this.door;
  }

  bindClientConnect(server: SocketServer, callback: (client: SocketServer) => void): void {
    callback(server);
  }

  bindMessageHandlers(client: SocketServer, handlers: MessageMappingProperties[]): void {
    const handler = handlers.find(({ message }) => message === 'frame');
    if (handler === undefined) throw new Error('no handler for frames is bound');
    client.onFrame = (connection, text) => void handler.callback({ connection, text } satisfies IncomingFrame);
  }

  /** Closing the sockets is the drain's work; Nest has nothing of its own to free here. */
  async dispose(): Promise<void> {
    this.door.refuseNew();
  }

  close(server: SocketServer): void {
    server.refuseNew();
  }
}
