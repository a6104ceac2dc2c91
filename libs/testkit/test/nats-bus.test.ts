import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Bus,
  connectNatsBus,
  createMetrics,
  type Metrics,
  type NatsBusOptions,
  type Rpc,
  type Topic,
} from '@dcp/node-kit';
import { rejection } from '../src/bus-compliance-request.js';
import { captureLogger } from '../src/capture-logger.js';
import { eventually } from '../src/eventually.js';
import { startNats, type TestNats } from '../src/nats.js';

const news: Topic<unknown> = { subject: 'news.today' };
const work: Rpc<unknown, unknown> = { subject: 'work.do' };

const open: Bus[] = [];

interface Connected {
  bus: Bus;
  metrics: Metrics;
  log: ReturnType<typeof captureLogger>;
  errors(kind: string): Promise<number>;
}

async function connected(nats: { url: string }, more: Partial<NatsBusOptions> = {}): Promise<Connected> {
  const log = captureLogger();
  const metrics = createMetrics({ service: 'test', processMetrics: false });
  const bus = await connectNatsBus({ servers: nats.url, name: 'test', logger: log.logger, metrics, ...more });
  open.push(bus);
  const errors = async (kind: string) => {
    const metric = await metrics.registry.getSingleMetric('dcp_bus_errors_total')?.get();
    return metric?.values.find(({ labels }) => labels['kind'] === kind)?.value ?? 0;
  };
  return { bus, metrics, log, errors };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
});

describe('a NATS that comes and goes', () => {
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats.stop());

  const reconnected = (bus: Bus) =>
    new Promise<void>((resolve) => {
      const subscription = bus.onReconnect(() => {
        subscription.unsubscribe();
        resolve();
      });
    });

  const disconnected = (bus: Bus) => eventually(() => expect(bus.state).toBe('disconnected'));

  it('waits for a server that starts later', async () => {
    await nats.kill();
    const connecting = connected(nats);
    await nats.restart();
    const { bus } = await connecting;
    expect(bus.state).toBe('connected');
  });

  it('stops waiting when asked', async () => {
    await nats.kill();
    const stop = new AbortController();
    const connecting = connected(nats, { signal: stop.signal });
    stop.abort();
    await expect(connecting).rejects.toThrow('abort');
    await nats.restart();
  });

  it('survives kill -9 of the server: fails fast meanwhile, then every subscription lives again', async () => {
    const [server, client] = [await connected(nats), await connected(nats)];
    const heard: unknown[] = [];
    server.bus.serve(work, (input) => input, 'servers');
    server.bus.subscribe({ subject: 'news.*' }, (payload) => void heard.push(payload));
    await server.bus.flush();
    const back = [reconnected(server.bus), reconnected(client.bus)];
    await nats.kill();
    await disconnected(client.bus);
    await disconnected(server.bus);
    client.bus.publish(news, 'lost');
    expect(await client.errors('dropped')).toBe(1);
    expect((await rejection(client.bus.request(work, 1))).details).toEqual({ reason: 'disconnected' });
    expect((await rejection(client.bus.flush())).number).toBe(9001);
    await nats.restart();
    await Promise.all(back);
    expect(await client.bus.request(work, 2)).toBe(2);
    client.bus.publish(news, 'heard');
    await client.bus.flush();
    await eventually(() => expect(heard).toEqual(['heard']));
  });

  it('fails a waiting request at once when the connection is lost, and closes without it', async () => {
    const { bus } = await connected(nats);
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const entered = new Promise<void>((resolve) => {
      bus.serve(work, () => (resolve(), released), 'servers');
    });
    await bus.flush();
    const waiting = rejection(bus.request(work, 1, { timeoutMs: 600_000 }));
    await entered;
    await nats.kill();
    expect((await waiting).details).toEqual({ reason: 'disconnected' });
    const closing = bus.close();
    release();
    await closing;
    await nats.restart();
    const { bus: next } = await connected(nats);
    expect((await rejection(next.request(work, 1))).details).toEqual({ reason: 'no_responders' });
  });

  it('reconnects as often as it takes', async () => {
    const { bus } = await connected(nats);
    bus.serve(work, () => 'here', 'servers');
    for (let round = 0; round < 3; round++) {
      const back = reconnected(bus);
      await nats.restart();
      await back;
      expect(await bus.request(work, round)).toBe('here');
    }
  });
});

