import {
  formatHash,
  formatKey,
  generateEd25519KeyPair,
  randomBytes,
  sha256,
  signDigest,
  toBase32,
  toBase64,
} from '@dcp/crypto';
import {
  channelIdInput,
  type Genesis,
  linkGrant,
  messageSigningInput,
  signingInput,
  type SystemAction,
} from '@dcp/protocol';
import { addDevice, type TestDevice } from './device-client.js';
import { type Frame, makeAccount, TestSocket, type TestAccount } from './test-client.js';

/** A user with one device and what it needs to speak in `e2ee` channels; ciphertext is random bytes. */
export interface TestPerson {
  account: TestAccount;
  device: TestDevice;
  userId: string;
  token: string;
  identityKey: string;
}

export async function makePerson(url: string, name: string, preferences: object = {}): Promise<TestPerson> {
  const account = await makeAccount(url, name, preferences);
  const device = await addDevice(url, account);
  return { account, device, userId: account.userId, token: device.token, identityKey: account.publicKey };
}

export function stateEntry(
  { userId, device }: TestPerson,
  channelId: string,
  prev: string | null,
  action: SystemAction,
  target: string = userId,
  details: Record<string, unknown> = {},
) {
  const entry = {
    id: `msg_${toBase32(randomBytes(10))}`,
    type: 'system',
    timestamp: new Date().toISOString(),
    author: userId,
    device: device.id,
    channel_id: channelId,
    content: { action, actor: userId, target, details },
    encryption: { algorithm: 'none', key_id: 'state', nonce: '' },
    metadata: { client: 'test/1' },
    prev_state: prev,
  };
  return { ...entry, signature: signDigest(device.seed, messageSigningInput(entry)) };
}

/** A changed entry under a signature of its author's device. */
export function signedAgain<T extends { channel_id: string; signature: string }>({ device }: TestPerson, entry: T): T {
  const { signature: _signature, ...unsigned } = entry;
  return { ...entry, signature: signDigest(device.seed, messageSigningInput(unsigned)) };
}

export function hashOfEntry(entry: Record<string, unknown> & { channel_id: string }): string {
  return formatHash(sha256(messageSigningInput(entry, 'MESSAGE')));
}

export function sealedMessage({ userId, device }: TestPerson, channelId: string, epoch = 0, changes: object = {}) {
  const message = {
    id: `msg_${toBase32(randomBytes(10))}`,
    type: 'text',
    timestamp: new Date().toISOString(),
    author: userId,
    device: device.id,
    channel_id: channelId,
    content: { ciphertext: toBase64(randomBytes(256)) },
    encryption: {
      algorithm: 'chacha20-poly1305',
      key_id: 'sk_1',
      nonce: toBase64(randomBytes(12)),
      device: device.id,
      epoch,
      n: 0,
    },
    metadata: { client: 'test/1' },
    ...changes,
  };
  return { ...message, signature: signDigest(device.seed, messageSigningInput(message)) };
}

/** What `create_channel` needs for an `e2ee` channel. */
export function creation(who: TestPerson, channel: string, changes: Partial<Genesis> = {}) {
  const genesis: Genesis = {
    version: '1.0',
    name: channel,
    home_node: who.account.nodeId,
    encryption: 'e2ee',
    visibility: 'private',
    creator: who.userId,
    creator_key: formatKey('ed25519', publicKeyOf(who.device)),
    created: new Date().toISOString(),
    random: toBase32(randomBytes(20)),
    ...changes,
  };
  const channelId = `ch_${toBase32(sha256(channelIdInput(genesis)))}`;
  const entry = stateEntry(who, channelId, null, 'channel_created', channel, { identity_key: who.identityKey });
  return { channel, genesis, signature: signDigest(who.device.seed, signingInput('GENESIS', genesis)), entry };
}

function publicKeyOf({ entry }: TestDevice): Uint8Array {
  return Buffer.from(String(entry.signing_key).slice('ed25519:'.length), 'base64');
}

export const groupName = (): string => `#dm/${toBase32(randomBytes(8)).slice(0, 12)}`;

export function inviteLink() {
  const { publicKey, seed } = generateEd25519KeyPair();
  const key = formatKey('ed25519', publicKey);
  const shown = (channelId: string, { userId }: TestPerson) => ({
    key,
    proof: signDigest(seed, signingInput('GRANT', linkGrant(channelId, userId))),
  });
  return { key, shown, expires: new Date(Date.now() + 86_400_000).toISOString() };
}

export interface Ack {
  channel: string;
  channel_id: string;
  seq: number;
  head: number;
  changed: boolean;
  encryption: string;
  visibility: string;
  state_head: string | null;
  epoch: number;
}

export const ackOf = (frame: Frame): Ack => {
  if (frame.event !== 'ack') throw new Error(`refused: ${JSON.stringify(frame)}`);
  return frame.data as unknown as Ack;
};

/** Follows the head of one channel's chain, so that each entry names the one before. */
export class SealedRoom {
  private constructor(
    readonly id: string,
    readonly name: string,
    public head: string | null,
    public epoch: number,
  ) {}

  static async create(
    socket: TestSocket,
    who: TestPerson,
    name: string,
    changes: Partial<Genesis> = {},
  ): Promise<SealedRoom> {
    const ack = ackOf(await socket.command('create_channel', creation(who, name, changes)));
    return new SealedRoom(ack.channel_id, name, ack.state_head, ack.epoch);
  }

  entry(who: TestPerson, action: SystemAction, target?: string, details?: Record<string, unknown>) {
    return stateEntry(who, this.id, this.head, action, target, details);
  }

  async change(
    socket: TestSocket,
    who: TestPerson,
    command: string,
    action: SystemAction,
    target?: string,
    details?: Record<string, unknown>,
  ): Promise<Ack> {
    const entry = this.entry(who, action, target, details);
    const ack = ackOf(await socket.command(command, { channel: this.id, entry }));
    this.head = ack.state_head;
    this.epoch = ack.epoch;
    return ack;
  }

  invite(socket: TestSocket, by: TestPerson, whom: TestPerson): Promise<Ack> {
    return this.change(socket, by, 'invite_user', 'user_invited', whom.userId, { identity_key: whom.identityKey });
  }

  join(socket: TestSocket, who: TestPerson, link?: object): Promise<Ack> {
    const details = { identity_key: who.identityKey, ...(link === undefined ? {} : { link }) };
    return this.change(socket, who, 'join_channel', 'user_joined', who.userId, details);
  }
}
