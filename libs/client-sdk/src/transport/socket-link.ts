import {
  BEARER_SUBPROTOCOL_PREFIX,
  DcpError,
  MANUAL_SUBSCRIPTION_SUBPROTOCOL,
  SUBPROTOCOL,
  webSocketUrl,
  type ErrorBody,
  type ServerEvent,
} from '@dcp/protocol';

export interface LinkHandlers {
  /** Every event but the answers to commands. */
  onEvent(event: ServerEvent): void;
  /** The socket is gone, for whatever reason. */
  onClose(code: number): void;
}

interface PendingCommand {
  resolve(data: Record<string, unknown>): void;
  reject(error: DcpError): void;
  timer: ReturnType<typeof setTimeout>;
}

/** Commands that may wait for an answer on one socket. */
const MAX_PENDING = 1_000;
const ANSWER_MS = 15_000;

/** One WebSocket to the node: commands with their answers (profile §4), and events. It does not reconnect; the client does. */
export class SocketLink {
  private readonly pending = new Map<string, PendingCommand>();
  private nextId = 1;

  private constructor(
    private readonly socket: WebSocket,
    private readonly handlers: LinkHandlers,
  ) {
    socket.onmessage = ({ data }) => this.receive(String(data));
    socket.onclose = ({ code }) => this.closed(code);
    socket.onerror = () => undefined;
  }

  /** Opens a socket with a session token. Rejects with NODE_UNREACHABLE when it does not open within `timeoutMs`. */
  static open(endpoint: string, token: string, handlers: LinkHandlers, timeoutMs = 15_000): Promise<SocketLink> {
    const protocols = [SUBPROTOCOL, MANUAL_SUBSCRIPTION_SUBPROTOCOL, `${BEARER_SUBPROTOCOL_PREFIX}${token}`];
    const socket = new WebSocket(webSocketUrl(endpoint), protocols);
    return new Promise((resolve, reject) => {
      const fail = () => {
        clearTimeout(timer);
        socket.onopen = socket.onclose = socket.onerror = null;
        socket.close();
        reject(new DcpError('NODE_UNREACHABLE', { endpoint }, `Cannot open a WebSocket to ${endpoint}`));
      };
      const timer = setTimeout(fail, timeoutMs);
      socket.onopen = () => {
        clearTimeout(timer);
        resolve(new SocketLink(socket, handlers));
      };
      socket.onclose = fail;
      socket.onerror = fail;
    });
  }

  get open(): boolean {
    return this.socket.readyState === 1;
  }

  /** Sends a command; resolves with the ack's data, rejects with the node's error, 9001 on no answer, 3000 when the socket closes. */
  command(command: string, data: object, timeoutMs: number = ANSWER_MS): Promise<Record<string, unknown>> {
    if (!this.open) return Promise.reject(new DcpError('NODE_UNREACHABLE', { reason: 'offline' }));
    if (this.pending.size >= MAX_PENDING)
      return Promise.reject(new DcpError('RATE_LIMITED', { reason: 'too_many_pending', retry_after: 1 }));
    const id = String(this.nextId++);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.settle(id)?.reject(new DcpError('MAINTENANCE_MODE', { reason: 'timeout' })),
        timeoutMs,
      );
      this.pending.set(id, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ command, id, data }));
    });
  }

  /** A frame without an answer of its own (`auth_refresh`; its answer is an event-like frame). */
  send(frame: object): void {
    if (this.open) this.socket.send(JSON.stringify(frame));
  }

  close(): void {
    this.socket.close(1000);
  }

  private receive(text: string): void {
    const frame = JSON.parse(text) as ServerEvent & { id?: string; error?: ErrorBody };
    const pending = frame.id === undefined ? undefined : this.settle(frame.id);
    if (frame.event === 'ack') pending?.resolve(frame.data);
    else if (frame.event === 'error' && pending !== undefined) pending.reject(DcpError.fromBody(frame.error));
    else this.handlers.onEvent(frame);
  }

  private settle(id: string): PendingCommand | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  private closed(code: number): void {
    const lost = new DcpError('NODE_UNREACHABLE', { reason: 'connection_lost' });
    for (const id of [...this.pending.keys()]) this.settle(id)?.reject(lost);
    this.handlers.onClose(code);
  }
}
