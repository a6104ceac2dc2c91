import { beforeAll, expect, it, jest } from '@jest/globals';
import { type HomeNode, threeNodes } from '../local/three-nodes.js';
import { Actor, type Room } from '../stranger/actor.js';
import { expectRefused } from '../stranger/errors.js';
import { FAR_GUARD_MS, joinAfar } from '../stranger/far-room.js';
import type { Dict } from '../stranger/json.js';
import { past, until } from '../stranger/until.js';

jest.setTimeout(300_000);

/** How long a temporary ban lasts: it must have come to another node before that. */
const SHORT_MS = 15_000;

interface Decision extends Dict {
  id: string;
  target: string;
  status: string;
  in_force: boolean;
}

/** Somebody with a channel at his own node, and one at another node that he is in. */
interface Suspect {
  person: Actor;
  room: Room;
  far: Room;
}

threeNodes('§10.3 trust chain of three nodes', ({ north, south, west }) => {
  /** The first account of each: whoever runs it. */
  let bosses: Record<'north' | 'south' | 'west', Actor>;

  beforeAll(async () => {
    const [a, b, c] = [await Actor.register(north), await Actor.register(south), await Actor.register(west)];
    bosses = { north: a, south: b, west: c };
  });

  async function suspect(node: HomeNode): Promise<Suspect> {
    const person = await Actor.register(node);
    const room = await person.createChannel();
    const far = await joinAfar(person, await bosses.north.createChannel(), north.nodeId);
    const found = { person, room, far };
    for (const { status } of [await write(found), await write(found, far)]) expect(status).toBe(201);
    return found;
  }

  function write({ person, room }: Suspect, where = room) {
    return person.rest.post(`/channels/${where.channel_id}/messages`, person.message(where));
  }

  async function decide(action: string, { person }: Suspect, more: Dict = {}): Promise<Decision> {
    const evidence = { type: 'spam', messages: ['msg_123', 'msg_456'], timestamp: new Date().toISOString() };
    const decision = { action, target: person.userId, evidence, ...more };
    const { status, body } = await bosses.north.rest.post<Decision>('/admin/trust/decisions', decision);
    expect({ status, body }).toMatchObject({ status: 201, body: { target: person.userId, status: 'applied' } });
    return body;
  }

  /** As the owner of a node sees what was decided about somebody. */
  async function decisionsAt(boss: Actor, { person }: Suspect): Promise<Decision[]> {
    const { status, body } = await boss.rest.get<{ decisions: Decision[] }>(
      `/admin/trust/decisions?target=${person.userId}`,
    );
    expect({ status, body }).toMatchObject({ status: 200 });
    return body.decisions;
  }

  /** His own node lets him write nothing more, in whatever channel. */
  async function shutOut(someone: Suspect): Promise<void> {
    await until(async () => ((await write(someone)).status === 201 ? undefined : true), FAR_GUARD_MS);
    await isShutOut(someone);
  }

  async function isShutOut(someone: Suspect): Promise<void> {
    for (const room of [someone.room, someone.far]) {
      const { details } = expectRefused(await write(someone, room), 'INSUFFICIENT_PERMISSIONS');
      expect(details).toMatchObject({ reason: 'banned' });
    }
    expect(await someone.person.rest.get(`/channels/${someone.room.channel_id}/messages`)).toMatchObject({
      status: 200,
    });
  }

  it('only whoever runs a node decides', async () => {
    const { person } = await suspect(south);
    const decision = { action: 'ban_user', target: bosses.north.userId };
    expectRefused(await person.rest.post('/admin/trust/decisions', decision), 'INSUFFICIENT_PERMISSIONS');
    expectRefused(await person.rest.get('/admin/trust/review'), 'INSUFFICIENT_PERMISSIONS');
  });

  it('[DCP-16.2-05] [DCP-10.3-01] a ban by one node is in force at a second, and at a third that was off at the time', async () => {
    const [mallory, eve, bystander] = [await suspect(south), await suspect(west), await suspect(south)];
    await west.kill();
    await decide('ban_user', eve);
    const { id } = await decide('ban_user', mallory);
    await shutOut(mallory);
    expect(await decisionsAt(bosses.south, mallory)).toMatchObject([
      { id, issuer: north.nodeId, status: 'applied', in_force: true, verified: true, evidence: { type: 'spam' } },
    ]);
    await west.start();
    await shutOut(eve);
    for (const someone of [mallory, eve]) {
      const [known] = await until(async () => {
        const found = await decisionsAt(bosses.west, someone);
        return found.length > 0 ? found : undefined;
      }, FAR_GUARD_MS);
      expect(known).toMatchObject({ issuer: north.nodeId, status: 'applied', in_force: true });
    }
    expect(await write(bystander)).toMatchObject({ status: 201 });
    // What its issuer takes back is over everywhere.
    expect(await bosses.north.rest.post(`/admin/trust/decisions/${id}/lift`)).toMatchObject({ status: 200 });
    await until(async () => ((await write(mallory)).status === 201 ? true : undefined), FAR_GUARD_MS);
    await isShutOut(eve);
  });

  it('[DCP-10.3-05] a permanent ban outlasts a restart of the node that took it over, though its issuer is away', async () => {
    const mallory = await suspect(south);
    await decide('ban_user', mallory);
    await shutOut(mallory);
    await north.kill();
    await south.kill();
    await south.start();
    await isShutOut(mallory);
    await north.start();
  });

  it('[DCP-10.3-05] a temporary ban reaches the other node and ends there by itself', async () => {
    const trent = await suspect(south);
    const expires = new Date(Date.now() + SHORT_MS).toISOString();
    await decide('temp_ban_user', trent, { expires });
    await shutOut(trent);
    await past(expires);
    expect(await write(trent)).toMatchObject({ status: 201 });
    await until(async () => ((await write(trent, trent.far)).status === 201 ? true : undefined), FAR_GUARD_MS);
    expect(await decisionsAt(bosses.south, trent)).toMatchObject([{ in_force: false }]);
  });

  it('[DCP-10.3-02] where its issuer is only monitored, a ban waits in the review queue until it is approved', async () => {
    const [frank, mallory] = [await suspect(west), await suspect(south)];
    const level = `/admin/trust/levels/${north.nodeId}`;
    expect(await bosses.west.rest.put(level, { level: 'monitored' })).toMatchObject({ status: 200 });
    const { id } = await decide('ban_user', frank);
    await decide('ban_user', mallory);
    const waiting = await until(async () => {
      const { body } = await bosses.west.rest.get<{ decisions: Decision[] }>('/admin/trust/review');
      return body.decisions.find((one) => one.id === id);
    }, FAR_GUARD_MS);
    expect(waiting).toMatchObject({ target: frank.person.userId, status: 'pending', in_force: false });
    await shutOut(mallory);
    expect(await write(frank)).toMatchObject({ status: 201 });
    expect(await bosses.west.rest.post(`/admin/trust/decisions/${id}/approve`)).toMatchObject({ status: 200 });
    await shutOut(frank);
  });
});
