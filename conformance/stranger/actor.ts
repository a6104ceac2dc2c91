import { expect } from '@jest/globals';
import { ClientSocket, type Frame } from './client-socket.js';
import type { ErrorBody } from './errors.js';
import { type IdentityFile, type IdentityWish, newIdentityFile, randomName } from './identity-file.js';
import type { Dict } from './json.js';
import { Key } from './keys.js';
import type { NodeUnderTest } from './node-under-test.js';
import { dial, type UpgradeRequest } from './raw-socket.js';
import { type Answer, Rest } from './rest.js';

/** The answer to a proof (§5.2 step 4). */
export interface AuthSuccess extends Dict {
  session_token: string;
  expires: string;
  refresh_after: string;
  session_id: string;
  node_info: Dict;
}

export interface Room {
  channel: string;
  channel_id: string;
}

/** A person with an account: Alice, Bob. Dials one gateway of the node, always the same. */
export class Actor {
  token = '';
  sessionId = '';
  /** The key that challenges and messages are signed with; a device's, once there is one. */
  key: Key;
  device: string | undefined;

  constructor(
    readonly node: NodeUnderTest,
    readonly url: string,
    readonly identityKey: Key,
    public file: IdentityFile,
  ) {
    this.key = identityKey;
  }

  /** A new account, logged in. */
  static async register(node: NodeUnderTest, wish: IdentityWish = {}, more: Dict = {}): Promise<Actor> {
    const actor = await Actor.stranger(node, wish);
    const answer = await actor.signUp(more);
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
    await actor.login();
    return actor;
  }

  /** Somebody who has made an identity file and nothing else. */
  static async stranger(node: NodeUnderTest, wish: IdentityWish = {}): Promise<Actor> {
    const url = node.url();
    const key = new Key();
    const file = newIdentityFile({ nodeId: await node.id(), endpoint: webSocketOf(url) }, key, wish);
    return new Actor(node, url, key, file);
  }

  signUp(more: Dict = {}): Promise<Answer> {
    const invite = this.node.invite === undefined ? {} : { invite: this.node.invite };
    return new Rest(this.url).post('/accounts', { identity_file: this.file, ...invite, ...more });
  }

  get userId(): string {
    return this.file.identity.full_id;
  }

  get rest(): Rest {
    return new Rest(this.url, this.token);
  }

  /** The same person at another gateway, with the same session. */
  via(url: string): Actor {
    const twin = new Actor(this.node, url, this.identityKey, this.file);
    return Object.assign(twin, { token: this.token, sessionId: this.sessionId, key: this.key, device: this.device });
  }

  /** Another session of the same person. */
  async again(): Promise<Actor> {
    const twin = this.via(this.url);
    await twin.login();
    return twin;
  }

  /** The handshake of §5.2 over REST. */
  async login(): Promise<AuthSuccess> {
    const challenge = await this.challenge();
    const answer = await new Rest(this.url).post<AuthSuccess>('/auth/proof', this.proof(challenge));
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
    return this.adopt(answer.body);
  }

  adopt(success: AuthSuccess): AuthSuccess {
    this.token = success.session_token;
    this.sessionId = success.session_id;
    return success;
  }

  async challenge(): Promise<string> {
    const device = this.device === undefined ? {} : { device: this.device };
    const { body } = await new Rest(this.url).post('/auth/challenge', { user_id: this.userId, ...device });
    return body['challenge'] as string;
  }

  proof(challenge: string): { challenge: string; signature: string; public_key: string } {
    const signature = this.key.sign(Buffer.from(challenge, 'base64'));
    return { challenge, signature, public_key: this.key.publicKey };
  }

  /** A socket with the session's token in the header of §7.1, which hears this actor's channels when this resolves. */
  async connect(request: UpgradeRequest = {}): Promise<ClientSocket> {
    const headers = { Authorization: `Bearer ${this.token}`, ...request.headers };
    const socket = await openSocket(this.node, this.url, { ...request, headers });
    // Frames wait for the login behind the upgrade: any answer tells that it is done.
    await socket.ask('are_you_there');
    return socket;
  }

  /** Logs in on an open socket, frame by frame; the answer to the proof. */
  async loginOn(socket: ClientSocket): Promise<Frame> {
    const request = { type: 'auth_challenge_request', user_id: this.userId, device: this.device };
    const challenge = await socket.auth(request);
    return await socket.auth({ type: 'auth_proof', ...this.proof(challenge['challenge'] as string) });
  }

  /** A fresh channel with this actor as its owner. */
  async createChannel(name = `#t-${randomName(10)}`, more: Dict = {}): Promise<Room> {
    const { status, body } = await this.rest.post('/channels', { channel: name, encryption: 'node', ...more });
    expect({ status, body }).toMatchObject({ status: 201, body: { channel: name } });
    return body as unknown as Room;
  }

  async join(room: Room): Promise<void> {
    const answer = await this.rest.post(`/channels/${room.channel_id}/join`);
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
  }

  /** The newest `seq` of a channel: what a refused command must not move. */
  async head(room: Room): Promise<number> {
    const { body } = await this.rest.get<{ messages: { node: { seq: number } }[] }>(
      `/channels/${room.channel_id}/messages?limit=1`,
    );
    return body.messages[0]?.node.seq ?? 0;
  }

  /** A message of §6.1 that this actor signs. */
  message(room: Room, changes: Dict = {}): Dict {
    return this.sign(unsigned(this, room, changes));
  }

  sign(message: Dict): Dict {
    return { ...message, signature: this.key.signMessage(message) };
  }
}

function unsigned({ userId, device }: Actor, room: Room, changes: Dict): Dict {
  return {
    id: newMessageId(),
    type: 'text',
    timestamp: new Date().toISOString(),
    author: userId,
    ...(device === undefined ? {} : { device }),
    channel: room.channel,
    channel_id: room.channel_id,
    content: { text: `hello ${randomName(8)}`, format: 'plain' },
    encryption: { algorithm: 'none', key_id: 'none', nonce: '' },
    metadata: { client: 'conformance/1.0.0', edited: false, reply_to: null },
    ...changes,
  };
}

export function newMessageId(): string {
  return `msg_${randomName(16)}`;
}

export function webSocketOf(url: string): string {
  return url.replace(/^http/, 'ws');
}

/** An upgrade that must succeed. */
export async function openSocket(
  node: NodeUnderTest,
  url: string,
  request: UpgradeRequest = {},
): Promise<ClientSocket> {
  const { status, body, socket } = await dial(url, request);
  if (socket === undefined) throw new Error(`the upgrade was answered with ${status}: ${body}`);
  node.track(socket);
  return new ClientSocket(socket);
}

/** What an upgrade that is refused says. */
export async function refusedUpgrade(
  url: string,
  request: UpgradeRequest,
): Promise<{ status: number; error: ErrorBody }> {
  const { status, body, socket } = await dial(url, request);
  socket?.break();
  expect(status).not.toBe(101);
  return { status, error: (JSON.parse(body) as { error: ErrorBody }).error };
}
