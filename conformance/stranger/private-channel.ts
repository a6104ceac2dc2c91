import { expect } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import type { Actor, Room } from './actor.js';
import { newMessageId } from './actor.js';
import type { Device } from './device.js';
import { base32 } from './encodings.js';
import { randomName } from './identity-file.js';
import { type Dict, jcs } from './json.js';
import { Key, objectDigest, signedView, verifies } from './keys.js';
import type { Answer } from './rest.js';
import { sealInto, type SenderKey } from './sealed-message.js';

/** What a change of the chain is answered with. */
export interface Change extends Dict {
  channel_id: string;
  seq: number;
  changed: boolean;
  state_head: string;
  epoch: number;
}

export type StateDetails = Record<string, unknown>;

/** `sha256:` of the bytes that the author of an entry signed: what the next entry names as `prev_state`. */
export function stateHash(entry: Dict): string {
  return `sha256:${objectDigest('MESSAGE', signedView(entry)).toString('hex')}`;
}

export function channelIdOf(genesis: unknown): string {
  return `ch_${base32(createHash('sha256').update(jcs(genesis)).digest())}`;
}

export function dmIdOf(a: string, b: string): string {
  return channelIdOf([a, b].sort());
}

/** A channel that is end-to-end encrypted, as one member of it sees it: where its chain and its key epoch are. */
export class SealedRoom implements Room {
  constructor(
    readonly channel: string,
    readonly channel_id: string,
    public head: string | undefined,
    public epoch = 0,
  ) {}

  /** Takes the node's word for where the chain is now. */
  moved({ state_head, epoch }: Change): void {
    this.head = state_head;
    this.epoch = epoch;
  }
}

/** What makes a channel, signed and not sent. `room` is it as it will be. */
export interface NewChannel {
  room: SealedRoom;
  entry: Dict;
  wish: Dict;
}

/** A genesis of the wished visibility with its first entry, signed and not sent. */
export async function newGenesis(creator: Device, more: Dict = {}): Promise<NewChannel> {
  const genesis: Dict = {
    version: '1.0',
    name: `#s-${randomName(10)}`,
    home_node: await creator.node.id(),
    encryption: 'e2ee',
    visibility: 'private',
    creator: creator.userId,
    creator_key: creator.key.publicKey,
    created: new Date().toISOString(),
    random: randomBytes(16).toString('base64'),
    ...more,
  };
  const room = new SealedRoom(String(genesis['name']), channelIdOf(genesis), undefined);
  const entry = stateEntry(creator, room, 'channel_created', creator.userId, identityDetail(creator));
  const signature = creator.key.signObject('GENESIS', genesis);
  room.head = stateHash(entry);
  return { room, entry, wish: { channel: room.channel, encryption: 'e2ee', genesis, signature, entry } };
}

export function identityDetail({ identityKey }: Actor): { identity_key: string } {
  return { identity_key: identityKey.publicKey };
}

/** A new private channel of this device. */
export async function createSealed(creator: Device, more: Dict = {}): Promise<SealedRoom> {
  const { room, wish } = await newGenesis(creator, more);
  const { status, body } = await creator.rest.post('/channels', wish);
  const known = { channel: room.channel, channel_id: room.channel_id, state_head: room.head, epoch: 0 };
  expect({ status, body }).toMatchObject({ status: 201, body: known });
  return room;
}

/** `#dm/` and its genesis' members: a conversation of several. */
export function groupName(): string {
  return `#dm/${base32(randomBytes(8)).slice(0, 12)}`;
}

/** A state entry as its author signs it. */
export function stateEntry(
  author: Device,
  room: SealedRoom,
  action: string,
  target: string,
  details: StateDetails = {},
  changes: Dict = {},
): Dict {
  return author.sign({
    id: newMessageId(),
    type: 'system',
    timestamp: new Date().toISOString(),
    author: author.userId,
    device: author.device,
    channel_id: room.channel_id,
    content: { action, actor: author.userId, target, details },
    encryption: { algorithm: 'none', key_id: 'state', nonce: '' },
    prev_state: room.head ?? null,
    certificate: author.entry,
    metadata: {},
    ...changes,
  });
}

