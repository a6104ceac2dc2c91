import type { Logger } from '@dcp/node-kit';
import {
  answerFrame,
  askFrame,
  asDcpError,
  DcpError,
  errorFrame,
  invalidFormat,
  MAX_BATCH_FRAMES,
  MAX_BATCH_LENGTH,
  MAX_PEER_FRAME,
  parseJson,
  parseWith,
  userLookupFrame,
} from '@dcp/protocol';
import type { WebSocket } from 'ws';
import { unreachable } from '../discovery/document-fetch.js';
import type { FederationMetrics } from '../metrics.js';
import type { NodeKey } from '../node/node-key.js';
import { BatchReader, BatchWriter } from './batches.js';
import type { Connection, ProvenLink, Role } from './handshake.js';
import { OpenQuestions } from './open-questions.js';
import { readRoute, writeRoute } from './route-frame.js';

/** A question that came over a link. */
export interface Question {
  kind: string;
  body: Record<string, unknown>;
}

export interface LinkParts {
  key: NodeKey;
  logger: Logger;
  metrics: FederationMetrics;
  /** Answers what a node asks; what it throws travels back as §14.1. */
  answer: (nodeId: string, question: Question) => Promise<object>;
  /** Takes what needs no answer. */
  signal: (nodeId: string, frame: unknown) => Promise<void>;
  maxWaiting: number;
  maxInFlight: number;
  maxBuffered: number;
  pingMs: number;
  deadMs: number;
}

/** WebSocket close codes; the first is the specification's own number of FEDERATION_ERROR. */
export const CLOSED = { untrue: 3001, duplicate: 3002, stopping: 1001, quiet: 1000 } as const;

/** The other end keeps another link: what it has not answered on this one it has not taken. */
export const REPLACED = 'link_replaced';
/** Bytes that a link may have unread before signals are dropped. */
const MAX_UNREAD_SIGNALS = 64 * 1024;
/** Longer ones are no frame's. */
const MAX_ID = 64;
const CLOSE_GUARD_MS = 2_000;
/** A link that was replaced waits so long for what is still under way on it. */
const RETIRED_MS = 10_000;
const RETIRED_LOOK_MS = 500;

/** A link that is up: questions and answers both ways, in signed batches. */
export class Link {
  readonly peerId: string;
  readonly openedAt = performance.now();
  lastUsed = performance.now();
  /** Resolves with the reason when the link is gone. */
  readonly closed: Promise<string>;
  readonly #ws: WebSocket;
  readonly #peerKey: Uint8Array;
  readonly #questions: OpenQuestions;
  readonly #writer: BatchWriter;
  readonly #reader: BatchReader;
  readonly #pinging: NodeJS.Timeout;
  #out: string[] = [];
  #answering = 0;
  #lastHeard = performance.now();
  #reason: string | undefined;
  #end: (reason: string) => void = () => undefined;

