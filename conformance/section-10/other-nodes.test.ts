import { beforeAll, expect, it, jest } from '@jest/globals';
import { type HomeNode, knownAs, threeNodes } from '../local/three-nodes.js';
import { Actor } from '../stranger/actor.js';
import { Device, deviceLog } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import { joinAfar, whenLinked } from '../stranger/far-room.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { objectDigest, verifies } from '../stranger/keys.js';

jest.setTimeout(300_000);

/** In every file, for a node that has another id. */
const MISNAMED = 'misnamed';

threeNodes(
  '§10.1, §10.2 finding nodes and their users',
  ({ north, south, west }) => {
    let alice: Actor;

    beforeAll(async () => {
      alice = await Actor.register(north);
    });

    async function documentOf(node: HomeNode): Promise<Dict & { keys: string[]; signature: string }> {
      const { status, body } = await node.rest.raw<Dict & { keys: string[]; signature: string }>(
        'GET',
        '/.well-known/dcp/node.json',
      );
      expect(status).toBe(200);
      return body;
    }

    it('each node’s document is signed by its own key and names the way in for other nodes', async () => {
      const documents = await Promise.all([north, south, west].map(documentOf));
      for (const [i, document] of documents.entries()) {
        const { keys, signature } = document;
        expect(document).toMatchObject({
          id: [north, south, west][i]?.nodeId,
          binding: 'exporter',
          federation: expect.stringMatching(/^wss:\/\/.+\/federation\/v1$/),
        });
        expect(verifies(keys[0] ?? '', objectDigest('NODE', document), signature)).toBe(true);
        const altered = { ...document, federation: 'wss://127.0.0.1:1/federation/v1' };
        expect(verifies(keys[0] ?? '', objectDigest('NODE', altered), signature)).toBe(false);
      }
      expect(new Set(documents.map(({ keys }) => keys[0])).size).toBe(3);
      expect(new Set(documents.map(({ federation }) => federation)).size).toBe(3);
    });

    it('[DCP-10.1-02] a known node whose id is not the one that it has is refused; by its own id it is reached', async () => {
      const dora = await Actor.register(south);
      expectRefused(await alice.rest.get(`/users/${MISNAMED}.${dora.file.identity.username}`), 'FEDERATION_ERROR');
      const channel = encodeURIComponent(`#general@${MISNAMED}`);
      expectRefused(await alice.rest.post(`/channels/${channel}/join`), 'FEDERATION_ERROR');
      expect(await alice.rest.get(`/users/${dora.userId}`)).toMatchObject({ status: 200 });
    });

    it('[DCP-10.2-04] a user of another node: profile, key and device log; not what is only between him and his node', async () => {
      const preferences = { display_name: 'Bob S.', block_list: [alice.userId] };
      const bob = await Actor.register(south, { preferences });
      const { status, body, text } = await alice.rest.get(`/users/${bob.userId}`);
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { user_id: bob.userId, public_key: bob.identityKey.publicKey, account_type: 'standard' },
      });
      expect(body).not.toHaveProperty('status');
      expect(text).not.toContain(alice.userId);
      const device = await Device.of(bob);
      expect(await deviceLog(alice, bob.userId)).toEqual([device.entry]);
    });

    it('[DCP-10.2-04] [DCP-14.2-09] nobody of that name at a node that answers: 2003', async () => {
      expectRefused(await alice.rest.get(`/users/${south.nodeId}.nobody-${randomName(4)}`), 'USER_NOT_FOUND');
    });

    it('[DCP-14.2-10] [DCP-10.2-04] a node that is away: 3000, and 200 when it is back', async () => {
      const carol = await Actor.register(west);
      const room = await carol.createChannel();
      await west.kill();
      expectRefused(await alice.rest.get(`/users/${carol.userId}`), 'NODE_UNREACHABLE');
      const far = encodeURIComponent(`${room.channel}@${west.nodeId}`);
      expectRefused(await alice.rest.post(`/channels/${far}/join`), 'NODE_UNREACHABLE');
      await west.start();
      expect(await whenLinked(() => alice.rest.get(`/users/${carol.userId}`))).toMatchObject({ status: 200 });
      await joinAfar(alice, room, west.nodeId);
    });
  },
  ({ south }) => [knownAs(MISNAMED, south)],
);