describe('payloads and limits', () => {
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats.stop());

  const large = 'x'.repeat(1024 * 1024);

  it('refuses a payload above the server’s limit (2001), in every direction, and goes on', async () => {
    const { bus, errors } = await connected(nats);
    bus.serve(work, (input) => (input === 'large' ? large : input), 'servers');
    expect(() => bus.publish(news, large)).toThrow('size limit');
    expect((await rejection(bus.request(work, large))).number).toBe(2001);
    expect((await rejection(bus.request(work, 'large'))).number).toBe(2001);
    expect(await bus.request(work, 'small')).toBe('small');
    expect(await errors('too_large')).toBe(3);
  });

  it('refuses more waiting requests than its limit', async () => {
    const { bus, errors } = await connected(nats, { maxPending: 2 });
    let release: (value: string) => void = () => {};
    const answer = new Promise<string>((resolve) => (release = resolve));
    bus.serve(work, () => answer, 'servers');
    await bus.flush();
    const waiting = [bus.request(work, 1), bus.request(work, 2)];
    expect((await rejection(bus.request(work, 3))).details).toEqual({ reason: 'overloaded' });
    release('done');
    expect(await Promise.all(waiting)).toEqual(['done', 'done']);
    expect(await errors('overloaded')).toBe(1);
  });

  it('drops what the server does not take in time, and takes more when it does', async () => {
    const { bus, errors } = await connected(nats, { maxUnconfirmed: 3 * 1024 * 1024 });
    const half = 'x'.repeat(512 * 1024);
    for (let index = 0; index < 10; index++) bus.publish(news, half);
    expect(await errors('overloaded')).toBe(5);
    await bus.flush();
    bus.publish(news, half);
    expect(await errors('overloaded')).toBe(5);
  });

  it('does not hear another installation on the same server', async () => {
    const [one, two] = [await connected(nats, { prefix: 'one' }), await connected(nats, { prefix: 'two' })];
    const heard: unknown[] = [];
    one.bus.subscribe({ subject: '>' }, (payload) => void heard.push(payload));
    await one.bus.flush();
    two.bus.publish(news, 'two');
    await two.bus.flush();
    one.bus.publish(news, 'one');
    await eventually(() => expect(heard).toEqual(['one']));
  });
});

describe('permissions of each service', () => {
  const password = 'p"a\\ss w0rd';
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startNats({
      users: [
        { name: 'channel', password, publish: ['news.*'], subscribe: ['work.do', 'work.other'] },
        { name: 'gateway', password, publish: ['work.do'], subscribe: ['news.>'] },
        { name: 'nobody', password, publish: [], subscribe: [] },
      ],
    });
  });
  afterAll(() => nats.stop());

  const as = (user: string) => connected(nats, { user, password });

  it('lets services use their own subjects', async () => {
    const [channel, gateway] = [await as('channel'), await as('gateway')];
    const heard: unknown[] = [];
    channel.bus.serve(work, (input) => input, 'channel');
    gateway.bus.subscribe({ subject: 'news.>' }, (payload) => void heard.push(payload));
    await channel.bus.flush();
    await gateway.bus.flush();
    expect(await gateway.bus.request(work, 7)).toBe(7);
    channel.bus.publish(news, 'fresh');
    await eventually(() => expect(heard).toEqual(['fresh']));
    expect([await channel.errors('permission'), await gateway.errors('permission')]).toEqual([0, 0]);
  });

  it('refuses and counts publishing elsewhere', async () => {
    const gateway = await as('gateway');
    gateway.bus.publish(news, 'forged');
    await eventually(async () => expect(await gateway.errors('permission')).toBe(1));
    expect(gateway.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', operation: 'publish', subject: 'dcp.news.today' }),
    );
    expect(gateway.bus.state).toBe('connected');
  });

  it('fails a forbidden request at once', async () => {
    const nobody = await as('nobody');
    const error = await rejection(nobody.bus.request(work, 1, { timeoutMs: 600_000 }));
    expect(error.number).toBe(9000);
    expect(await nobody.errors('permission')).toBe(1);
  });

  it('refuses and counts listening elsewhere, also on the inbox of another service', async () => {
    const nobody = await as('nobody');
    nobody.bus.subscribe({ subject: '>' }, () => {});
    nobody.bus.serve(work, () => 'stolen', 'channel');
    await eventually(async () => expect(await nobody.errors('permission')).toBe(2));
    const spy = await connected(nats, { user: 'nobody', password, prefix: '_INBOX_gateway' });
    spy.bus.subscribe({ subject: '>' }, () => {});
    await eventually(async () => expect(await spy.errors('permission')).toBe(1));
    const gateway = await as('gateway');
    expect((await rejection(gateway.bus.request(work, 1))).details).toEqual({ reason: 'no_responders' });
  });

  it('keeps trying with a wrong password, and says so without it', async () => {
    const log = captureLogger();
    const stop = new AbortController();
    const options = { servers: nats.url, name: 'test', user: 'gateway', password: 'wrong-pass', logger: log.logger };
    const connecting = connectNatsBus({ ...options, signal: stop.signal }).catch(() => 'stopped');
    await eventually(() => expect(log.lines).toContainEqual(expect.objectContaining({ msg: 'waiting for NATS' })));
    stop.abort();
    expect(await connecting).toBe('stopped');
    expect(log.text()).toContain('Authorization Violation');
    expect(log.text()).not.toContain('wrong-pass');
  });
});
