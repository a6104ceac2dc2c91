import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createPlainServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, connect, type Server } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FEDERATION, type Session } from '@dcp/contracts';
import { eventually, freePort } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { selfSigned } from '../src/node/certificate.js';
import { TestDns } from './support/dns.js';
import { TestNode } from './support/node.js';
import { refusalOf } from './support/refusal.js';

const OWNER: Session = {
  session_id: 'ses_a',
  user_id: 'aaaaaaaa.owner',
  device: null,
  key: 'ed25519:AAAA',
  account_type: 'standard',
  admin: true,
};

describe('how a node is found', () => {
  let a: TestNode;
  let b: TestNode;
  let folder: string;
  const undo: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    [a, b] = [await TestNode.open('127.0.0.1'), await TestNode.open('127.0.0.2')];
    for (const node of [a, b]) node.answers('user_lookup', ({ body }) => ({ user_id: body['user_id'] }));
    folder = await mkdtemp(join(tmpdir(), 'dcp-federation-'));
  });
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
    await a.close();
    await b.close();
    await rm(folder, { recursive: true, force: true });
  });

  const lookup = (more: { via?: string; timeout_ms?: number } = {}) =>
    a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, more);
  const reasonOf = async (more: { via?: string; timeout_ms?: number } = {}) => {
    const { code, details } = await refusalOf(lookup(more));
    return `${code} ${String(details['reason'])}`;
  };
  const knownNodes = async (nodes: object[]) => {
    const file = join(folder, 'known.json');
    await writeFile(file, JSON.stringify({ known_nodes: nodes }));
    return { DCP_KNOWN_NODES_FILE: file };
  };

  it('[DCP-10.1-02] known nodes of the file of §10.1 link up by themselves, without DNS', async () => {
    const atB = await b.start();
    const known = { id: b.nodeId, endpoint: `wss://${b.place(atB)}`, name: 'Example Node', trust_level: 'trusted' };
    const atA = await a.start({ env: await knownNodes([known]) });
    await eventually(async () => expect(await atA.metrics.text()).toMatch(/dcp_federation_links\{.*\} 1/));
    expect(await lookup()).toEqual({ user_id: 'x' });
  });

  it('[DCP-10.1-02] an entry with a wrong id is refused', async () => {
    const atB = await b.start();
    const known = { id: 'zzzzzzzz', endpoint: `wss://${b.place(atB)}` };
    const atA = await a.start({ env: await knownNodes([known]) });
    await eventually(async () =>
      expect(await atA.metrics.text()).toMatch(/dcp_federation_dials_total\{result="FEDERATION_ERROR",.*\} [1-9]/),
    );
    const { code, details } = await refusalOf(a.ask('zzzzzzzz', 'user_lookup', { user_id: 'x' }));
    expect({ code, reason: details['reason'] }).toEqual({ code: 'FEDERATION_ERROR', reason: 'wrong_id' });
  });

  it('[DCP-10.1-01] by SRV: the lower priority first, its port and host obeyed, the second when the first is away', async () => {
    const dns = await TestDns.open();
    undo.push(() => dns.close());
    const first = await b.start();
    const { port } = first.federation;
    const away = await freePort();
    dns.srv.set('_dcp._tcp.example.test', [
      { priority: 20, weight: 5, port, target: 'second.example.test' },
      { priority: 10, weight: 5, port: away, target: 'first.example.test' },
    ]);
    dns.a.set('first.example.test', '127.0.0.3').set('second.example.test', '127.0.0.2');
    await a.start({ env: { DCP_DNS_SERVERS: dns.address } });
    expect(await lookup({ via: 'example.test' })).toEqual({ user_id: 'x' });
    const targets = dns.asked.filter((name) => /^(first|second)/.test(name));
    expect(targets.indexOf('first.example.test')).toBe(0);
    expect(targets).toContain('second.example.test');
  });

  it('[DCP-10.1-01] who was met at a host is known by his id from then on, by SRV too', async () => {
    const dns = await TestDns.open();
    undo.push(() => dns.close());
    const atB = await b.start();
    dns.srv.set('_dcp._tcp.example.test', [
      { priority: 10, weight: 5, port: atB.federation.port, target: 'first.example.test' },
    ]);
    dns.a.set('first.example.test', '127.0.0.2');
    await a.start({ env: { DCP_DNS_SERVERS: dns.address } });
    expect(await reasonOf()).toBe('NODE_UNREACHABLE not_found');
    expect(await a.bus.request(FEDERATION.meet, { via: 'example.test' })).toEqual({ node_id: b.nodeId });
    await eventually(async () => expect(await lookup()).toEqual({ user_id: 'x' }), 20_000);
  });

  it('nobody is met at a bad host, a blocked node is not, and the own one is not pinned', async () => {
    const [atA, atB] = [await a.start(), await b.start()];
    const meet = async (via: string) => {
      const { code, details } = await refusalOf(a.bus.request(FEDERATION.meet, { via }));
      return `${code} ${String(details['reason'])}`;
    };
    expect(await meet('not a host')).toBe('INVALID_MESSAGE_FORMAT not a host');
    expect(await meet(`127.0.0.1:${await freePort()}`)).toBe('NODE_UNREACHABLE fetch_failed');
    expect(await a.bus.request(FEDERATION.meet, { via: a.place(atA) })).toEqual({ node_id: a.nodeId });
    const { peers } = await a.bus.request(FEDERATION.peers, { session: OWNER });
    expect(peers).toEqual([]);
    a.rate(b.nodeId, 'blocked');
    expect(await meet(b.place(atB))).toBe('FEDERATION_ERROR blocked');
  });

  it('an unknown node without a hint is not found', async () => {
    await a.start();
    expect(await reasonOf()).toBe('NODE_UNREACHABLE not_found');
  });

  it('a hint leads to no private address, unless the node is private itself', async () => {
    const atB = await b.start();
    const dns = await TestDns.open();
    undo.push(() => dns.close());
    dns.a.set('inner.example.test', '127.0.0.2');
    await a.start({ env: { DCP_FEDERATION_ALLOW_PRIVATE: 'false', DCP_DNS_SERVERS: dns.address } });
    const { port } = atB.federation;
    for (const via of [b.place(atB), `localhost:${port}`, `inner.example.test:${port}`, '[::1]:1', '169.254.169.254'])
      await eventually(async () => expect(await reasonOf({ via })).toMatch(/private_address|fetch_failed/), 20_000);
    expect(b.asked).toEqual([]);
  });

  it('what is too long, is elsewhere, or is no document is no node', async () => {
    let [status, body] = [200, ''];
    const server = createPlainServer((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.9/' }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => new Promise((resolve) => server.close(resolve)));
    const via = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await a.start({ env: { DCP_FEDERATION_RETRY_MS: '20' } });
    for (const [answer, code, told] of [
      ['x'.repeat(100_000), 200, 'NODE_UNREACHABLE fetch_too_large'],
      ['no json', 200, 'INVALID_MESSAGE_FORMAT not_json'],
      ['{"id":"a"}', 200, 'INVALID_MESSAGE_FORMAT not a node id (8 of a-z, 0-9)'],
      ['', 302, 'NODE_UNREACHABLE fetch_status'],
    ] as const) {
      [status, body] = [code, answer];
      await eventually(async () => expect(await reasonOf({ via })).toBe(told), 20_000);
    }
  });

  it('[DCP-15.3-02] [DCP-14.2-11] behind another certificate a node is not believed, though all else passes through', async () => {
    const atB = await b.start();
    const { certificate, privateKey } = await selfSigned('zzzzzzzz', Date.now());
    const middle = createTlsServer({ cert: certificate, key: privateKey }, (inner) => {
      const outer = connect({ host: '127.0.0.2', port: atB.federation.port, rejectUnauthorized: false });
      inner.pipe(outer).pipe(inner);
      for (const socket of [inner, outer]) socket.on('error', () => [inner, outer].forEach((each) => each.destroy()));
    });
    const place = await listen(middle);
    undo.push(() => new Promise((resolve) => middle.close(resolve)));
    await atB.stop();
    const told = await b.start({
      env: { DCP_FEDERATION_PORT: String(atB.federation.port), DCP_FEDERATION_URL: `wss://${place}/federation/v1` },
    });
    const atA = await a.start();
    expect(await reasonOf({ via: b.place(told) })).toBe('FEDERATION_ERROR certificate');
    expect(await atA.metrics.text()).toMatch(/dcp_federation_links\{.*\} 0|^(?!.*dcp_federation_links\{)/s);
    expect(b.asked).toEqual([]);
  });

  it('[DCP-15.3-02] behind an edge that ends TLS a node is believed by the certificates that it has named itself', async () => {
    const { certificate, privateKey } = await selfSigned('edge', Date.now());
    const other = await selfSigned('edge', Date.now());
    let port = 0;
    let shown = { cert: certificate, key: privateKey };
    const edge = createTlsServer({ minVersion: 'TLSv1.3', ...shown }, (inner) => {
      const outer = connect({ host: '127.0.0.2', port, rejectUnauthorized: false });
      inner.pipe(outer).pipe(inner);
      for (const socket of [inner, outer]) socket.on('error', () => [inner, outer].forEach((each) => each.destroy()));
    });
    const place = await listen(edge);
    undo.push(() => new Promise((resolve) => edge.close(resolve)));
    const file = join(folder, 'edge.pem');
    await writeFile(file, certificate);
    const env = { DCP_FEDERATION_EDGE_CERT_FILES: file, DCP_FEDERATION_URL: `wss://${place}/federation/v1` };
    const atB = await b.start({ env });
    ({ port } = atB.federation);
    const atA = await a.start();
    expect(await lookup({ via: place })).toEqual({ user_id: 'x' });
    expect(await b.ask(a.nodeId, 'user_lookup', { user_id: 'y' })).toEqual({ user_id: 'y' });
    const { document } = await b.bus.request(FEDERATION.document, {});
    expect(document).toMatchObject({ binding: 'spki', spki: [expect.stringMatching(/^sha256:/)] });
    // Whoever comes to it past the edge meets a certificate that it has not named; so does who meets another edge.
    shown = { cert: other.certificate, key: other.privateKey };
    edge.setSecureContext(shown);
    await atA.stop();
    await a.start();
    await eventually(async () => expect(await reasonOf()).toBe('FEDERATION_ERROR certificate'), 20_000);
  });

  it('[DCP-15.3-02] a node that shows another key than the pinned one is not believed, until it is forgotten', async () => {
    const [atA, atB] = [await a.start(), await b.start()];
    await lookup({ via: b.place(atB) });
    await atA.pool.query('update peers set key = $1 where node_id = $2', [a.publicKey, b.nodeId]);
    const port = String(atB.federation.port);
    await atB.stop();
    await b.start({ env: { DCP_FEDERATION_PORT: port } });
    await eventually(async () => expect(await reasonOf()).toBe('FEDERATION_ERROR key_changed'), 20_000);
    const shown = async () => (await a.bus.request(FEDERATION.peers, { session: OWNER })).peers;
    const told = { node_id: b.nodeId, trust: 'unknown', last_error: 'FEDERATION_ERROR key_changed' };
    await eventually(async () => expect(await shown()).toMatchObject([told]));
    expect(await a.bus.request(FEDERATION.forget, { session: OWNER, node_id: b.nodeId })).toEqual({
      node_id: b.nodeId,
    });
    await eventually(async () => expect(await lookup({ via: `127.0.0.2:${port}` })).toEqual({ user_id: 'x' }), 20_000);
    const healed = { node_id: b.nodeId, link: 'up', key: b.publicKey, last_error: null };
    await eventually(async () => expect(await shown()).toMatchObject([healed]));
  });

  it('is examined step by step for the owner, and for nobody else', async () => {
    await a.start();
    const atB = await b.start();
    await lookup({ via: b.place(atB) });
    const { checks } = await a.bus.request(FEDERATION.doctor, { session: OWNER, node: b.nodeId });
    expect(Object.fromEntries(checks.map(({ check, ok }) => [check, ok]))).toEqual({
      document: true,
      clock: true,
      loopback: false,
      key: true,
      link: true,
    });
    const { checks: own } = await a.bus.request(FEDERATION.doctor, { session: OWNER });
    expect(Object.fromEntries(own.map(({ check, ok }) => [check, ok]))).toEqual({
      document: true,
      loopback: false,
      srv: true,
    });
    await atB.stop();
    const { checks: away } = await a.bus.request(
      FEDERATION.doctor,
      { session: OWNER, node: b.nodeId },
      { timeoutMs: 20_000 },
    );
    expect(away.find(({ check }) => check === 'link')).toMatchObject({ ok: false, fix: expect.any(String) });
    const session = { ...OWNER, admin: false };
    for (const asked of [
      a.bus.request(FEDERATION.peers, { session }),
      a.bus.request(FEDERATION.doctor, { session }),
      a.bus.request(FEDERATION.forget, { session, node_id: b.nodeId }),
    ])
      expect((await refusalOf(asked)).code).toBe('INSUFFICIENT_PERMISSIONS');
  });

  it('serves its document with the way in, signed, at its own port and to the gateway', async () => {
    const atB = await b.start();
    const { document } = await b.bus.request(FEDERATION.document, {});
    expect(document).toMatchObject({
      id: b.nodeId,
      binding: 'exporter',
      federation: `wss://${b.place(atB)}/federation/v1`,
      spki: [expect.stringMatching(/^sha256:[0-9a-f]{64}$/)],
    });
    const { signature, ...plain } = document;
    expect(signature).toBe(b.sign(plain, 'NODE'));
  });
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.4', resolve));
  return `127.0.0.4:${(server.address() as AddressInfo).port}`;
}
