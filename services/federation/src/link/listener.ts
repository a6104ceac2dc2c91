import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '@dcp/node-kit';
import { asDcpError, FEDERATION_PROTOCOL } from '@dcp/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { FederationMetrics } from '../metrics.js';
import type { TlsIdentity } from '../node/certificate.js';
import { LINK_PATH } from '../node/own-document.js';
import type { KnownPeer } from '../peers/peer.store.js';
import { awaitFirstBytes } from './first-bytes.js';
import { type Connection, type HandshakeParts, listeningHandshake, type ProvenLink } from './handshake.js';
import { Inbox } from './inbox.js';
import { CLOSED } from './link.js';
import { MAX_PAYLOAD } from './dialler.js';

export interface ListenerParts {
  handshake: HandshakeParts;
  logger: Logger;
  metrics: FederationMetrics;
  /** Throws when this node is not let in; asked before anything is told to it. */
  mayCome: (nodeId: string) => void;
  /** The last word before this end proves itself: whether this link is the one that stays. */
  admit: (peer: KnownPeer) => Promise<void>;
  adopt: (connection: Connection, proven: ProvenLink) => Promise<void>;
  maxLinks: number;
  /** Everybody comes from the edge's address then. */
  isBehindEdge: boolean;
  /** What comes by plain HTTPS: the node document, signed frames. */
  http: (request: IncomingMessage, response: ServerResponse) => void;
}

const HANDSHAKE_MS = 10_000;
/** Connections that have not proved themselves yet, in all and from one address. */
const MAX_STRANGERS = 256;
const MAX_STRANGERS_OF_ADDRESS = 16;

/** The port for other nodes: TLS 1.3 only, links by WebSocket, the rest by `http`. */
export class Listener {
  readonly #server: Server;
  readonly #endSilent: () => void;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MAX_PAYLOAD,
    handleProtocols: () => FEDERATION_PROTOCOL,
  });
  readonly #strangers = new Map<WebSocket, string>();

  constructor(
    private readonly parts: ListenerParts,
    tls: TlsIdentity,
  ) {
    const options = { cert: tls.certificate, key: tls.privateKey, minVersion: 'TLSv1.3' as const, ALPNCallback };
    this.#server = createServer(
      { ...options, headersTimeout: HANDSHAKE_MS, requestTimeout: HANDSHAKE_MS, handshakeTimeout: HANDSHAKE_MS },
      parts.http,
    );
    this.#endSilent = awaitFirstBytes(this.#server, HANDSHAKE_MS);
    this.#server.maxConnections = parts.maxLinks + 2 * MAX_STRANGERS;
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** Rejects when the port is taken. Returns the port. */
  async open(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const ws of this.#strangers.keys()) ws.terminate();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    this.#endSilent();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const address = request.socket.remoteAddress ?? '';
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((word) => word.trim());
    if (request.url !== LINK_PATH) return refuse(socket, '404 Not Found');
    if (!offered.includes(FEDERATION_PROTOCOL)) return this.#refused(socket, 'protocol', '426 Upgrade Required');
    if (!this.#hasRoomFor(address)) return this.#refused(socket, 'too_many_strangers', '503 Service Unavailable');
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      this.#strangers.set(ws, address);
      void this.#shake({ ws, tls: request.socket as TLSSocket, inbox: new Inbox(ws) });
    });
  }

  #hasRoomFor(address: string): boolean {
    if (this.#strangers.size >= MAX_STRANGERS) return false;
    if (this.parts.isBehindEdge) return true;
    return [...this.#strangers.values()].filter((other) => other === address).length < MAX_STRANGERS_OF_ADDRESS;
  }

  #refused(socket: Duplex, reason: string, status: string): void {
    this.parts.metrics.refused.inc({ reason });
    refuse(socket, status);
  }

  async #shake(connection: Connection): Promise<void> {
    const { ws } = connection;
    const guard = setTimeout(() => ws.terminate(), HANDSHAKE_MS);
    const { handshake, mayCome, admit, adopt } = this.parts;
    try {
      const proven = await listeningHandshake(handshake, connection, mayCome, admit);
      await adopt(connection, proven);
    } catch (error) {
      this.#turnAway(ws, error);
    } finally {
      clearTimeout(guard);
      this.#strangers.delete(ws);
    }
  }

  /** Says why, in a frame and by the close code (§14.2's number where it is one that WebSocket allows). */
  #turnAway(ws: WebSocket, thrown: unknown): void {
    const { code, details } = asDcpError(thrown);
    // Labels of a metric are ours, never a stranger's words.
    const told = details['refused_by'] === undefined ? details['reason'] : 'refused_by_peer';
    const reason = typeof told === 'string' ? told : code;
    this.parts.metrics.refused.inc({ reason: code === 'INVALID_MESSAGE_FORMAT' ? 'malformed_frame' : reason });
    this.parts.logger.info({ code, reason }, 'a link was refused');
    if (ws.readyState === ws.OPEN) ws.send(JSON.stringify({ type: 'refused', error: { code, details: { reason } } }));
    ws.close(reason === 'duplicate' ? CLOSED.duplicate : CLOSED.untrue, code);
    setTimeout(() => ws.terminate(), 1_000).unref();
  }
}

/** As Node's own list of `http/1.1` would choose; but of that list every connection keeps a copy, and with it a part of a 64 KiB pool. */
function ALPNCallback({ protocols }: { protocols: string[] }): string | undefined {
  return protocols.find((protocol) => protocol === 'http/1.1');
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
