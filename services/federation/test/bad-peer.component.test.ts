import { fromBase64, nodePostQuantumKey, randomBytes, signHybrid, toBase64 } from '@dcp/crypto';
import { signingInput } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { BadPeer, type Deviation, protocolOf, tlsVersionOf } from './support/bad-peer.js';
import { type Instance, TestNode } from './support/node.js';

describe('a peer that breaks the rules', () => {
  let node: TestNode;
  let instance: Instance;
  let place: string;
  let peer: BadPeer;

  beforeAll(async () => {
    node = await TestNode.open('127.0.0.1');
    node.answers('user_lookup', ({ body }) => ({ user_id: body['user_id'] }));
    instance = await node.start({ env: { DCP_FEDERATION_UNKNOWN_ASKS_A_MINUTE: '1000' } });
    place = node.place(instance);
    await eventually(async () => expect((await instance.health.report()).ready).toBe(true));
  });
  afterEach(() => peer?.close());
  afterAll(() => node.close());

  const refused = async (reason: string) =>
    Number(
      (await instance.metrics.text()).match(new RegExp(`refused_total\\{reason="${reason}",.*\\} (\\d+)`))?.[1] ?? 0,
    );
  const ask = (id: string, user_id = 'x') => ({ type: 'ask', id, kind: 'user_lookup', body: { user_id } });

  it('gets a link when it keeps them', async () => {
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    expect(peer.isLinked).toBe(true);
    peer.ws.send(peer.batch([ask('1')]));
    expect(await peer.next('answer')).toMatchObject({ id: '1', body: { user_id: 'x' } });
  });

  it('[DCP-10.2-04] is answered to the literal user_lookup', async () => {
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    const lookup = { type: 'user_lookup', user_id: `${node.nodeId}.bob-smith-2x1m`, requesting_node: peer.nodeId };
    peer.ws.send(peer.batch([{ ...lookup, id: 'l' }]));
    expect(await peer.next('answer')).toMatchObject({ id: 'l', body: { user_id: lookup.user_id } });
  });

  const HANDSHAKES: [string, string, (peer: BadPeer) => Deviation][] = [
    ['a proof of another connection', 'link_proof', () => ({ binding: toBase64(randomBytes(32)) })],
    ['a proof by another key', 'link_proof', () => ({ proofSeed: toBase64(randomBytes(32)) })],
    ['a clock that is off', 'clock_skew', () => ({ hello: { time: new Date(Date.now() - 400_000).toISOString() } })],
    ["this node's own id", 'own_id', () => ({ hello: { node: node.nodeId } })],
    ["another node's address", 'wrong_node', () => ({ hello: { to: 'zzzzzzzz' } })],
    ['a later protocol', 'PROTOCOL_VERSION_MISMATCH', () => ({ hello: { protocol: 'dcp-fed-v9' } })],
    ['a document of another node', 'wrong_id', (own) => ({ hello: { node: 'zzzzzzzz' }, document: own.document() })],
    ['a changed document', 'document_signature', (own) => ({ document: { ...own.document(), name: 'Bank' } })],
    ['a document of the future', 'document_time', (own) => ({ document: own.document({ sequence: 9_999_999_999 }) })],
    ['no document', 'malformed_frame', () => ({ hello: { document: {} } })],
  ];
  it.each(HANDSHAKES)('[DCP-14.2-11] %s: no link (%s)', async (_what, reason, deviation) => {
    peer = new BadPeer();
    const before = await refused(reason);
    await peer.dial(place, node.nodeId, deviation(peer));
    expect(await peer.closed).toBe(3001);
    expect(peer.isLinked).toBe(false);
    expect(await peer.next('refused')).toBeDefined();
    expect(await refused(reason)).toBe(before + 1);
  });

  it('with a post-quantum key in its document and a proof by the other key alone: no link', async () => {
    peer = new BadPeer();
    const { key, seed } = nodePostQuantumKey(fromBase64(peer.seed));
    const { signature: _signature, ...plain } = peer.document();
    const about = { ...plain, keys: [...(plain['keys'] as string[]), key] };
    const seeds = { ed25519: fromBase64(peer.seed), mlDsa: seed };
    const document = { ...about, hybrid: signHybrid(seeds, signingInput('NODE', about)) };
    const before = await refused('link_proof');
    await peer.dial(place, node.nodeId, { document: { ...document, signature: peer.sign('NODE', document) } });
    expect(await peer.next('refused')).toMatchObject({ error: { details: { reason: 'link_proof' } } });
    expect(peer.isLinked).toBe(false);
    expect(await refused('link_proof')).toBe(before + 1);
  });

  it('[DCP-15.3-02] another key than the pinned one: no link; with a chain of signatures: a link', async () => {
    const first = new BadPeer();
    await first.dial(place, node.nodeId);
    expect(first.isLinked).toBe(true);
    first.close();
    const second = new BadPeer(undefined, first.nodeId);
    const now = Math.floor(Date.now() / 1000);
    peer = new BadPeer(second.seed, first.nodeId);
    await peer.dial(place, node.nodeId, { document: second.document({ sequence: now + 5 }) });
    expect(await peer.next('refused')).toMatchObject({ error: { details: { reason: 'key_changed' } } });
    const [from, to] = [first, second].map((each) => (each.document()['keys'] as string[])[0]);
    const step = { node: first.nodeId, from, to, issued: new Date().toISOString() };
    const forged = [{ ...step, signature: second.sign('NODE', step) }];
    const refusedToo = new BadPeer(second.seed, first.nodeId);
    await refusedToo.dial(place, node.nodeId, { document: second.document({ sequence: now + 6, rotations: forged }) });
    expect(await refusedToo.next('refused')).toMatchObject({ error: { details: { reason: 'key_changed' } } });
    const rotations = [{ ...step, signature: first.sign('NODE', step) }];
    const rotated = new BadPeer(second.seed, first.nodeId);
    await rotated.dial(place, node.nodeId, { document: second.document({ sequence: now + 7, rotations }) });
    expect(rotated.isLinked).toBe(true);
    for (const each of [refusedToo, rotated]) each.close();
  });

  it.each([
    [
      'repeated',
      'batch_counter',
      (own: BadPeer) => {
        const batch = own.batch([ask('1')]);
        return [batch, batch];
      },
    ],
    ['left out', 'batch_counter', (own: BadPeer) => [own.batch([ask('1')], { counter: 2 })]],
    ['altered', 'batch_hash', (own: BadPeer) => [own.batch([ask('1')], { body: JSON.stringify(ask('1', 'y')) })]],
    ['of another link', 'batch_link', (own: BadPeer) => [own.batch([ask('1')], { link: `sha256:${'0'.repeat(64)}` })]],
    [
      'with too many frames',
      'batch_size',
      (own: BadPeer) => [own.batch(Array.from({ length: 65 }, (_, at) => ask(String(at))))],
    ],
    ['that is none', 'malformed_frame', () => ['hello\nworld']],
  ])('[DCP-10.2-03] a batch %s ends the link (%s)', async (_what, reason, batches) => {
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    const before = await refused(reason);
    for (const batch of batches(peer)) peer.ws.send(batch);
    expect(await peer.closed).toBe(3001);
    expect(await refused(reason)).toBe(before + 1);
  });

  it.each([
    ['no JSON', '{', undefined],
    ['no object', '7', undefined],
    ['without an id', '{"type":"ask","kind":"user_lookup","body":{}}', undefined],
    ['without a kind', '{"type":"ask","id":"1","body":{}}', '1'],
    ['with a mistyped body', '{"type":"ask","id":"2","kind":"user_lookup","body":"x"}', '2'],
    ['with a member twice', '{"type":"ask","id":"3","id":"4","kind":"user_lookup","body":{}}', undefined],
    ['of §10.2, mistyped', '{"type":"user_lookup","id":"5","user_id":7}', '5'],
    ['that answers nothing', '{"type":"answer","id":"6"}', undefined],
    ['that is an answer without an id', '{"type":"error"}', undefined],
  ])('[DCP-14.2-08] a malformed frame (%s) spoils neither the link nor its neighbours', async (_what, text, id) => {
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    const before = await refused('malformed_frame');
    peer.ws.send(peer.batchOf([text, JSON.stringify(ask('good'))]));
    expect(await peer.next('answer')).toMatchObject({ id: 'good' });
    expect(await refused('malformed_frame')).toBe(before + 1);
    const told = peer.heard.filter(({ type }) => type === 'error').map(({ id: of }) => of);
    expect(told).toEqual(id === undefined ? [] : [id]);
  });

  it('a batch that is too long, or binary, ends the link', async () => {
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    peer.ws.send(peer.batch(['x'.repeat(2_000_000)]));
    expect(await peer.closed).toBe(1009);
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    peer.ws.send(Buffer.from([1, 2, 3]));
    expect(await peer.closed).toBe(1003);
  });

  it('frames of a later version are left, the link stays', async () => {
    peer = new BadPeer();
    await peer.dial(place, node.nodeId);
    peer.ws.send(peer.batch([{ type: 'hologram', id: '9' }, ask('1')]));
    expect(await peer.next('answer')).toMatchObject({ id: '1' });
  });

  it('without the subprotocol, or at another path, no socket opens', async () => {
    peer = new BadPeer();
    await expect(peer.dial(place, node.nodeId, { subprotocol: 'dcp-v1' })).rejects.toThrow('426');
  });

  it('[DCP-15.3-01] the port speaks TLS 1.3 only', async () => {
    expect(await tlsVersionOf(place, 'TLSv1.3')).toBe('TLSv1.3');
    expect(await tlsVersionOf(place, 'TLSv1.2')).toBeNull();
  });

  it('a client that names protocols gets HTTP/1.1 or no connection', async () => {
    expect(await protocolOf(place, ['h2', 'http/1.1'])).toBe('http/1.1');
    expect(await protocolOf(place, ['h2'])).toBeNull();
  });

  describe('by HTTPS', () => {
    const post = async (frame: object) => await postJson(`https://${place}/federation/v1/frames`, frame);
    const lookup = (own: BadPeer, changes: Record<string, unknown> = {}) => {
      const frame = {
        type: 'user_lookup',
        user_id: `${node.nodeId}.bob-smith-2x1m`,
        requesting_node: own.nodeId,
        id: `f${Math.random()}`,
        timestamp: new Date().toISOString(),
        destination_node: node.nodeId,
        ...changes,
      };
      return { ...frame, signature: own.sign('ROUTE', frame), document: own.document() };
    };

    it('[DCP-10.2-04] the literal user_lookup, signed, is answered once', async () => {
      const own = new BadPeer();
      const frame = lookup(own);
      expect(await post(frame)).toMatchObject({ status: 200, body: { type: 'answer', id: frame.id } });
      expect(await post(frame)).toMatchObject({ status: 502, body: { code: 'FEDERATION_ERROR', number: 3001 } });
    });

    it('[DCP-10.2-03] an altered one, one of another key, an old one, one for another node: 3001', async () => {
      const [own, other] = [new BadPeer(), new BadPeer()];
      const frames = [
        { ...lookup(own), user_id: `${node.nodeId}.carol` },
        { ...lookup(own), signature: other.sign('ROUTE', {}) },
        lookup(own, { timestamp: new Date(Date.now() - 400_000).toISOString() }),
        lookup(own, { destination_node: 'zzzzzzzz' }),
        { ...lookup(other), requesting_node: own.nodeId },
      ];
      for (const frame of frames) expect(await post(frame)).toMatchObject({ body: { number: 3001 } });
      expect(await post({ type: 'user_lookup' })).toMatchObject({ status: 400, body: { number: 2000 } });
    });
  });
});

async function postJson(url: string, body: object): Promise<{ status: number; body: unknown }> {
  const { request } = await import('node:https');
  return await new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', rejectUnauthorized: false }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => {
        const parsed = JSON.parse(text) as { error?: unknown };
        resolve({ status: response.statusCode ?? 0, body: parsed.error ?? parsed });
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}
