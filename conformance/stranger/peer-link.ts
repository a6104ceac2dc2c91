import { createHash, randomBytes } from 'node:crypto';
import { Key } from './keys.js';
import type { Dict } from './json.js';
import { dial, type RawSocket } from './raw-socket.js';

/** What two nodes speak on a link (services/federation/README.md, profile §6). */
const PROTOCOL = 'dcp-fed-v1';
const PATH = '/federation/v1';
/** RFC 9266. */
const BINDING_LABEL = 'EXPORTER-Channel-Binding';
const GUARD_MS = 20_000;

/** Another node, by hand: its key, its document, its links. It has no users and takes no links itself. */
export class PeerNode {
  readonly key = new Key();

  constructor(readonly nodeId: string) {}

  document(): Dict {
    const sequence = Math.floor(Date.now() / 1000);
    const issued = new Date(sequence * 1000).toISOString();
    const about = { id: this.nodeId, version: '1.0.0', features: [], keys: [this.key.publicKey], endpoints: [] };
    const document = { ...about, binding: 'none', issued, sequence };
    return { ...document, signature: this.key.signObject('NODE', document) };
  }

  /** A link to the node whose federation port is at `url`. Rejects when it is refused. */
  async link(url: string, to: string): Promise<PeerLink> {
    const { socket } = await dial(url, { path: PATH, protocols: [PROTOCOL], anyCertificate: true });
    if (socket === undefined) throw new Error('no socket');
    const texts = new TextQueue(socket);
    const nonce = randomBytes(32).toString('base64');
    const hello = { type: 'hello', protocol: PROTOCOL, node: this.nodeId, to, document: this.document(), nonce };
    socket.send(JSON.stringify({ ...hello, time: new Date().toISOString() }));
    const nonces = [nonce, String((await texts.expect('hello'))['nonce'])];
    const binding = socket.exported(BINDING_LABEL).toString('base64');
    const statement = { type: 'link', role: 'dialler', from: this.nodeId, to, nonces, binding };
    socket.send(JSON.stringify({ type: 'proof', signature: this.key.signObject('ROUTE', statement) }));
    await texts.expect('proof');
    const name = createHash('sha256')
      .update([...nonces, binding].join(' '))
      .digest('hex');
    return new PeerLink(this, to, socket, `sha256:${name}`, texts);
  }
}

/** A link that is up: frames go in signed, numbered batches. */
export class PeerLink {
  onFrame: (frame: Dict) => void = () => undefined;
  #counter = 0;

  constructor(
    private readonly own: PeerNode,
    private readonly to: string,
    readonly raw: RawSocket,
    private readonly name: string,
    texts: TextQueue,
  ) {
    texts.handOver((text) => {
      // The first line is the header; whether it is signed as it should be is shown elsewhere.
      for (const line of text.split('\n').slice(1)) this.onFrame(JSON.parse(line) as Dict);
    });
  }

  /** At most 64 frames, as texts without line breaks. */
  send(frames: string[]): void {
    const body = frames.join('\n');
    const hash = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    const header = { link: this.name, counter: ++this.#counter, hash };
    const { nodeId, key } = this.own;
    const signature = key.signObject('ROUTE', { type: 'batch', ...header, from: nodeId, to: this.to });
    this.raw.send(`${JSON.stringify({ ...header, signature })}\n${body}`);
  }
}

/** Texts of a socket: asked for one by one during the hand-shake, then handed over. */
class TextQueue {
  #texts: string[] = [];
  #wake: () => void = () => undefined;
  #handler: ((text: string) => void) | undefined;

  constructor(private readonly socket: RawSocket) {
    socket.onText = (text) => {
      if (this.#handler !== undefined) return this.#handler(text);
      this.#texts.push(text);
      this.#wake();
    };
  }

  async expect(type: string): Promise<Dict> {
    if (this.#texts.length === 0) {
      const heard = new Promise<void>((resolve) => (this.#wake = resolve));
      const guard = setTimeout(() => this.socket.break(), GUARD_MS);
      await Promise.race([heard, this.socket.closed]);
      clearTimeout(guard);
    }
    const frame = JSON.parse(this.#texts.shift() ?? '{"type":"nothing"}') as Dict;
    if (frame['type'] !== type) throw new Error(`heard ${JSON.stringify(frame)} instead of ${type}`);
    return frame;
  }

  handOver(handler: (text: string) => void): void {
    this.#handler = handler;
    for (const text of this.#texts.splice(0)) handler(text);
  }
}
