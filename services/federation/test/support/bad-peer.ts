import { connect, type TLSSocket } from 'node:tls';
import {
  defaultNodeId,
  ed25519PublicKey,
  formatHash,
  formatKey,
  fromBase64,
  randomBytes,
  sha256,
  signDigest,
  toBase64,
  toUtf8,
} from '@dcp/crypto';
import { FEDERATION_PROTOCOL, signingInput } from '@dcp/protocol';
import { WebSocket } from 'ws';

/** What a scripted peer does otherwise than it should. */
export interface Deviation {
  hello?: Record<string, unknown>;
  /** Instead of the binding of this connection. */
  binding?: string;
  /** Signs the proof with another key than the document's. */
  proofSeed?: string;
  document?: Record<string, unknown>;
  subprotocol?: string;
}

/** A peer without our code in its way: it says whatever a test wants, at the right or the wrong moment. */
export class BadPeer {
  readonly seed: string;
  readonly nodeId: string;
  /** Frames that came, parsed. */
  readonly heard: Record<string, unknown>[] = [];
  readonly closed: Promise<number>;
  ws!: WebSocket;
  #tls: TLSSocket | undefined;
  #link = '';
  #counter = 0;
  #to = '';
  #wake: () => void = () => undefined;
  #end: (code: number) => void = () => undefined;

  constructor(
    seed: string = toBase64(randomBytes(32)),
    nodeId: string = defaultNodeId(ed25519PublicKey(fromBase64(seed))),
  ) {
    this.seed = seed;
    this.nodeId = nodeId;
    this.closed = new Promise((resolve) => (this.#end = resolve));
  }

  sign(type: 'NODE' | 'ROUTE' | 'ORDER', object: object, seed = this.seed): string {
    return signDigest(fromBase64(seed), signingInput(type, object));
  }

  document(changes: Record<string, unknown> = {}): Record<string, unknown> {
    const sequence = Math.floor(Date.now() / 1000);
    const key = formatKey('ed25519', ed25519PublicKey(fromBase64(this.seed)));
    const plain = { id: this.nodeId, version: '1.0.0', features: [], keys: [key], endpoints: [], binding: 'none' };
    const document = { ...plain, issued: new Date(sequence * 1000).toISOString(), sequence, ...changes };
    return { ...document, signature: this.sign('NODE', document) };
  }

  /** Opens the connection and shakes hands, as far as it gets. */
  async dial(place: string, to: string, deviation: Deviation = {}): Promise<void> {
    this.#to = to;
    await this.#open(place, deviation.subprotocol ?? FEDERATION_PROTOCOL);
    const nonce = toBase64(randomBytes(32));
    const document = deviation.document ?? this.document();
    const plain = { type: 'hello', protocol: FEDERATION_PROTOCOL, node: this.nodeId, to, document, nonce };
    this.send({ ...plain, time: new Date().toISOString(), ...deviation.hello });
    const hello = await this.next('hello');
    if (hello === undefined) return;
    const nonces = [nonce, String(hello['nonce'])];
    const own = this.#tls?.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) ?? Buffer.alloc(0);
    const binding = deviation.binding ?? toBase64(own);
    const statement = { type: 'link', role: 'dialler', from: this.nodeId, to, nonces, binding };
    this.send({ type: 'proof', signature: this.sign('ROUTE', statement, deviation.proofSeed) });
    if ((await this.next('proof')) !== undefined)
      this.#link = formatHash(sha256(toUtf8([...nonces, binding].join(' '))));
  }

  get isLinked(): boolean {
    return this.#link !== '';
  }

  send(frame: object): void {
    this.ws.send(JSON.stringify(frame));
  }

  /** A batch as it should be, or with changes. */
  batch(frames: unknown[], changes: { counter?: number; link?: string; body?: string } = {}): string {
    return this.batchOf(
      frames.map((frame) => JSON.stringify(frame)),
      changes,
    );
  }

  /** The same of texts, which need not be JSON. */
  batchOf(texts: string[], changes: { counter?: number; link?: string; body?: string } = {}): string {
    const body = texts.join('\n');
    const counter = changes.counter ?? ++this.#counter;
    const link = changes.link ?? this.#link;
    const hash = formatHash(sha256(toUtf8(body)));
    const header = { link, counter, hash };
    const signature = this.sign('ROUTE', { type: 'batch', ...header, from: this.nodeId, to: this.#to });
    return `${JSON.stringify({ ...header, signature })}\n${changes.body ?? body}`;
  }

  /** The first frame of a type, of those that came and come; nothing when the connection ends before. */
  async next(type: string): Promise<Record<string, unknown> | undefined> {
    for (;;) {
      const found = this.heard.find((frame) => frame['type'] === type);
      if (found !== undefined || this.ws.readyState >= this.ws.CLOSING) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.ws?.terminate();
  }

  async #open(place: string, subprotocol: string): Promise<void> {
    const options = { rejectUnauthorized: false, minVersion: 'TLSv1.3' as const };
    this.ws = new WebSocket(`wss://${place}/federation/v1`, subprotocol, options);
    this.ws.on('upgrade', (response) => (this.#tls = response.socket as TLSSocket));
    this.ws.on('message', (data: Buffer) => {
      for (const line of data.toString('utf8').split('\n'))
        this.heard.push(JSON.parse(line) as Record<string, unknown>);
      this.#wake();
    });
    this.ws.on('close', (code) => {
      this.#end(code);
      this.#wake();
    });
    await new Promise<void>((resolve, reject) => this.ws.on('open', resolve).on('error', reject));
  }
}

/** The protocol that a port chooses of those that a client names (RFC 7301); null where it refuses him. */
export function protocolOf(place: string, ALPNProtocols: string[]): Promise<string | false | null> {
  const [host, port] = place.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols }, () => {
      resolve(socket.alpnProtocol);
      socket.destroy();
    });
    socket.on('error', () => resolve(null));
  });
}

/** What a port says to a client that knows only an older TLS. */
export function tlsVersionOf(place: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> {
  const [host, port] = place.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, maxVersion }, () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.on('error', () => resolve(null));
  });
}
