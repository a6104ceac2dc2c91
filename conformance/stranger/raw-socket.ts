import { createHash, randomBytes } from 'node:crypto';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { encodeFrame, type FrameOptions, FrameReader, OPCODE, type ServerFrame } from './ws-frames.js';

export interface UpgradeRequest {
  path?: string;
  /** Values of `Sec-WebSocket-Protocol`; an empty list leaves the header out. */
  protocols?: string[];
  headers?: Record<string, string>;
  /** Believes every certificate: who is there is proven otherwise. */
  anyCertificate?: boolean;
}

/** How the server answered the upgrade; `socket` only after 101. */
export interface Upgrade {
  status: number;
  headers: Map<string, string>;
  body: string;
  socket: RawSocket | undefined;
}

export interface Close {
  /** 1006 when the connection broke without a close frame. */
  code: number;
  reason: string;
}

const GUARD_MS = 20_000;

/** An upgrade by hand (RFC 6455 §4.1): every header is the test's own. */
export async function dial(url: string, request: UpgradeRequest = {}): Promise<Upgrade> {
  const tcp = await open(new URL(url), request.anyCertificate !== true);
  const key = randomBytes(16).toString('base64');
  tcp.write(upgradeText(new URL(url), key, request));
  const { head, rest } = await readHead(tcp);
  const [line = '', ...lines] = head.split('\r\n');
  const headers = new Map(lines.map((text) => splitHeader(text)));
  const status = Number(line.split(' ')[1]);
  if (status !== 101) return { status, headers, body: await readBody(tcp, rest), socket: undefined };
  if (headers.get('sec-websocket-accept') !== acceptOf(key)) throw new Error('wrong Sec-WebSocket-Accept');
  return { status, headers, body: '', socket: new RawSocket(tcp, rest) };
}

function open(url: URL, rejectUnauthorized: boolean): Promise<Socket> {
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  const where = { host: url.hostname, port: Number(url.port || (secure ? 443 : 80)) };
  return new Promise((resolve, reject) => {
    const tcp = secure ? connectTls({ ...where, rejectUnauthorized, ...nameOf(url) }) : connect(where);
    tcp.once('error', reject);
    tcp.once(secure ? 'secureConnect' : 'connect', () => resolve(tcp));
  });
}

/** RFC 6066 §3: an address is no server name. */
function nameOf({ hostname }: URL): { servername?: string } {
  return isIP(hostname) === 0 ? { servername: hostname } : {};
}

function upgradeText(url: URL, key: string, { path = '/ws/v1', protocols = ['dcp-v1'], headers = {} }: UpgradeRequest) {
  const all: Record<string, string> = {
    Host: url.host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...(protocols.length === 0 ? {} : { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

function splitHeader(text: string): [string, string] {
  const colon = text.indexOf(':');
  return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
}

function readHead(tcp: Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const timer = setTimeout(() => reject(new Error('no answer to the upgrade')), GUARD_MS);
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      clearTimeout(timer);
      tcp.off('data', onData);
      tcp.pause();
      resolve({ head: bytes.subarray(0, end).toString('latin1'), rest: bytes.subarray(end + 4) });
    };
    tcp.on('data', onData);
    tcp.once('close', () => reject(new Error('closed without an answer to the upgrade')));
  });
}

function readBody(tcp: Socket, rest: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const chunks = [rest];
    tcp.on('data', (chunk: Buffer) => chunks.push(chunk));
    tcp.on('error', () => undefined);
    tcp.once('close', () => resolve(Buffer.concat(chunks).toString()));
    tcp.resume();
  });
}

/** A WebSocket after its upgrade; frames and their faults are the test's own. Pings are answered. */
export class RawSocket {
  onText: (text: string) => void = () => undefined;
  onPong: (payload: Buffer) => void = () => undefined;
  readonly closed: Promise<Close>;
  readonly #reader = new FrameReader();
  #close: Close = { code: 1006, reason: '' };
  #fragments: Buffer[] = [];

  constructor(
    private readonly tcp: Socket,
    rest: Buffer,
  ) {
    this.closed = new Promise((resolve) => tcp.once('close', () => resolve(this.#close)));
    tcp.setNoDelay(true);
    tcp.on('error', () => undefined);
    // The first frames may have come with the upgrade: whoever opened this socket gets the time to listen.
    setImmediate(() => {
      this.#read(rest);
      tcp.on('data', (chunk: Buffer) => this.#read(chunk));
      tcp.resume();
    });
  }

  send(text: string): void {
    this.tcp.write(encodeFrame(OPCODE.text, Buffer.from(text)));
  }

  sendFrame(opcode: number, payload: Buffer | string, options: FrameOptions = {}): void {
    this.tcp.write(encodeFrame(opcode, Buffer.from(payload), options));
  }

  /** Bytes that need not be a frame. */
  sendBytes(bytes: Buffer): void {
    this.tcp.write(bytes);
  }

  /** 32 bytes that only the two ends of this TLS connection can have (RFC 5705). */
  exported(label: string): Buffer {
    if (!(this.tcp instanceof TLSSocket)) throw new Error('not a TLS connection');
    return this.tcp.exportKeyingMaterial(32, label, Buffer.alloc(0));
  }

  /** Stops taking bytes from the kernel, as a client that hangs. */
  stopReading(): void {
    this.tcp.pause();
  }

  /** The closing handshake. */
  async close(code = 1000): Promise<Close> {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.sendFrame(OPCODE.close, payload);
    return await this.closed;
  }

  /** Breaks the connection as a lost network does. */
  break(): void {
    this.tcp.destroy();
  }

  #read(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#take(frame);
  }

  #take({ fin, opcode, payload }: ServerFrame): void {
    if (opcode === OPCODE.ping) this.sendFrame(OPCODE.pong, payload);
    else if (opcode === OPCODE.pong) this.onPong(payload);
    else if (opcode === OPCODE.close) this.#closing(payload);
    else {
      this.#fragments.push(payload);
      if (!fin) return;
      const text = Buffer.concat(this.#fragments).toString();
      this.#fragments = [];
      this.onText(text);
    }
  }

  #closing(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE() : 1005;
    this.#close = { code, reason: payload.subarray(2).toString() };
    if (!this.tcp.writableEnded) this.tcp.end(encodeFrame(OPCODE.close, payload.subarray(0, 2)));
  }
}
