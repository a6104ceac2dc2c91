import { setTimeout as delay } from 'node:timers/promises';
import { FEDERATION, KEYS, PEER, type PeerKind } from '@dcp/contracts';
import type { Rpc, Subscription } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { acknowledge, claim, fetch, message, type Owner, owner, reachable, reference, send } from './support/owner.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

const [HERE, THERE] = ['aaaa1111', 'bbbb2222'];

/** Carries questions from one node to the other, as the federation would. */
interface Bridge {
  asked: string[];
  fault: DcpError | undefined;
  /** The answer is lost on its way back. */
  deaf: boolean;
  pauseMs: number;
  lie: ((honest: Record<string, unknown>) => object) | undefined;
  subscription: Subscription;
}

function bridge(from: World, to: World): Bridge {
  const self = { asked: [] as string[] } as Bridge;
  self.subscription = from.federationBus.serve(
    FEDERATION.ask,
    async ({ node_id, kind, body }) => {
      self.asked.push(kind);
      if (self.fault !== undefined) throw self.fault;
      if (self.pauseMs > 0) await delay(self.pauseMs);
      if (node_id !== THERE) throw new DcpError('NODE_UNREACHABLE', { node_id });
      const call = { peer: { node_id: HERE, trust: 'trusted' as const }, body };
      const honest = await to.federationBus.request(
        PEER[kind as PeerKind] as Rpc<object, Record<string, unknown>>,
        call,
      );
      if (self.deaf) throw new DcpError('NODE_UNREACHABLE', { node_id });
      return { body: (self.lie?.(honest) ?? honest) as Record<string, unknown> };
    },
    'federation',
  );
  return self;
}

let count = 0;
const someone = (node: string) => ({ user_id: `${node}.person-${++count}` });

