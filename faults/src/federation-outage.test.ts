import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { expectWhole, FULL, gatherIn, sum, type FederationRun } from './federation-run.js';
import type { Member, NodeRoom } from './node-crowd.js';
import { moveClock } from './nodes/clock-shift.js';
import type { HomeNode } from './nodes/home-node.js';
import { NodeGroup } from './nodes/node-group.js';
import { untilNone } from './until-none.js';

/** As many as wait at a node at most for one user in one channel. */
const EACH = 100;
// Small rooms: each post is read by every member in this one process.
const ROOMS = FULL ? 500 : 5;
const USERS_OF_ROOM = FULL ? 2 : 4;
const ROOMS_OF_USER = FULL ? 10 : 5;
const USERS = (ROOMS * USERS_OF_ROOM) / ROOMS_OF_USER;
const MESSAGES = ROOMS * USERS_OF_ROOM * EACH;
const DAY_MS = 86_400_000;
const GUARD_MS = FULL ? 1_800_000 : 60_000;

let folder: string;
let group: NodeGroup;
let home: HomeNode;
let far: HomeNode;
let run: FederationRun;
let days = 0;

beforeAll(async () => {
  await ready();
  folder = await mkdtemp(join(tmpdir(), 'dcp-clock-'));
  const clock = join(folder, 'ahead');
  await writeFile(clock, '0');
  const preload = pathToFileURL(join(import.meta.dirname, 'nodes', 'clock-shift.ts')).href;
  const env = { NODE_OPTIONS: `--no-warnings --import ${preload}`, DCP_FAULTS_CLOCK: clock };
  group = await NodeGroup.start({ id: 'northnod', env }, { id: 'southnod', env });
  [home, far] = [group.get('northnod'), group.get('southnod')];
  const rooms = Array.from({ length: ROOMS }, (_, n): NodeRoom => {
    const group = Math.floor(n / ROOMS_OF_USER);
    const takes = (member: Member) => Math.floor(member.n / USERS_OF_ROOM) === group;
    return { name: `#room-${n}`, home, encryption: n % 2 === 0 ? 'e2ee' : 'node', takes };
  });
  run = await gatherIn(group, USERS, rooms);
  // Who has never written in an encrypted channel has to ask the nodes of its members for their keys first.
  await write(run.crowd.members, 1);
  await run.crowd.settle(GUARD_MS);
}, GUARD_MS + 120_000);

afterAll(async () => {
  moveClock(0);
  await run?.crowd.end();
  await group?.end();
  await rm(folder, { recursive: true, force: true });
}, 120_000);

const usersOf = (node: HomeNode) => run.crowd.members.filter((member) => member.node === node);

/** For the nodes and for the clients of this process. */
async function passOneDay(): Promise<void> {
  moveClock(++days * DAY_MS);
  await writeFile(join(folder, 'ahead'), String(days * DAY_MS));
}

/** Each of them so many messages into each of his channels; resolves when the node has answered for all of them. */
async function write(members: readonly Member[], each: number): Promise<void> {
  const words = members.map(async (member) => {
    for (let n = 0; n < each; n++) for (const channel of member.channels) await run.crowd.say(member, channel);
  });
  await Promise.all(words);
  await untilNone(
    'not answered',
    () => members.flatMap(({ name, client }) => (client.outbox.size > 0 ? [`${name} ${client.outbox.size}`] : [])),
    GUARD_MS,
  );
}

describe('a node that is away for a day', () => {
  it(
    `[DCP-14.3-02] [DCP-1.1-01] the home: ${MESSAGES} posts wait at the far node, over its own fall, and are ordered when the home is back`,
    async () => {
      const before = run.history.queued;
      await home.process?.kill();
      await write(usersOf(far), EACH);
      expect(run.history.queued - before).toBe(MESSAGES);
      await passOneDay();
      await far.process?.kill();
      await group.restart(far);
      // What the node has no place for stays with its author.
      const [first] = usersOf(far);
      if (first !== undefined) await run.crowd.say(first, first.channels[0] ?? '');
      const began = performance.now();
      await group.restart(home);
      const started = (performance.now() - began) / 1_000;
      const seconds = await expectWhole(run, group, GUARD_MS, 'home away for a day');
      console.log(
        `the home started in ${started.toFixed(1)} s; ${MESSAGES} waiting posts ordered and heard by all ${seconds.toFixed(1)} s later: ` +
          `${Math.round(MESSAGES / seconds)} a second`,
      );
    },
    4 * GUARD_MS,
  );

  it(
    `[DCP-14.3-02] [DCP-12.3-06] the far node: it gets ${MESSAGES} entries when it is back, with their keys before them`,
    async () => {
      const before = sum(run.history.lateKeys.values());
      await far.process?.kill();
      // Somebody whose keys the far node has never seen.
      const stranger = await run.crowd.arrive(USERS, home);
      for (const [n, channel] of run.crowd.channels.slice(0, ROOMS_OF_USER).entries())
        await run.crowd.enter(stranger, channel, `#room-${n}`);
      await write(usersOf(home), EACH);
      await passOneDay();
      const began = performance.now();
      await group.restart(far);
      const started = (performance.now() - began) / 1_000;
      const seconds = await expectWhole(run, group, GUARD_MS, 'far node away for a day');
      console.log(
        `the far node started in ${started.toFixed(1)} s and had caught up ${seconds.toFixed(1)} s later: ` +
          `${Math.round(MESSAGES / seconds)} entries a second`,
      );
      // His keys could be given to nobody there before: they are asked for. All others' lie ready at the home.
      const late = run.history.lateKeys;
      expect(sum(late.values()) - (late.get(stranger.client.userId) ?? 0) - before).toBe(0);
    },
    4 * GUARD_MS,
  );
});
