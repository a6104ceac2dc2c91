import {
  formatKey,
  formatSignature,
  fromBase64,
  generateEd25519KeyPair,
  randomBytes,
  sign,
  signDigest,
  toBase32,
  type SecretBytes,
} from '@dcp/crypto';
import { messageSigningInput, signingInput } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { WebSocket } from 'ws';

export interface TestAccount {
  userId: string;
  nodeId: string;
  seed: SecretBytes;
  publicKey: string;
  file: Record<string, unknown>;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, never> & { error?: { code: string; details: Record<string, unknown>; request_id: string } };
}

/** A REST call as a stranger makes it. */
export async function call(
  url: string,
  path: string,
  init: { method?: string; token?: string; body?: unknown; raw?: string; type?: string } = {},
): Promise<Answer> {
  const text = init.raw ?? (init.body === undefined ? undefined : JSON.stringify(init.body));
  const response = await fetch(`${url}${path}`, {
    method: init.method ?? 'GET',
    headers: {
      ...(text === undefined ? {} : { 'content-type': init.type ?? 'application/json' }),
      ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }),
    },
    ...(text === undefined ? {} : { body: text }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json().catch(() => ({}))) as Answer['body'],
  };
}

export async function makeAccount(
  url: string,
  name = 'alice',
  preferences: object = {},
  account_type = 'standard',
): Promise<TestAccount> {
  const { node_info } = (await call(url, '/api/v1/node')).body as unknown as { node_info: { id: string } };
  const { publicKey, seed } = generateEd25519KeyPair();
  const username = `${name}-${toBase32(randomBytes(5))}`;
  const identity = {
    full_id: `${node_info.id}.${username}`,
    home_node_id: node_info.id,
    username,
    public_key: formatKey('ed25519', publicKey),
    created: new Date().toISOString(),
  };
  const file = {
    version: '1.0',
    identity,
    preferences,
    account_type,
    home_node: { id: node_info.id, endpoint: url.replace(/^http/, 'ws') },
    signature: signDigest(seed, signingInput('IDENTITY', identity)),
  };
  const answer = await call(url, '/api/v1/accounts', { method: 'POST', body: { identity_file: file } });
  if (answer.status !== 201) throw new Error(`not registered: ${JSON.stringify(answer.body)}`);
  return { userId: identity.full_id, nodeId: node_info.id, seed, publicKey: identity.public_key, file };
}

export async function login(url: string, account: TestAccount): Promise<{ token: string; sessionId: string }> {
  const body = { user_id: account.userId };
  const { challenge } = (await call(url, '/api/v1/auth/challenge', { method: 'POST', body })).body as unknown as {
    challenge: string;
  };
  const proof = proofOf(account, challenge);
  const answer = await call(url, '/api/v1/auth/proof', { method: 'POST', body: proof });
  if (answer.status !== 200) throw new Error(`not logged in: ${JSON.stringify(answer.body)}`);
  const { session_token, session_id } = answer.body as unknown as { session_token: string; session_id: string };
  return { token: session_token, sessionId: session_id };
}

export function proofOf(account: TestAccount, challenge: string) {
  return {
    challenge,
    signature: formatSignature(sign(account.seed, fromBase64(challenge))),
    public_key: account.publicKey,
  };
}

/** A message of §6.1 that its author signed with the identity key. */
export function signedMessage(
  account: TestAccount,
  channelId: string,
  text: string,
  at = new Date(),
  id = `msg_${toBase32(randomBytes(10))}`,
) {
  const message = {
    id,
    type: 'text',
    timestamp: at.toISOString(),
    author: account.userId,
    channel_id: channelId,
    content: { text, format: 'plain' },
    encryption: { algorithm: 'none', key_id: 'node', nonce: '' },
    metadata: { client: 'test/1', edited: false, reply_to: null },
  };
  return { ...message, signature: signDigest(account.seed, messageSigningInput(message)) };
}

export interface Frame {
  event?: string;
  type?: string;
  id?: string;
  data: Record<string, never> & { seq: number; message: { id: string; content: { text: string } } };
  error: { code: string; number: number; details: Record<string, unknown>; request_id: string };
}

/** A plain WebSocket that remembers everything it was sent. */
export class TestSocket {
  readonly frames: Frame[] = [];
  closeCode: number | undefined;
  private nextId = 1;

  private constructor(readonly ws: WebSocket) {
    ws.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    ws.on('close', (code) => {
      this.closeCode = code;
    });
    ws.on('error', () => undefined);
  }

  static async open(url: string, token?: string, protocols: string[] = ['dcp-v1']): Promise<TestSocket> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/v1`, protocols, { headers });
    const socket = new TestSocket(ws);
    await new Promise<void>((resolve, reject) => {
      ws.once('open', () => resolve());
      ws.once('error', reject);
    });
    return socket;
  }

  send(frame: unknown): void {
    this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Sends a command and resolves with its answer, ack or error. */
  async command(command: string, data: object = {}): Promise<Frame> {
    const id = `c${this.nextId++}`;
    this.send({ command, id, data });
    return await this.find((frame) => frame.id === id);
  }

  /** The first frame that matches, now or later. */
  async find(matches: (frame: Frame) => boolean): Promise<Frame> {
    let found: Frame | undefined;
    await eventually(() => {
      found = this.frames.find(matches);
      if (found === undefined) throw new Error(`no such frame among ${JSON.stringify(this.frames).slice(-2_000)}`);
    });
    return found as Frame;
  }

  events(name: string): Frame[] {
    return this.frames.filter(({ event }) => event === name);
  }

  /** The texts of the messages of one channel, as they came. */
  texts(): string[] {
    return this.events('message')
      .map(({ data }) => data.message.content.text)
      .filter((text) => text !== undefined);
  }

  async closed(): Promise<number> {
    await eventually(() => {
      if (this.closeCode === undefined) throw new Error('still open');
    });
    return this.closeCode as number;
  }

  close(): void {
    this.ws.terminate();
  }
}
