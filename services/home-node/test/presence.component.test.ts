import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import type { UserStatus } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { type Person, resident } from './support/person.js';
import { TestNode } from './support/test-node.js';

const GUARD_MS = 30_000;
/** So long another node's users are still shown when it has vanished. */
const GRACE_MS = 2_000;

jest.setTimeout(180_000);

describe('two home nodes whose operators let users see each other come and go', () => {
  let folder: string;
  let north: TestNode;
  let south: TestNode;
  let alice: Person;
  let bob: Person;
  const seen: UserStatus[] = [];

  const statuses = () => seen.filter(({ user_id }) => user_id === alice.userId).map(({ status }) => status);

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-presence-'));
    await chmod(folder, 0o711);
    const env = { DCP_FEDERATION_PRESENCE: 'true', DCP_FEDERATION_PRESENCE_GRACE_MS: String(GRACE_MS) };
    [north, south] = [await TestNode.make(folder, 'northnod', env), await TestNode.make(folder, 'southnod', env)];
    await Promise.all([north.start(south), south.start(north)]);
    [alice, bob] = [await resident(north, 'alice'), await resident(south, 'bob')];
    bob.client.events.on('userStatus', (status) => seen.push(status));
  });

  afterAll(async () => {
    for (const person of [alice, bob]) await person?.client.disconnect();
    for (const node of [north, south]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('[DCP-7.2-02] bob sees alice of the other node come, be away and go, and vanish with her node', async () => {
    const { channelId } = await alice.client.create('#lobby');
    await bob.client.join('#lobby@northnod');
    await alice.client.sendAndWait(channelId, { text: 'hello' });
    await eventually(() => expect(bob.heard).toHaveLength(1), GUARD_MS);
    await alice.client.disconnect();
    await eventually(() => expect(statuses().at(-1)).toBe('offline'), GUARD_MS);
    await alice.client.connect();
    await eventually(() => expect(statuses().at(-1)).toBe('online'), GUARD_MS);
    await alice.client.setStatus('away', 'Lunch');
    await eventually(() => expect(seen.at(-1)).toMatchObject({ status: 'away', message: 'Lunch' }), GUARD_MS);
    expect(seen.every(({ user_id }) => user_id === alice.userId)).toBe(true);
    const carol = await resident(south, 'carol');
    const [toBob, toCarol] = await Promise.all(
      [bob, carol].map(({ client }) => client.call<{ status?: string }>(`/users/${alice.userId}`)),
    );
    await carol.client.disconnect();
    expect(toBob).toMatchObject({ status: 'away', status_message: 'Lunch', last_seen: expect.any(String) });
    // She shares no channel with her.
    expect(toCarol).not.toHaveProperty('status');
    await north.process?.kill();
    await eventually(() => expect(statuses().at(-1)).toBe('offline'), GUARD_MS);
  });

  it('[DCP-7.2-02] she is seen again when her node is back', async () => {
    await north.start(south);
    await eventually(() => expect(statuses().at(-1)).toBe('online'), GUARD_MS);
  });
});