/** Sends an entry over a socket of its author. */
export async function change(author: Device, room: SealedRoom, entry: Dict, command = 'change_state'): Promise<Change> {
  const socket = await author.connect();
  const answer = await socket.ack<Change>(command, { channel: room.channel_id, entry });
  expect(answer).toMatchObject({ channel_id: room.channel_id, state_head: stateHash(entry) });
  socket.raw.break();
  room.moved(answer);
  return answer;
}

/** Makes and sends an entry. */
export async function act(
  author: Device,
  room: SealedRoom,
  action: string,
  target: string,
  details: StateDetails = {},
) {
  return await change(author, room, stateEntry(author, room, action, target, details));
}

export function joinEntry(author: Device, room: SealedRoom, link?: InviteLink, more: StateDetails = {}): Dict {
  const proof = link === undefined ? {} : { link: link.proofFor(room, author) };
  return stateEntry(author, room, 'user_joined', author.userId, { ...identityDetail(author), ...proof, ...more });
}

/** A join over REST. */
export async function joinSealed(author: Device, room: SealedRoom, link?: InviteLink): Promise<void> {
  const answer = await postJoin(author, room, joinEntry(author, room, link));
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200, body: { changed: true } });
  room.moved(answer.body);
}

export function postJoin(author: Device, room: SealedRoom, entry: Dict): Promise<Answer<Change>> {
  return author.rest.post<Change>(`/channels/${room.channel_id}/join`, { entry });
}

/** Invites and joins. */
export async function admit(inviter: Device, guest: Device, room: SealedRoom): Promise<void> {
  await act(inviter, room, 'user_invited', guest.userId, identityDetail(guest));
  await joinSealed(guest, room);
}

/** A private room of the first device with the others as members. */
export async function roomOf(owner: Device, ...guests: Device[]): Promise<SealedRoom> {
  const room = await createSealed(owner);
  for (const guest of guests) await admit(owner, guest, room);
  return room;
}

/** An Ed25519 key whose seed is the secret of the link. */
export class InviteLink {
  readonly key = new Key();

  details(lifeMs = 3_600_000): StateDetails {
    return { key: this.key.publicKey, expires: new Date(Date.now() + lifeMs).toISOString() };
  }

  /** Shows that somebody holds the link; of use to nobody else and nowhere else. */
  proofFor({ channel_id }: SealedRoom, { userId }: Actor): { key: string; proof: string } {
    const grant = { channel_id, user_id: userId, grant: 'join' };
    return { key: this.key.publicKey, proof: this.key.signObject('GRANT', grant) };
  }
}

/** An encrypted message of this device, signed. */
export function sealedPost(author: Device, room: SealedRoom, key: SenderKey, content: Dict, changes: Dict = {}): Dict {
  const message = {
    id: newMessageId(),
    type: 'text',
    timestamp: new Date().toISOString(),
    author: author.userId,
    device: author.device,
    channel_id: room.channel_id,
    metadata: {},
    ...changes,
  };
  return author.sign(sealInto(message, key, room.epoch, content, [], room.head));
}

export function postSealed(author: Device, room: SealedRoom, message: Dict): Promise<Answer> {
  return author.rest.post(`/channels/${room.channel_id}/messages`, message);
}

/** Checks a chain as a client does: genesis, then hash by hash, each signature under the device that its certificate names. */
export function checkChain(genesis: unknown, channelId: string, entries: Dict[]): void {
  expect(channelIdOf(genesis)).toBe(channelId);
  let head: string | null = null;
  for (const entry of entries) {
    const { content, certificate, author, device } = entry as { content: Dict; certificate: Dict } & Dict;
    expect(entry).toMatchObject({ channel_id: channelId, prev_state: head, type: 'system' });
    expect(content['actor']).toBe(author);
    expect(certificate).toMatchObject({ user_id: author, device, action: 'add' });
    const digest = objectDigest('MESSAGE', signedView(entry));
    expect(verifies(String(certificate['signing_key']), digest, String(entry['signature']))).toBe(true);
    head = stateHash(entry);
  }
}
