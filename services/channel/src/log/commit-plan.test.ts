import { DcpError } from '@dcp/protocol';
import { describe, expect, it } from '@jest/globals';
import { noStandings } from '../state/standings.js';
import { CommitPlan, type Head, type MemberRow, type Snapshot } from './commit-plan.js';
import type { NewEntry } from './new-entry.js';
import { type Operation, type Outcome, pairKey, type PostOperation } from './operation.js';

const LIMITS = { maxMembers: 3, maxSealedMembers: 2, maxOwned: 3, maxMemberships: 2 };
const CHANNEL = 'ch_one';
const ALICE = 'alice';

const head = (): Head => ({
  channelId: CHANNEL,
  name: '#one',
  encryption: 'node',
  visibility: 'public',
  creator: 'alice',
  lastSeq: 10,
  aclVersion: 5,
  lockedAclVersion: 5,
  stateHead: null,
  epoch: 0,
  memberCount: 1,
  homeEpoch: 1,
  isReplica: false,
});

const ALICE_ROW: MemberRow = { role: 'member', joinedSeq: 4, identityKey: null };

/** Alice is a member, with number 4; what is named in `read` was asked for. */
const snapshot = (read: string[] = []): Snapshot => ({
  heads: new Map([[CHANNEL, head()]]),
  known: new Map(),
  members: new Map(read.includes(ALICE) ? [[pairKey(CHANNEL, ALICE), ALICE_ROW]] : []),
  membersRead: new Set(read.map((userId) => pairKey(CHANNEL, userId))),
  memberships: new Map(),
  standings: noStandings(),
  created: new Set(),
  raced: new Map(),
});

const entry = (id: string, content = id): NewEntry => ({
  id,
  type: 'text',
  author: ALICE,
  device: null,
  timestamp: '2026-01-01T00:00:00.000Z',
  body: content,
  digest: Buffer.alloc(32, content),
});

const post = (id: string, userId = ALICE, aclVersion = 5): PostOperation => ({
  kind: 'post',
  channelId: CHANNEL,
  userId,
  aclVersion,
  entry: entry(id),
});
const join = (userId: string): Operation => ({
  kind: 'join',
  channelId: CHANNEL,
  userId,
  entry: entry(`join_${userId}`),
});
const leave = (userId: string): Operation => ({
  kind: 'leave',
  channelId: CHANNEL,
  userId,
  entry: entry(`leave_${userId}`),
});

/** `seq` of what was accepted, the reason or code of what was not. */
function decide(plan: CommitPlan, ...operations: Operation[]): (number | string)[] {
  return operations.map((operation) => {
    const result: Outcome | DcpError = plan.decide(operation);
    return result instanceof DcpError ? String(result.details['reason'] ?? result.code) : result.seq;
  });
}

