import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { ed25519PublicKey, formatKey, signDigest } from '@dcp/crypto';
import { FEDERATION_PROTOCOL, signingInput } from '@dcp/protocol';
import { WebSocket } from 'ws';

interface Frame {
  type: string;
  id?: string;
  kind?: string;
  nonce?: string;
  body?: { channel_id?: string; order?: { to: number }; [name: string]: unknown };
  error?: { code: string; details?: unknown };
}

/** What is asked of a peer and not told to it is answered with this. */
const REFUSAL = { code: 'USER_NOT_FOUND', message: 'a peer of the bench has no users' };

/** Another node as far as a bench needs it: it proves itself, asks, and takes entries. Many of them share one process. */
export class BenchPeer {
  readonly #seed = randomBytes(32);
  /** The last entry that it has taken; `onEntry` is called with it. */
  lastSeq = 0;
  onEntry: (seq: number) => void = () => undefined;
  #ws!: WebSocket;
  #link = '';
  #to = '';
  #counter = 0;
  #asked = 0;
  readonly #answers = new Map<string, (frame: Frame) => void>();
  #next: ((frame: Frame) => void) | undefined;

  constructor(readonly nodeId: string) {}

  /** Proves itself over a link of its own. */
  async link(url: string, to: string): Promise<void> {
    this.#to = to;
    this.#ws = new WebSocket(url, FEDERATION_PROTOCOL, { rejectUnauthorized: false, perMessageDeflate: false });
    let tls: TLSSocket | undefined;
    this.#ws.on('upgrade', (response) => (tls = response.socket as TLSSocket));
    this.#ws.on('message', (data: Buffer) => this.#heard(data.toString('utf8')));
    await once(this.#ws, 'open');
    const nonce = randomBytes(32).toString('base64');
    const about = { type: 'hello', protocol: FEDERATION_PROTOCOL, node: this.nodeId, to, nonce };
    const hello = this.#expect();
    this.#ws.send(JSON.stringify({ ...about, document: this.#document(), time: new Date().toISOString() }));
    const nonces = [nonce, (await hello).nonce ?? ''];
    const binding = tls?.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('base64') ?? '';
    const statement = { type: 'link', role: 'dialler', from: this.nodeId, to, nonces, binding };
    const proof = this.#expect();
    this.#ws.send(JSON.stringify({ type: 'proof', signature: this.#sign('ROUTE', statement) }));
    const answer = await proof;
    if (answer.type !== 'proof') throw new Error(`a peer was refused: ${JSON.stringify(answer.error)}`);
    this.#link = sha256([...nonces, binding].join(' '));
  }

  async ask(kind: string, body: object): Promise<Record<string, unknown>> {
    const id = `q${this.#asked++}`;
    const answer = new Promise<Frame>((resolve) => this.#answers.set(id, resolve));
    this.#say({ type: 'ask', id, kind, body });
    const { body: told, error } = await answer;
    if (error !== undefined) throw new Error(`${kind}: ${error.code} ${JSON.stringify(error.details ?? {})}`);
    return told ?? {};
  }

  close(): void {
    this.#ws.terminate();
  }

  #expect(): Promise<Frame> {
    return new Promise((resolve) => (this.#next = resolve));
  }

  #heard(text: string): void {
    if (this.#link === '') return this.#next?.(JSON.parse(text) as Frame);
    for (const line of text.split('\n').slice(1)) this.#take(JSON.parse(line) as Frame);
  }

  #take(frame: Frame): void {
    const { type, id = '', kind, body } = frame;
    if (type === 'ask' && kind === 'entries') {
      this.lastSeq = body?.order?.to ?? 0;
      this.onEntry(this.lastSeq);
      return this.#say({ type: 'answer', id, body: { last_seq: this.lastSeq } });
    }
    if (type === 'ask') return this.#say({ type: 'error', id, error: REFUSAL });
    this.#answers.get(id)?.(frame);
    this.#answers.delete(id);
  }

  #say(frame: object): void {
    const body = JSON.stringify(frame);
    const header = { link: this.#link, counter: ++this.#counter, hash: sha256(body) };
    const signature = this.#sign('ROUTE', { type: 'batch', ...header, from: this.nodeId, to: this.#to });
    this.#ws.send(`${JSON.stringify({ ...header, signature })}\n${body}`);
  }

  #document(): object {
    const sequence = Math.floor(Date.now() / 1000);
    const keys = [formatKey('ed25519', ed25519PublicKey(this.#seed))];
    const about = { id: this.nodeId, version: '1.0.0', features: [], keys, endpoints: [], binding: 'none' };
    const document = { ...about, issued: new Date(sequence * 1000).toISOString(), sequence };
    return { ...document, signature: this.#sign('NODE', document) };
  }

  #sign(type: 'NODE' | 'ROUTE', object: object): string {
    return signDigest(this.#seed, signingInput(type, object));
  }
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
