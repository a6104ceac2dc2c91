import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { at, AUTH, busPermissions, CHANNEL } from '@dcp/contracts';
import { connectNatsBus, type Bus } from '@dcp/node-kit';
import { eventually, startNats, type TestNats } from '../src/index.js';

describe('the house on a real NATS', () => {
  let nats: TestNats;
  const buses = new Map<string, Bus>();
  const bus = (service: string) => buses.get(service) as Bus;

  beforeAll(async () => {
    const users = busPermissions().map(({ service, ...subjects }) => ({
      name: service,
      password: `${service} secret`,
      ...subjects,
    }));
    nats = await startNats({ users });
    for (const user of ['gateway', 'auth', 'channel']) {
      buses.set(user, await connectNatsBus({ servers: nats.url, user, password: `${user} secret`, name: user }));
    }
  });

  afterAll(async () => {
    for (const one of buses.values()) await one.close();
    await nats.stop();
  });

  it('a service does what its contracts say', async () => {
    bus('channel').serve(CHANNEL.heads, () => ({ heads: {} }), 'channel');
    await bus('channel').flush();
    expect(await bus('gateway').request(CHANNEL.heads, { channel_ids: [] })).toEqual({ heads: {} });
  });

  it('a gateway cannot speak for the log: what it publishes reaches nobody', async () => {
    const heard: string[] = [];
    bus('gateway').subscribe(at(CHANNEL.entries, '*'), ({ name }) => heard.push(name));
    await bus('gateway').flush();
    const batch = { channel_id: 'ch_x', entries: [] };
    bus('gateway').publish(at(CHANNEL.entries, 'ch_x'), { ...batch, name: 'forged' });
    await bus('gateway').flush();
    bus('channel').publish(at(CHANNEL.entries, 'ch_x'), { ...batch, name: 'true' });
    await eventually(() => expect(heard).toEqual(['true']));
  });

  it('a wrong service cannot answer for auth, and cannot ask what is not for it', async () => {
    bus('channel').serve(AUTH.jwks, () => ({ keys: [] }), 'auth');
    await bus('channel').flush();
    await expect(bus('gateway').request(AUTH.jwks, {}, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'MAINTENANCE_MODE',
    });
    await expect(
      bus('gateway').request(CHANNEL.forgetUser, { user_id: 'x' }, { timeoutMs: 500 }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/INTERNAL_ERROR|MAINTENANCE_MODE/) });
  });

  it('a stranger is not let in', async () => {
    const abort = AbortSignal.timeout(1_500);
    await expect(
      connectNatsBus({ servers: nats.url, user: 'gateway', password: 'wrong', name: 'stranger', signal: abort }),
    ).rejects.toBeDefined();
  });
});