describe('commit plan', () => {
  it('numbers from the head on, in order of arrival', () => {
    const plan = new CommitPlan(snapshot(), LIMITS);
    expect(decide(plan, post('a'), post('b'), post('c'))).toEqual([11, 12, 13]);
    expect([...plan.appended.keys()].map(({ lastSeq }) => lastSeq)).toEqual([13]);
  });

  it('a repeated id costs no number; other content under it is a conflict', () => {
    const plan = new CommitPlan(snapshot(), LIMITS);
    const other = { ...post('a'), entry: entry('a', 'other') };
    expect(decide(plan, post('a'), post('a'), other, post('b'))).toEqual([11, 11, 'id_used', 12]);
  });

  it('believes a cached role only at the version that is in force, and fails closed otherwise', () => {
    const plan = new CommitPlan(snapshot(), LIMITS);
    expect(decide(plan, post('a', ALICE, 4), post('b', ALICE, 6), post('c', ALICE, 5))).toEqual([
      'not_a_member',
      'not_a_member',
      11,
    ]);
  });

  it('follows a member through a batch: in, posting, out, silent, in again', () => {
    const plan = new CommitPlan(snapshot(['bob']), LIMITS);
    const steps = [
      join('bob'),
      post('a', 'bob'),
      join('bob'),
      leave('bob'),
      post('b', 'bob'),
      leave('bob'),
      join('bob'),
    ];
    expect(decide(plan, ...steps)).toEqual([11, 12, 11, 13, 'not_a_member', 13, 14]);
    expect([...plan.roster.changes.values()]).toEqual([
      { channelId: CHANNEL, userId: 'bob', existed: false, row: { role: 'member', joinedSeq: 14, identityKey: null } },
    ]);
    expect([...plan.appended.keys()]).toMatchObject([{ memberCount: 2, aclVersion: 6 }]);
  });

  it('a leave of one does not silence the others of the same batch', () => {
    const plan = new CommitPlan(snapshot([ALICE]), LIMITS);
    expect(decide(plan, leave(ALICE), post('b', 'bob'), post('a'))).toEqual([11, 12, 'not_a_member']);
    expect([...plan.roster.changes.values()]).toMatchObject([{ existed: true, row: null }]);
  });

  it('keeps the limits within a batch', () => {
    const plan = new CommitPlan({ ...snapshot(), memberships: new Map([['eve', 2]]) }, LIMITS);
    expect(decide(plan, join('eve'), join('bob'), join('carol'), join('dave'), leave('bob'), join('dave'))).toEqual([
      'too_many_memberships',
      11,
      12,
      'channel_full',
      13,
      14,
    ]);
  });

  it('refuses the banned, and e2ee channels have a limit of their own', () => {
    const plan = new CommitPlan(
      { ...snapshot(), standings: { ...noStandings(), bans: new Set([pairKey(CHANNEL, 'eve')]) } },
      LIMITS,
    );
    expect(decide(plan, join('eve'), join('bob'))).toEqual(['banned', 11]);
    const sealed = new Map([[CHANNEL, { ...head(), encryption: 'e2ee' as const }]]);
    expect(decide(new CommitPlan({ ...snapshot(), heads: sealed }, LIMITS), join('bob'), join('carol'))).toEqual([
      11,
      'channel_full',
    ]);
  });

  it('[DCP-9.2-02] holds a post to the key epoch of the locked head, and hides what is not public', () => {
    const hidden = new Map([
      [CHANNEL, { ...head(), encryption: 'e2ee' as const, visibility: 'private' as const, epoch: 2 }],
    ]);
    const plan = new CommitPlan({ ...snapshot(), heads: hidden }, LIMITS);
    const steps = [1, 3, 2].map((epoch) => ({ ...post(`e${epoch}`), epoch }));
    expect(decide(plan, ...steps, { ...post('late', ALICE, 4), epoch: 2 })).toEqual([
      'stale_epoch',
      'epoch',
      11,
      'CHANNEL_NOT_FOUND',
    ]);
  });

  it('holds a post to the state that its author names, so that nobody who came meanwhile misses its key', () => {
    const stateHead = 'sha256:now';
    const heads = new Map([[CHANNEL, { ...head(), encryption: 'e2ee' as const, stateHead }]]);
    const plan = new CommitPlan({ ...snapshot(), heads }, LIMITS);
    const named = (id: string, knownState: string) => ({ ...post(id), epoch: 0, knownState });
    expect(decide(plan, named('a', 'sha256:before'), named('b', stateHead), { ...post('c'), epoch: 0 })).toEqual([
      'stale_state',
      11,
      12,
    ]);
  });

  it('what changes state moves the state head, a post does not', () => {
    const plan = new CommitPlan(snapshot(), LIMITS);
    decide(plan, post('a'));
    expect([...plan.appended.keys()][0]?.stateHead).toBeNull();
    decide(plan, join('bob'));
    expect([...plan.appended.keys()][0]?.stateHead).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('knows no channel that is not there', () => {
    expect(decide(new CommitPlan(snapshot(), LIMITS), { ...post('a'), channelId: 'ch_two' })).toEqual([
      'CHANNEL_NOT_FOUND',
    ]);
  });
});