describe.each(BOTH_BUSES)('keys between nodes over the %s bus', (kind) => {
  let here: World;
  let there: World;
  let link: Bridge;
  let alice: Owner;
  let bob: Owner;

  beforeAll(async () => {
    [here, there] = [await World.open(kind), await World.open(kind)];
    await Promise.all([here.start(), here.start(), there.start()]);
    link = bridge(here, there);
    await here.federationBus.flush();
  });
  beforeEach(async () => {
    Object.assign(link, { asked: [], fault: undefined, deaf: false, pauseMs: 0, lie: undefined });
    alice = owner(someone(HERE));
    bob = await reachable(there, 2, someone(THERE));
  });
  afterAll(async () => {
    link.subscription.unsubscribe();
    await Promise.all([here.close(), there.close()]);
  });

  const bodies = async () => (await fetch(there, bob)).items.map(({ body, from_user }) => [body, from_user]);

  it('[DCP-6.3-02] prekeys of another node’s device are claimed there, each once, beside those of this node', async () => {
    const carol = await reachable(here, 1, someone(HERE));
    const first = await claim(here, alice, bob, carol);
    expect(first.bundles.map(({ user_id }) => user_id)).toEqual([bob.user_id, carol.user_id]);
    const second = await claim(here, alice, bob);
    expect(second.bundles[0]?.one_time?.id).not.toBe(first.bundles[0]?.one_time?.id);
    const unknown = owner(someone(THERE));
    expect((await claim(here, alice, unknown)).missing).toEqual([reference(unknown)]);
  });

  it('a node that is away, refuses or lies hands nothing out, and the others do not suffer', async () => {
    const carol = await reachable(here, 1, someone(HERE));
    link.fault = new DcpError('NODE_UNREACHABLE');
    expect(await claim(here, alice, bob, carol)).toMatchObject({
      bundles: [{ user_id: carol.user_id }],
      missing: [reference(bob)],
    });
    link.fault = undefined;
    for (const lie of [{}, { bundles: 'x' }, { bundles: [{ user_id: bob.user_id }] }]) {
      link.lie = () => lie;
      expect((await claim(here, alice, bob)).missing).toEqual([reference(bob)]);
    }
    const other = await reachable(there, 1, someone(THERE));
    link.lie = ({ bundles }) => ({ bundles: (bundles as object[]).map((one) => ({ ...one, user_id: other.user_id })) });
    expect(await claim(here, alice, bob)).toEqual({ bundles: [], missing: [reference(bob)] });
  });

  it('what is sent lies in the other node’s queue as it was sent', async () => {
    const one = message(bob);
    expect(await send(here, alice, one)).toEqual({ unknown: [], full: [] });
    expect(await bodies()).toEqual([[one.body, alice.user_id]]);
    const gone = owner(someone(THERE));
    expect(await send(here, alice, message(gone))).toEqual({ unknown: [reference(gone)], full: [] });
    await eventually(() => expect(there.queued.at(-1)?.devices[0]?.user_id).toBe(bob.user_id));
  });

  it('[DCP-10.2-01] [DCP-10.2-02] what is routed to a user lies at each of his devices, once, from his sender’s node', async () => {
    const laptop = await reachable(there, 0, { user_id: bob.user_id });
    const route = (encrypted_message: string, destination_user = bob.user_id) =>
      here.bus.request(KEYS.route, { session: alice.session, message: { destination_user, encrypted_message } });
    for (let times = 0; times < 2; times++) await route('SGVsbG8=');
    for (const device of [bob, laptop])
      expect((await fetch(there, device)).items).toMatchObject([
        { from_user: HERE, from_device: 'node', body: 'SGVsbG8=' },
      ]);
    await eventually(() => expect(there.queued.at(-1)?.devices).toHaveLength(2));
    await acknowledge(there, bob, 1);
    await route('SGVsbG8=');
    expect((await fetch(there, bob)).items).toEqual([]);
    const carol = await reachable(here, 0, someone(HERE));
    expect(await route('SGk=', carol.user_id)).toEqual({ devices: 1 });
    expect((await refusalOf(route('SGk=', someone(THERE).user_id))).code).toBe('USER_NOT_FOUND');
    expect((await refusalOf(route('no base64!'))).code).toBe('INVALID_MESSAGE_FORMAT');
    link.fault = new DcpError('NODE_UNREACHABLE');
    expect((await refusalOf(route('SGk='))).code).toBe('NODE_UNREACHABLE');
  });

  it('[DCP-14.3-02] what a node that is away was sent waits, in order, and comes once when it is back', async () => {
    const messages = Array.from({ length: 70 }, (_, n) =>
      message(bob, { body: Buffer.from(`m${n}`).toString('base64') }),
    );
    link.fault = new DcpError('NODE_UNREACHABLE');
    for (const one of messages.slice(0, 69)) expect(await send(here, alice, one)).toEqual({ unknown: [], full: [] });
    link.fault = undefined;
    // It must not overtake those that wait.
    await send(here, alice, messages[69]);
    here.federationBus.publish(FEDERATION.linkUp, { node_id: THERE });
    await eventually(async () => {
      here.clock.advance(1_000);
      expect((await fetch(there, bob, 64)).items).toHaveLength(6);
    });
    const all = [...(await fetch(there, bob)).items, ...(await fetch(there, bob, 64)).items];
    expect(all.map(({ body }) => body)).toEqual(messages.map(({ body }) => body));
    expect(await here.count('outgoing_items')).toBe(0);
  });

  it('go to a node that is back before anything else, however long it would have been left alone', async () => {
    link.fault = new DcpError('NODE_UNREACHABLE');
    await send(here, alice, message(bob));
    const federation = here.federationBus;
    // Several attempts fail: the next one by itself is far off.
    expect(await federation.request(KEYS.relay, { node_id: THERE }, { timeoutMs: 10_000 })).toEqual({
      waits: true,
      moves: false,
    });
    expect(await bodies()).toHaveLength(0);
    link.fault = undefined;
    expect(await federation.request(KEYS.relay, { node_id: THERE })).toEqual({ waits: false, moves: true });
    expect(await bodies()).toHaveLength(1);
    expect(await federation.request(KEYS.relay, { node_id: 'zzzzzzzz' })).toEqual({ waits: false, moves: false });
  });

  it('more than go in the time of one question: the answer says that they go, and the next one brings the rest', async () => {
    const senders = Array.from({ length: 12 }, () => owner(someone(HERE)));
    link.fault = new DcpError('NODE_UNREACHABLE');
    for (const sender of senders) await send(here, sender, message(bob));
    link.fault = undefined;
    link.pauseMs = 600;
    const ask = () => here.federationBus.request(KEYS.relay, { node_id: THERE }, { timeoutMs: 7_000 });
    expect(await ask()).toEqual({ waits: true, moves: true });
    link.pauseMs = 0;
    expect(await ask()).toEqual({ waits: false, moves: true });
    expect((await bodies()).map(([, from]) => from)).toEqual(senders.map(({ user_id }) => user_id));
  });

  it('an answer that is lost repeats nothing', async () => {
    link.deaf = true;
    await send(here, alice, message(bob));
    link.deaf = false;
    await eventually(async () => {
      here.clock.advance(60_000);
      expect(await here.count('outgoing_items')).toBe(0);
    });
    expect(await bodies()).toHaveLength(1);
    expect(await acknowledge(there, bob, 1)).toBe(0);
  });

  it('a node that refuses for good holds nothing up; a federation service that is away loses nothing', async () => {
    link.fault = new DcpError('NODE_UNREACHABLE');
    await send(here, alice, message(bob));
    link.fault = new DcpError('INSUFFICIENT_PERMISSIONS');
    await eventually(async () => {
      here.clock.advance(60_000);
      expect(await here.count('outgoing_items')).toBe(0);
    });
    expect((await send(here, alice, message(bob))).unknown).toEqual([reference(bob)]);
    const lonely = await reachable(there, 0, someone(THERE));
    expect(await send(there, lonely, message(alice))).toEqual({ unknown: [], full: [] });
    there.clock.advance(120_000);
    expect(await there.count('outgoing_items')).toBe(1);
  });

  it('what waits is bounded, expires and goes with its sender', async () => {
    const small = await here.start({ env: { DCP_MAX_OUTGOING_ITEMS: '2', DCP_KEYS_SWEEP_MS: '50' } });
    link.fault = new DcpError('NODE_UNREACHABLE');
    const dora = owner(someone(HERE));
    await send(here, dora, message(bob), message(bob));
    await eventually(async () => {
      const answer = await send(here, dora, message(bob));
      expect(answer.full).toEqual([reference(bob)]);
    });
    await here.authBus.request(KEYS.forgetUser, { user_id: dora.user_id });
    expect(await here.count('outgoing_items')).toBe(0);
    await send(here, alice, message(bob));
    here.clock.advance(31 * 86_400_000);
    await eventually(async () => expect(await here.count('outgoing_items')).toBe(0));
    await eventually(async () => {
      here.clock.advance(3_600_000);
      expect(await here.count('outgoing_nodes')).toBe(0);
    });
    await small.stop();
  });

  it('a node speaks for its own users only', async () => {
    const peer = { node_id: HERE, trust: 'trusted' as const };
    const forged = { user_id: `${THERE}.somebody`, device: alice.device };
    const asked = there.federationBus.request(PEER.send_keys, { peer, body: { ...forged, messages: [message(bob)] } });
    expect(await refusalOf(asked)).toMatchObject({ code: 'FEDERATION_ERROR', details: { reason: 'foreign_user' } });
    const claimed = there.federationBus.request(PEER.claim_keys, {
      peer,
      body: { ...forged, devices: [reference(bob)] },
    });
    expect(await refusalOf(claimed)).toMatchObject({ code: 'FEDERATION_ERROR' });
    expect(await bodies()).toEqual([]);
  });
});