  constructor(
    private readonly parts: LinkParts,
    connection: Connection,
    proven: ProvenLink,
    readonly role: Role,
  ) {
    const [own, peer, link] = [parts.key.nodeId, proven.peer.nodeId, proven.name];
    this.peerId = peer;
    this.#ws = connection.ws;
    this.#peerKey = proven.peerKey;
    this.#questions = new OpenQuestions(parts.maxWaiting, peer);
    this.#writer = new BatchWriter({ link, from: own, to: peer }, parts.key);
    this.#reader = new BatchReader({ link, from: peer, to: own }, proven.peerKey);
    this.closed = new Promise((resolve) => (this.#end = resolve));
    this.#ws.on('close', (code: number) => this.#ended(code === CLOSED.duplicate ? REPLACED : `closed ${code}`));
    this.#ws.on('error', (error: NodeJS.ErrnoException) => this.#ended(error.code ?? 'failed'));
    for (const event of ['ping', 'pong'] as const) this.#ws.on(event, () => (this.#lastHeard = performance.now()));
    this.#pinging = setInterval(() => this.#ping(), parts.pingMs);
  }

  /** Begins to read; before that nothing is lost. */
  listen({ inbox }: Connection): void {
    inbox.handOver((batch) => this.#read(batch));
    if (this.#ws.readyState !== this.#ws.OPEN) this.#ended('closed early');
  }

  get isUp(): boolean {
    return this.#reason === undefined;
  }

  /** Questions that wait for an answer. */
  get waiting(): number {
    return this.#questions.size;
  }

  /** Rejects with the other node's own error; 3000 `timeout`, `link_lost`, `link_replaced`, `overloaded`; 2001 for a question that fits into no frame. */
  async ask(kind: string, body: object, timeoutMs: number): Promise<Record<string, unknown>> {
    if (!this.isUp) throw unreachable('link_lost', { node_id: this.peerId });
    this.lastUsed = performance.now();
    const { id, answer } = this.#questions.ask(timeoutMs);
    const text = JSON.stringify(
      kind === 'route_message' ? writeRoute(id, body, this.peerId, this.parts.key) : { type: 'ask', id, kind, body },
    );
    if (Buffer.byteLength(text) > MAX_PEER_FRAME)
      this.#questions.refused(id, { code: 'MESSAGE_TOO_LARGE', message: 'too long' });
    else this.#say(text);
    return await answer;
  }

  /** Says something that nobody answers and that may get lost: nothing waits for a slow link. False when it was dropped. */
  tell(frame: object): boolean {
    if (!this.isUp || this.#ws.bufferedAmount > MAX_UNREAD_SIGNALS) return false;
    this.#say(JSON.stringify(frame));
    return true;
  }

  /** Ends the link; what waits is rejected. */
  close(code: number, reason: string): void {
    if (!this.isUp) return;
    this.#flush();
    this.#ended(reason);
    this.#ws.close(code, reason);
    setTimeout(() => this.#ws.terminate(), CLOSE_GUARD_MS).unref();
  }

  /** Another link has taken this one's place: nothing new is asked here, and it ends when it is quiet. */
  retire(): void {
    const since = performance.now();
    const timer = setInterval(() => {
      const quiet = this.waiting === 0 && this.#answering === 0;
      if (this.isUp && !quiet && performance.now() - since < RETIRED_MS) return;
      clearInterval(timer);
      this.close(CLOSED.duplicate, 'replaced');
    }, RETIRED_LOOK_MS).unref();
  }

  #read(batch: Buffer): void {
    if (!this.isUp) return;
    this.#lastHeard = performance.now();
    try {
      for (const text of this.#reader.read(batch)) this.#takeText(text);
    } catch (error) {
      const { details } = asDcpError(error);
      const reason = typeof details['reason'] === 'string' ? details['reason'] : 'malformed_frame';
      this.parts.metrics.refused.inc({ reason: reason.startsWith('batch_') ? reason : 'malformed_frame' });
      this.parts.logger.warn({ node_id: this.peerId, reason }, 'a node broke the rules of its link');
      this.close(CLOSED.untrue, reason.slice(0, 100));
    }
  }

  /** The node has signed it, so the link is sound: one bad frame spoils no other. Who asked is told. */
  #takeText(text: string): void {
    let frame: unknown;
    try {
      frame = parseJson(text);
      if (typeof frame !== 'object') throw invalidFormat('not an object', 'frame');
      this.#take(frame);
    } catch (error) {
      this.parts.metrics.refused.inc({ reason: 'malformed_frame' });
      const { id, type } = (frame ?? {}) as { id?: unknown; type?: unknown };
      const isQuestion = type !== 'answer' && type !== 'error' && typeof id === 'string' && id.length <= MAX_ID;
      if (isQuestion) this.#sayError(id, asDcpError(error));
    }
  }

  #take(frame: unknown): void {
    switch ((frame as { type?: unknown } | null)?.type) {
      case 'ask': {
        const { id, kind, body } = parseWith(askFrame, frame);
        return this.#asked(id, { kind, body });
      }
      case 'user_lookup': {
        const { id, user_id } = parseWith(userLookupFrame, frame);
        return this.#asked(id, { kind: 'user_lookup', body: { user_id } });
      }
      case 'route_message': {
        const { id, body } = readRoute(frame, { source: this.peerId, own: this.parts.key.nodeId, key: this.#peerKey });
        return this.#asked(id, { kind: 'route_message', body });
      }
      case 'typing':
      case 'presence':
        return this.#signal(frame);
      case 'answer': {
        const { id, body } = parseWith(answerFrame, frame);
        if (!this.#questions.answered(id, body)) this.parts.metrics.refused.inc({ reason: 'late_answer' });
        return undefined;
      }
      case 'error': {
        const { id, error } = parseWith(errorFrame, frame);
        this.#questions.refused(id, error);
        return undefined;
      }
      default:
        // A later version may say more: what is not known is left.
        return this.parts.metrics.refused.inc({ reason: 'unknown_frame' });
    }
  }

  #signal(frame: unknown): void {
    this.parts.signal(this.peerId, frame).catch((error: unknown) => {
      this.parts.metrics.refused.inc({
        reason: asDcpError(error).code === 'RATE_LIMITED' ? 'flood' : 'malformed_frame',
      });
    });
  }

  /** Without an id nobody waits for an answer. */
  #asked(id: string | undefined, question: Question): void {
    this.lastUsed = performance.now();
    if (this.#answering >= this.parts.maxInFlight)
      return this.#sayError(id, new DcpError('RATE_LIMITED', { reason: 'in_flight', retry_after: 1 }));
    this.#answering++;
    this.parts
      .answer(this.peerId, question)
      .then((body) => this.#sayAnswer(id, body))
      .catch((error: unknown) => this.#sayError(id, asDcpError(error)))
      .finally(() => this.#answering--);
  }

  #sayAnswer(id: string | undefined, body: object): void {
    if (id === undefined) return;
    const text = JSON.stringify({ type: 'answer', id, body });
    if (Buffer.byteLength(text) > MAX_PEER_FRAME)
      this.#sayError(id, new DcpError('MESSAGE_TOO_LARGE', { reason: 'peer_frame' }));
    else this.#say(text);
  }

  #sayError(id: string | undefined, { code, number, message, details }: DcpError): void {
    if (id !== undefined) this.#say(JSON.stringify({ type: 'error', id, error: { code, number, message, details } }));
  }

  #say(text: string): void {
    if (!this.isUp) return;
    if (this.#out.push(text) === 1) setImmediate(() => this.#flush());
  }

  /** What one loop turn collected, in as few signed batches as fit. */
  #flush(): void {
    while (this.#out.length > 0 && this.isUp) {
      this.#ws.send(this.#writer.write(this.#out.splice(0, fitting(this.#out))), { binary: false });
      if (this.#ws.bufferedAmount > this.parts.maxBuffered) {
        this.parts.metrics.refused.inc({ reason: 'slow' });
        this.#ended('slow');
        this.#ws.terminate();
      }
    }
  }

  #ping(): void {
    if (performance.now() - this.#lastHeard > this.parts.deadMs) {
      this.#ended('dead');
      this.#ws.terminate();
    } else this.#ws.ping();
  }

  #ended(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    clearInterval(this.#pinging);
    this.#out = [];
    const lost = reason === REPLACED ? REPLACED : 'link_lost';
    this.#questions.rejectAll(unreachable(lost, { node_id: this.peerId }));
    this.#end(reason);
  }
}

/** How many of these frames go into one batch; at least one. */
function fitting(frames: readonly string[]): number {
  let length = 0;
  const over = frames.findIndex((text, at) => {
    length += Buffer.byteLength(text) + 1;
    return at > 0 && (at === MAX_BATCH_FRAMES || length > MAX_BATCH_LENGTH);
  });
  return over < 0 ? frames.length : over;
}
