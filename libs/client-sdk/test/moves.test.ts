import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, generateEd25519KeyPair, ready, signDigest } from '@dcp/crypto';
import { MOVE_FORWARD_MS, moveSigningInput, type MovedTo } from '@dcp/protocol';
import { ChannelSet } from '../src/channels/channel-set.js';
import { dmChannelId } from '../src/e2ee/channel-chain.js';
import type { ClientEvents } from '../src/events.js';
import { signMove } from '../src/account-move.js';
import { People } from '../src/people.js';
import { Rooms } from '../src/rooms.js';
import type { OpenIdentity } from '../src/identity/identity-file.js';
import { Actor, NODE_ID, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

beforeAll(ready);

let node: ScriptedNode;
let anna: Actor;
let bob: Actor;
let bobsRooms: Rooms;
let next: OpenIdentity;
let moved: ClientEvents['userMoved'][];
let refused: string[];

/** An account at another node, as bob's node shows it. */
function accountAt(nodeId: string, name: string): OpenIdentity {
  const { publicKey, seed } = generateEd25519KeyPair();
  const key = formatKey('ed25519', publicKey);
  const full_id = `${nodeId}.${name}`;
  node.accounts.set(full_id, { publicKey: key, log: [] });
  return { file: { identity: { full_id, public_key: key } } as OpenIdentity['file'], seed };
}

beforeEach(async () => {
  node = new ScriptedNode();
  anna = await new Person(node, 'anna').device();
  bob = await new Person(node, 'bob').device();
  next = accountAt('elsewher', 'anna-k2m4');
  const channels = new ChannelSet(bob.storage, {
    readHistory: () => Promise.reject(new Error('nobody asks')),
    deliver: () => undefined,
    pendingSeq: () => undefined,
  });
  const port = node.port(bob.userId, bob.device);
  bobsRooms = new Rooms(bob.keys, NODE_ID, 'ws://node.example', port, bob.engine, channels);
  [moved, refused] = [[], []];
  bob.events.on('userMoved', (event) => moved.push(event));
  bob.events.on('moveRefused', ({ userId, reason }) => refused.push(`${userId.slice(9)} ${reason}`));
});
afterEach(() => [anna, bob].forEach((actor) => actor.stop()));

const identityOf = ({ person }: Actor) => person.identity;
const record = () => signMove(identityOf(anna), next, 'elsewhere.example');
const tell = (moved_to: unknown) => bob.notify({ event: 'user_moved', data: { user_id: anna.userId, moved_to } });
/** Bob has written to her, so he knows her identity key. */
const meet = () => bob.engine.directory.log(anna.userId);
const settled = () => bob.engine.directory.logs([bob.userId]);

describe('somebody who has moved', () => {
  it('is told once, however it is heard: by an event, by the device log, by a refusal', async () => {
    await meet();
    const signed = record();
    const event = bob.events.next('userMoved');
    tell(signed);
    expect(await event).toEqual({ userId: anna.userId, to: 'elsewher.anna-k2m4', record: signed });
    node.moved.set(anna.userId, signed);
    tell(signed);
    const again = signMove(identityOf(anna), next, 'elsewhere.example', Date.now() + 1_000);
    node.moved.set(anna.userId, again);
    expect(await new People(bob.userId, bob.engine).movedTo(anna.userId)).toEqual(again);
    expect(moved).toHaveLength(1);
    expect(refused).toEqual([]);
  });

  it('is written to where he is now, and the answer says how he was found', async () => {
    const before = await bobsRooms.openDm(anna.userId);
    expect(before).toMatchObject({ userId: anna.userId, moves: [] });
    const signed = record();
    node.moved.set(anna.userId, signed);
    await bob.engine.directory.reread(anna.userId);
    expect(await bobsRooms.openDm(anna.userId)).toMatchObject({
      userId: 'elsewher.anna-k2m4',
      channelId: dmChannelId(bob.userId, 'elsewher.anna-k2m4'),
      moves: [signed],
    });
    expect(before.channelId).toBe(dmChannelId(bob.userId, anna.userId));
  });

  it('is found by strangers, too, whom the node refuses with the record', async () => {
    node.moved.set(anna.userId, record());
    expect(await bobsRooms.openDm(anna.userId)).toMatchObject({ userId: 'elsewher.anna-k2m4' });
    expect(moved).toHaveLength(1);
  });

  it('and who has moved again is found at the end of the way, if it has one', async () => {
    const third = accountAt('third000', 'anna-p6q8');
    node.moved.set(anna.userId, record());
    node.moved.set('elsewher.anna-k2m4', signMove(next, third, 'third.example'));
    const { userId, moves } = await bobsRooms.openDm(anna.userId);
    expect({ userId, ways: moves.map(({ to }) => to) }).toEqual({
      userId: 'third000.anna-p6q8',
      ways: ['elsewher.anna-k2m4', 'third000.anna-p6q8'],
    });
    node.moved.set('third000.anna-p6q8', signMove(third, identityOf(anna), 'circle.example'));
    await bob.engine.directory.reread('third000.anna-p6q8');
    await expect(bobsRooms.openDm(anna.userId)).rejects.toMatchObject({
      code: 'USER_NOT_FOUND',
      details: { reason: 'too_many_moves' },
    });
  });

  it('is remembered when his old account and its node are gone', async () => {
    await meet();
    node.moved.set(anna.userId, record());
    await bob.engine.directory.reread(anna.userId);
    node.accounts.delete(anna.userId);
    node.moved.clear();
    expect(await bobsRooms.openDm(anna.userId)).toMatchObject({ userId: 'elsewher.anna-k2m4' });
  });
});

describe('a node that lies about a move', () => {
  const forged = (changes: object, by = next.seed, accepting = next.seed): MovedTo => {
    const { accepted: _accepted, signature: _signature, ...object } = { ...record(), ...changes };
    const preimage = moveSigningInput(object);
    return { ...object, accepted: signDigest(accepting, preimage), signature: signDigest(by, preimage) } as MovedTo;
  };

  it('[DCP-12.3-05] a forged record is shown and leads nobody, by whatever way it comes', async () => {
    await meet();
    const old = new Date(Date.now() - MOVE_FORWARD_MS).toISOString();
    const annasSeed = identityOf(anna).seed;
    const lies: [unknown, string][] = [
      [forged({}), 'bad_signature'],
      [forged({}, annasSeed, annasSeed), 'no_consent'],
      [{ ...record(), to: 'elsewher.mallory' }, 'bad_signature'],
      [forged({ issued: old }, annasSeed), 'expired'],
      [signMove(identityOf(bob), next, 'x'), 'other_user'],
      [{ moved: true }, 'bad_record'],
    ];
    for (const [lie, fault] of lies) {
      refused.length = 0;
      const shown = bob.events.next('moveRefused');
      tell(lie);
      expect(await shown).toEqual({ userId: anna.userId, reason: fault });
      node.moved.set(anna.userId, lie);
      await bob.engine.directory.reread(anna.userId);
      await expect(bobsRooms.openDm(anna.userId)).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
      expect(refused).toEqual([`anna ${fault}`]);
    }
    expect(moved).toEqual([]);
    expect(await new People(bob.userId, bob.engine).movedTo(anna.userId)).toBeUndefined();
  });

  it('an identity that was changed together with the record is a conflict, and no move', async () => {
    await meet();
    const mallory = accountAt('mallorys', 'mallory');
    node.interference.identityKey = (key, user) => (user === anna.userId ? mallory.file.identity.public_key : key);
    const { accepted: _a, signature: _s, ...object } = record();
    const preimage = moveSigningInput(object);
    const bySelf = signDigest(mallory.seed, preimage);
    node.moved.set(anna.userId, { ...object, accepted: signDigest(next.seed, preimage), signature: bySelf });
    await bob.engine.directory.reread(anna.userId);
    expect(bob.faults).toEqual(['deviceConflict identity_changed anna']);
    expect(refused).toEqual(['anna bad_signature']);
  });

  it('somebody else under the new name is not followed, nor believed later', async () => {
    await meet();
    node.moved.set(anna.userId, record());
    const mallory = generateEd25519KeyPair();
    const key = formatKey('ed25519', mallory.publicKey);
    node.interference.identityKey = (honest, user) => (user.startsWith('elsewher') ? key : honest);
    await expect(bobsRooms.openDm(anna.userId)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'other_successor' },
    });
    expect(refused).toEqual(['anna other_identity']);
    expect(await bob.engine.directory.known('elsewher.anna-k2m4')).toBeUndefined();
    node.interference = {};
    expect(await bobsRooms.openDm(anna.userId)).toMatchObject({ userId: 'elsewher.anna-k2m4' });
  });

  it('nobody is led to an account that is not shown', async () => {
    await meet();
    node.moved.set(anna.userId, record());
    node.accounts.delete('elsewher.anna-k2m4');
    await expect(bobsRooms.openDm(anna.userId)).rejects.toMatchObject({
      code: 'USER_NOT_FOUND',
      details: { user_id: 'elsewher.anna-k2m4' },
    });
  });

  it('an older record does not lead back, and a new identity that was confirmed wipes the old word out', async () => {
    await meet();
    const [first, third] = [record(), accountAt('third000', 'anna-p6q8')];
    const later = signMove(identityOf(anna), third, 'third.example', Date.now() + 60_000);
    node.moved.set(anna.userId, later);
    await bob.engine.directory.reread(anna.userId);
    tell(first);
    await settled();
    expect((await bob.engine.moves.of(anna.userId))?.to).toBe('third000.anna-p6q8');
    node.moved.clear();
    await new People(bob.userId, bob.engine).acceptIdentity(anna.userId);
    expect(await bob.engine.moves.of(anna.userId)).toBeUndefined();
  });

  it('a record that its own maker would refuse is not made', () => {
    const neighbour = accountAt(NODE_ID, 'anna-home');
    expect(() => signMove(identityOf(anna), neighbour, 'x')).toThrow(
      expect.objectContaining({ code: 'INVALID_MESSAGE_FORMAT' }),
    );
    expect(() => signMove(identityOf(anna), { ...next, seed: identityOf(bob).seed }, 'x')).toThrow();
  });
});
