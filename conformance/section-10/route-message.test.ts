import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startsNodes } from '../local/conformance.js';
import { HomeNode } from '../local/three-nodes.js';
import type { ClientSocket } from '../stranger/client-socket.js';
import { Device } from '../stranger/device.js';
import type { Dict } from '../stranger/json.js';
import { Key, objectDigest, verifies } from '../stranger/keys.js';
import { type PeerLink, PeerNode } from '../stranger/peer-link.js';
import { publish } from '../stranger/prekeys.js';
import { until } from '../stranger/until.js';

jest.setTimeout(120_000);

interface Item {
  from_user: string;
  from_device: string;
  body: string;
}

if (startsNodes)
  describe('§10.2 route_message', () => {
    const node = new HomeNode('b8x1n5p4');
    const peer = new PeerNode('a7f3k9m2');
    let folder = '';
    let link: PeerLink;
    let bob: Device;
    let socket: ClientSocket;
    const heard: Dict[] = [];

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dcp-conformance-route-'));
      chmodSync(folder, 0o711);
      await node.settle(folder);
      node.knows([{ id: peer.nodeId, endpoint: 'ws://127.0.0.1:1', name: 'Example Node', trust_level: 'trusted' }]);
      await node.start();
      bob = await Device.signUpDevice(node);
      socket = await bob.connect();
      await publish(socket, bob.stock(0));
      const { body } = await node.rest.raw<Dict>('GET', '/.well-known/dcp/node.json');
      link = await peer.link(String(body['federation']), node.nodeId);
      link.onFrame = (frame) => {
        heard.push(frame);
        const { type, id } = frame;
        if (type === 'route_message') link.send([JSON.stringify({ type: 'answer', id, body: {} })]);
      };
    }, 300_000);
    afterAll(async () => {
      await node.hangUp();
      await node.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    });

    /** Exactly the members that §10.2 prints. */
    const printed = (encrypted_message: string, key = peer.key, changes: Dict = {}) => {
      const about = { source_node: peer.nodeId, destination_user: bob.userId, encrypted_message, ...changes };
      const frame = { type: 'route_message', ...about };
      return { ...frame, signature: key.signObject('ROUTE', frame) };
    };
    const queue = async () => (await socket.ack('fetch_keys', { after: 0 }))['items'] as Item[];
    const answerTo = (id: string) => until(() => heard.find((frame) => frame['id'] === id), 20_000);

    it('[DCP-10.2-01] [DCP-10.2-02] a frame as it is printed lies at every device of its user, byte for byte', async () => {
      const message = randomBytes(3_000).toString('base64');
      link.send([JSON.stringify(printed(message))]);
      const items = await until(async () => ((await queue()).length > 0 ? await queue() : undefined), 20_000);
      expect(items).toMatchObject([{ from_user: peer.nodeId, from_device: 'node', body: message }]);
    });

    it('[DCP-10.2-03] altered, by another key, in the name of another node, to another node: refused with 3001', async () => {
      const before = (await queue()).length;
      const good = printed('AAAABBBB');
      const wrong: Dict[] = [
        { ...good, encrypted_message: 'AAAABBBC' },
        printed('AAAABBBB', new Key()),
        printed('AAAABBBB', peer.key, { source_node: 'c9y2m7q1' }),
        printed('AAAABBBB', peer.key, { destination_node: 'c9y2m7q1' }),
      ];
      for (const [i, frame] of wrong.entries()) {
        // The id is not printed there: it is what an answer is asked for by, and then it is signed as well.
        const { signature, ...rest } = { ...frame, id: `w${i}` } as Dict;
        const resign = i > 1 ? peer.key.signObject('ROUTE', rest) : signature;
        link.send([JSON.stringify({ ...rest, signature: resign })]);
        expect(await answerTo(`w${i}`)).toMatchObject({
          type: 'error',
          error: { code: 'FEDERATION_ERROR', number: 3001 },
        });
      }
      expect(await queue()).toHaveLength(before);
    });

    it('the same message again is taken once; nobody here is told 2003', async () => {
      const before = (await queue()).length;
      for (const id of ['s1', 's2']) {
        const about = { id, timestamp: new Date().toISOString(), destination_node: node.nodeId };
        link.send([JSON.stringify(printed('U0FNRQ==', peer.key, about))]);
        expect(await answerTo(id)).toMatchObject({ type: 'answer' });
      }
      expect(await queue()).toHaveLength(before + 1);
      link.send([JSON.stringify(printed('AAAA', peer.key, { id: 'n', destination_user: `${node.nodeId}.nobody` }))]);
      expect(await answerTo('n')).toMatchObject({ type: 'error', error: { number: 2003 } });
    });

    it('[DCP-10.2-01] [DCP-10.2-03] what a user here sends goes out in that frame, signed by this node, the sender unnamed', async () => {
      const encrypted_message = randomBytes(500).toString('base64');
      const destination_user = `${peer.nodeId}.anna-7x9k`;
      await socket.ack('route_message', { destination_user, encrypted_message });
      const frame = heard.find(({ type }) => type === 'route_message') as Dict & { signature: string };
      expect(frame).toMatchObject({ source_node: node.nodeId, destination_user, encrypted_message });
      expect(JSON.stringify(frame)).not.toContain(bob.userId);
      const { body } = await node.rest.raw<{ keys: string[] }>('GET', '/.well-known/dcp/node.json');
      expect(verifies(body.keys[0] ?? '', objectDigest('ROUTE', frame), frame.signature)).toBe(true);
    });

    it('it is refused for what is no base64, too long, or to a node that is not there', async () => {
      const destination_user = bob.userId;
      for (const encrypted_message of ['', 'ä', 'A'.repeat(60_001)])
        await socket.refused('route_message', { destination_user, encrypted_message }, 'INVALID_MESSAGE_FORMAT');
      const away = { destination_user: 'c9y2m7q1.carl', encrypted_message: 'AAAA' };
      await socket.refused('route_message', away, 'NODE_UNREACHABLE');
    });
  });
