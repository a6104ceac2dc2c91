import { ready, signDigest } from '@dcp/crypto';
import { handoverInput, mandateInput } from '@dcp/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makePerson, type TestPerson } from './sealed-client.js';
import { call, TestSocket } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

describe.each(BUS_KINDS)('the home of a channel, at the door, on the %s bus', (kind) => {
  let node: TestNode;
  let anna: TestPerson;
  let bob: TestPerson;
  let id: string;
  let path: string;

  const url = () => node.urls[0] as string;
  const get = (who?: TestPerson) => call(url(), path, who === undefined ? {} : { token: who.token });
  const post = (who: TestPerson | undefined, body: unknown) =>
    call(url(), path, { method: 'POST', body, ...(who === undefined ? {} : { token: who.token }) });
  const handover = (who: TestPerson, changes: object = {}) => {
    const object = {
      channel_id: id,
      epoch: 2,
      from_node: who.userId.slice(0, 8),
      to_node: 'elsewher',
      kind: 'given',
      prev: null,
      issued: new Date(node.clock.now()).toISOString(),
      author: who.userId,
      device: who.device.id,
      ...changes,
    };
    return { ...object, signature: signDigest(who.device.seed, handoverInput(object)) };
  };

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 1);
    [anna, bob] = [await makePerson(url(), 'anna'), await makePerson(url(), 'bob')];
    const body = { channel: '#moving', encryption: 'node' };
    const made = await call(url(), '/api/v1/channels', { method: 'POST', body, token: anna.token });
    id = String((made.body as unknown as { channel_id: string }).channel_id);
    path = `/api/v1/channels/${encodeURIComponent('#moving')}/home`;
  });
  afterAll(() => node.stop());

  it('is shown to members, with all that a hand-over must name', async () => {
    expect(await get(anna)).toMatchObject({
      status: 200,
      body: {
        channel: '#moving',
        channel_id: id,
        home_node: anna.userId.slice(0, 8),
        home_epoch: 1,
        state: 'settled',
        handovers: [],
      },
    });
    expect((await get(bob)).status).toBe(403);
    expect((await get()).status).toBe(401);
  });

  it('is moved by its owner alone, in well-formed words of bounded length, to a node with a member', async () => {
    const refusal = async (who: TestPerson | undefined, body: unknown) => {
      const { status, body: answer } = await post(who, body);
      const { code, details } = (answer as { error: { code: string; details: Record<string, unknown> } }).error;
      return [status, code, details['reason']];
    };
    const good = handover(anna);
    expect(await refusal(anna, { handover: good })).toEqual([409, 'CONFLICT', 'no_member']);
    expect(await refusal(bob, { handover: handover(bob) })).toEqual([403, 'INSUFFICIENT_PERMISSIONS', 'not_a_member']);
    expect(await refusal(bob, { handover: good })).toEqual([403, 'INSUFFICIENT_PERMISSIONS', 'foreign_author']);
    expect((await refusal(undefined, { handover: good }))[0]).toBe(401);
    for (const body of [{}, { handover: {} }, { handover: { ...good, epoch: 'two' } }, { handover: 'x' }]) {
      expect((await refusal(anna, body)).slice(0, 2)).toEqual([400, 'INVALID_MESSAGE_FORMAT']);
    }
    const long = handover(anna, { more: 'x'.repeat(2_048) });
    expect(await refusal(anna, { handover: long })).toEqual([400, 'INVALID_MESSAGE_FORMAT', 'longer than 2048 bytes']);
    const other = { ...good, channel_id: `ch_${'a'.repeat(52)}` };
    expect((await refusal(anna, { handover: other }))[1]).toBe('INVALID_MESSAGE_FORMAT');
    expect((await get(anna)).body).toMatchObject({ home_epoch: 1, handovers: [] });
  });

  it('is entrusted by its owner to admins, over both doors, and shown with them', async () => {
    const mandate = (who: TestPerson, serial: number, changes: object = {}) => {
      const issued = new Date(node.clock.now()).toISOString();
      const object = {
        channel_id: id,
        serial,
        admins: [bob.userId],
        issued,
        author: who.userId,
        device: who.device.id,
      };
      const said = { ...object, ...changes };
      return { ...said, signature: signDigest(who.device.seed, mandateInput(said)) };
    };
    const patch = (who: TestPerson, body: unknown) =>
      call(url(), '/api/v1/channels/%23moving', { method: 'PATCH', body, token: who.token });
    const first = mandate(anna, 1);
    expect(await patch(anna, { mandate: first })).toMatchObject({ status: 200, body: { changed: true } });
    expect((await get(anna)).body).toMatchObject({ mandate: first });
    const survey = await call(url(), `${path}/survey`, { token: anna.token });
    expect(survey.body).toMatchObject({ home_answers: true, mandate: first });
    expect((await patch(bob, { mandate: mandate(bob, 2) })).status).toBe(403);
    for (const bad of [{}, 'x', mandate(anna, 0), mandate(anna, 2, { admins: Array(10).fill(bob.userId) })])
      expect((await patch(anna, { mandate: bad })).status).toBe(400);
    const again = (await patch(anna, { mandate: first })).body as { error: { code: string; details: object } };
    expect(again.error).toMatchObject({ code: 'CONFLICT', details: { reason: 'old_mandate', serial: 1 } });
    const socket = await TestSocket.open(url(), anna.token);
    const next = mandate(anna, 2, { admins: [] });
    expect((await socket.command('update_channel', { channel: '#moving', mandate: next })).data).toMatchObject({
      changed: true,
    });
    socket.close();
    expect((await get(anna)).body).toMatchObject({ mandate: next });
  });
});
