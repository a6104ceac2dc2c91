import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import { newRequestId, reportFailure, toHttp } from '@dcp/node-kit';
import { asDcpError, CLOSE, DcpError, SUBPROTOCOL } from '@dcp/protocol';
import type { Logger } from '@dcp/node-kit';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { RateLimits } from '../limits/rate-limits.js';
import type { GatewayMetrics } from '../metrics.js';
import type { LoginService } from '../sessions/login.service.js';
import type { SessionService } from '../sessions/session.service.js';
import type { VerifiedToken } from '../sessions/token-verifier.js';
import { Connection, type FrameSink, type SocketControl, uptimeSeconds } from './connection.js';
import { readHandshake, UnknownPathError, type Handshake } from './handshake.js';
import type { TurnOutbox } from './outbox.js';
import { sendError } from './reply.js';

/** Larger frames close the socket with 1009 before they are read whole; a message above 64 KiB but below this gets its 2001. */
const MAX_FRAME_BYTES = 256 * 1024;

/** The socket's connection, found again in listeners that all sockets share. */
type OwnedSocket = WebSocket & { connection: Connection; door: SocketServer };

export interface SocketServerParts {
  sessions: SessionService;
  login: LoginService;
  limits: RateLimits;
  outbox: TurnOutbox;
  metrics: GatewayMetrics;
  logger: Logger;
  trustProxy: boolean;
  maintenance: boolean;
}

/** The WebSocket door: upgrade, subprotocol, size cap, token; then every text frame goes to `onFrame`. */
export class SocketServer {
  readonly connections = new Set<Connection>();
  onFrame: (connection: Connection, text: string) => void = () => undefined;
  /** Path of another door on the same port (Socket.IO); its upgrades are not ours. */
  secondDoor: string | undefined;
  private draining = false;
  private readonly server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MAX_FRAME_BYTES,
    handleProtocols: () => SUBPROTOCOL,
  });

  constructor(private readonly parts: SocketServerParts) {
    parts.metrics.watch('connections', () => this.connections.size);
  }

  attach(http: Server): void {
    http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  /** From now on no socket opens. */
  refuseNew(): void {
    this.draining = true;
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.secondDoor !== undefined && request.url?.startsWith(this.secondDoor) === true) return;
    socket.on('error', ignore);
    try {
      const handshake = readHandshake(request, this.parts.trustProxy);
      const verified = this.admit(handshake);
      this.server.handleUpgrade(request, socket, head, (ws) => this.open(ws, socket as Socket, handshake, verified));
    } catch (error) {
      this.refuse(socket, error);
    }
  }

  /** May this client come in? Throws 9001, 1000, 1001 or 3002; returns who it is when it has said so. */
  admit(handshake: Handshake): VerifiedToken | null {
    if (this.parts.maintenance) throw new DcpError('MAINTENANCE_MODE', { retry_after: 60 });
    if (this.draining) throw new DcpError('MAINTENANCE_MODE', { reason: 'stopping', retry_after: 1 });
    const verified = handshake.token === undefined ? null : this.parts.sessions.verify(handshake.token, false);
    this.parts.limits.mayConnect(handshake.address);
    return verified;
  }

  /** The HTTP answer of an upgrade that is refused, with the §14.1 body. */
  private refuse(socket: Duplex, thrown: unknown): void {
    if (thrown instanceof UnknownPathError) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const requestId = newRequestId();
    const error = asDcpError(thrown);
    reportFailure(this.parts.logger, error, requestId);
    const { status, body } = toHttp(error, requestId);
    const text = JSON.stringify(body);
    const head = `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nConnection: close\r\nx-request-id: ${requestId}`;
    socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  private open(ws: WebSocket, socket: Socket, handshake: Handshake, verified: VerifiedToken | null): void {
    socket.setNoDelay(true);
    const owned = ws as OwnedSocket;
    owned.door = this;
    owned.connection = this.adopt(ws, socket, handshake, verified);
    ws.on('message', onMessage);
    ws.on('pong', onPong);
    ws.on('close', onClose);
    ws.on('error', ignore);
  }

  /** A client that was admitted becomes a connection, through whatever door it came. */
  adopt(control: SocketControl, sink: FrameSink, handshake: Handshake, verified: VerifiedToken | null): Connection {
    const { address, endpoint, manual } = handshake;
    const connection = new Connection(control, sink, this.parts.outbox, address, endpoint, manual);
    this.connections.add(connection);
    this.parts.limits.openConnection(address);
    if (verified !== null) this.loginByToken(connection, verified);
    return connection;
  }

  /** Frames that come meanwhile wait, as behind any other frame. */
  private loginByToken(connection: Connection, verified: VerifiedToken): void {
    connection.inbox = [];
    this.parts.login
      .login(connection, verified)
      .catch((error: unknown) => {
        sendError(connection, undefined, error, this.parts.logger);
        connection.close(CLOSE.RESTART, 'login failed');
      })
      .finally(() => this.releaseInbox(connection));
  }

  private releaseInbox(connection: Connection): void {
    const waiting = connection.inbox ?? [];
    connection.inbox = null;
    for (const text of waiting) this.onFrame(connection, text);
    // They may have been enough to stop the reading.
    if (!connection.closed) connection.resumeReading();
  }

  receive(connection: Connection, data: RawData, isBinary: boolean): void {
    connection.lastHeard = uptimeSeconds();
    if (isBinary) {
      sendError(
        connection,
        undefined,
        new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'binary_frame' }),
        this.parts.logger,
      );
      connection.close(1003, 'text frames only');
      return;
    }
    this.accept(connection, data.toString());
  }

  /** A frame from a client, counted once however long it waits. */
  accept(connection: Connection, text: string): void {
    this.parts.metrics.framesIn.inc();
    this.onFrame(connection, text);
  }

  closed(connection: Connection): void {
    connection.closed = true;
    this.connections.delete(connection);
    this.parts.limits.closeConnection(connection.address);
    this.parts.login.left(connection);
  }

  heard(connection: Connection): void {
    connection.lastHeard = uptimeSeconds();
  }
}

/** Listeners shared by all sockets: a closure for each would cost memory for each. */
function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const { door, connection } = this as OwnedSocket;
  door.receive(connection, data, isBinary);
}

function onPong(this: WebSocket): void {
  const { door, connection } = this as OwnedSocket;
  door.heard(connection);
}

function onClose(this: WebSocket): void {
  const { door, connection } = this as OwnedSocket;
  door.closed(connection);
}

function ignore(): void {}
