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
import { CHANNEL, type CreateRequest, type Post, type StateChange, type StatePage } from '@dcp/contracts';
import { type Genesis, linkGrant, messageSigningInput, signingInput, type SystemAction } from '@dcp/protocol';
import { channelIdOf } from '../../src/channels/genesis.js';
import { actor, type Actor, newId, type SignedForm } from './actor.js';
import type { World } from './world.js';

/** A user with a device, and the identity key that channels know him by. */
export interface Person extends Actor {
  identityKey: string;
  device: string;
}

export function person(name: string, node?: string): Person {
  const device = `dev_${toBase32(randomBytes(10))}`;
  const identityKey = formatKey('ed25519', generateEd25519KeyPair().publicKey);
  return { ...actor(name, { device, ...(node === undefined ? {} : { node }) }), identityKey, device };
}

export const hashOf = (entry: SignedForm): string => formatHash(sha256(messageSigningInput(entry, 'MESSAGE')));

/** A signed state entry; `changes` are made before the signature. */
export function stateEntry(
  who: Person,
  channelId: string,
  prev: string | null,
  action: SystemAction,
  about: { target?: string; details?: Record<string, unknown> } = {},
  changes: Record<string, unknown> = {},
): SignedForm {
  const { target = who.userId, details = {} } = about;
  return who.signed({
    id: newId(),
    type: 'system',
    timestamp: new Date().toISOString(),
    author: who.userId,
    device: who.device,
    channel_id: channelId,
    content: { action, actor: who.userId, target, details },
    encryption: { algorithm: 'none', key_id: 'state', nonce: '' },
    metadata: { client: 'test/1.0', edited: false, reply_to: null },
    prev_state: prev,
    ...changes,
  });
}

/** A post as an `e2ee` channel takes it; the ciphertext is random. */
export function sealedPost(
  who: Person,
  channelId: string,
  epoch: number,
  changes: Record<string, unknown> = {},
  encryption: Record<string, unknown> = {},
): Post {
  const block = {
    algorithm: 'chacha20-poly1305',
    key_id: 'sk_1',
    nonce: toBase64(randomBytes(12)),
    device: who.device,
    epoch,
    n: 0,
  };
  const sealed = { content: { ciphertext: toBase64(randomBytes(256)) }, encryption: { ...block, ...encryption } };
  return who.post(channelId, '', { ...sealed, ...changes });
}

/** What a client that creates an `e2ee` channel sends. */
export function creation(
  world: World,
  who: Person,
  name: string,
  changes: Partial<Genesis> = {},
  entry: (channelId: string) => SignedForm | undefined = (id) => firstEntry(who, id),
): CreateRequest & { genesis: Genesis } {
  const genesis: Genesis = {
    version: '1.0',
    name,
    home_node: world.nodeId,
    encryption: 'e2ee',
    visibility: 'private',
    creator: who.userId,
    creator_key: who.session.key,
    created: new Date().toISOString(),
    random: toBase32(randomBytes(20)),
    ...changes,
  };
  const signature = who.sign('GENESIS', genesis);
  return { session: who.session, name, genesis, signature, entry: entry(channelIdOf(genesis)) };
}

export function firstEntry(who: Person, channelId: string, details: object = {}): SignedForm {
  return stateEntry(who, channelId, null, 'channel_created', {
    details: { identity_key: who.identityKey, ...details },
  });
}

export const groupName = (): string => `#dm/${toBase32(randomBytes(8)).slice(0, 12)}`;

export const founders = (...people: Person[]) =>
  people.map(({ userId, identityKey }) => ({ user_id: userId, identity_key: identityKey }));

/** A channel of mode `e2ee` as its members' clients see it: the head of its chain, and what they do with it. */
export class SealedChannel {
  private constructor(
    readonly world: World,
    readonly id: string,
    public head: string | null,
    public epoch: number,
  ) {}

  static async create(
    world: World,
    owner: Person,
    name: string,
    changes: Partial<Genesis> = {},
  ): Promise<SealedChannel> {
    const made = await world.bus.request(CHANNEL.create, creation(world, owner, name, changes));
    return new SealedChannel(world, made.channel_id, made.state_head, made.epoch);
  }

  entry(who: Person, action: SystemAction, target = who.userId, details: Record<string, unknown> = {}): SignedForm {
    return stateEntry(who, this.id, this.head, action, { target, details });
  }

  submit(who: Person, entry: Record<string, unknown>): Promise<StateChange> {
    return this.world.bus.request(CHANNEL.changeState, { session: who.session, channel_id: this.id, entry });
  }

  async change(
    who: Person,
    action: SystemAction,
    target = who.userId,
    details: Record<string, unknown> = {},
  ): Promise<StateChange> {
    const change = await this.submit(who, this.entry(who, action, target, details));
    this.head = change.state_head;
    this.epoch = change.epoch;
    return change;
  }

  invite(by: Person, whom: Person): Promise<StateChange> {
    return this.change(by, 'user_invited', whom.userId, { identity_key: whom.identityKey });
  }

  join(who: Person, link?: object): Promise<StateChange> {
    const details = { identity_key: who.identityKey, ...(link === undefined ? {} : { link }) };
    return this.change(who, 'user_joined', who.userId, details);
  }

  async admit(by: Person, ...people: Person[]): Promise<void> {
    for (const one of people) {
      await this.invite(by, one);
      await this.join(one);
    }
  }

  state(who: Actor, after = 0, link?: { key: string; proof: string }): Promise<StatePage> {
    return this.world.bus.request(CHANNEL.state, { channel_id: this.id, user_id: who.userId, after, link });
  }

  post(who: Person, epoch = this.epoch) {
    return this.world.postOne(sealedPost(who, this.id, epoch));
  }
}

/** An invite link: whoever knows its seed can prove it. */
export function inviteLink() {
  const { publicKey, seed } = generateEd25519KeyPair();
  const key = formatKey('ed25519', publicKey);
  const proof = (channelId: string, userId: string) =>
    signDigest(seed, signingInput('GRANT', linkGrant(channelId, userId)));
  const shown = (channelId: string, userId: string) => ({ key, proof: proof(channelId, userId) });
  return { key, shown, expires: (days: number) => new Date(Date.now() + days * 86_400_000).toISOString() };
}
