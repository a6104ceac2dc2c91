import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { expectRefused } from '../stranger/errors.js';
import { type IdentityFile, randomName } from '../stranger/identity-file.js';
import { changed } from '../stranger/json.js';
import { Key } from '../stranger/keys.js';
import type { NodeUnderTest } from '../stranger/node-under-test.js';
import { PASSPHRASE, printedFile } from '../stranger/printed-file.js';
import { openSecrets, retrievalOf } from '../stranger/sealed-secrets.js';

conformance('§4.4 protected keys', (node) => {
  it('[DCP-4.4-02] [DCP-4.2-05] [DCP-4.1-02] the file comes back to who knows the passphrase: PBKDF2 with 100,000 rounds', async () => {
    const { actor, retrieval } = await keptFile(node);
    const parameters = await node.rest.post('/auth/identity-file', { user_id: actor.userId });
    expect(parameters.status).toBe(200);
    expect(JSON.stringify(parameters.body)).toContain('pbkdf2');
    const answer = await node.rest.post('/auth/identity-file', { user_id: actor.userId, retrieval_key: retrieval });
    expect(answer.status).toBe(200);
    const file = answer.body['identity_file'] as IdentityFile;
    expect(file).toEqual(actor.file);
    expect(openSecrets(file, PASSPHRASE)).toBe(actor.identityKey.seed.toString('base64'));
    expect(() => openSecrets(file, PASSPHRASE, 99_999)).toThrow();
    expect(() => openSecrets(file, 'correct house')).toThrow();
    expect(() => openSecrets(changed(file, 'home_node.endpoint', 'wss://evil.example.com'), PASSPHRASE)).toThrow();
  });

  it('[DCP-4.2-05] without the retrieval key a stranger gets nothing, and cannot tell whether an account exists', async () => {
    const { actor } = await keptFile(node);
    const unknown = `${await node.id()}.nobody-${randomName(8)}`;
    const shapes = await Promise.all(
      [actor.userId, unknown].map(async (user_id) => {
        const parameters = await node.rest.post('/auth/identity-file', { user_id });
        const key = randomBytes(32).toString('base64');
        const error = expectRefused(
          await node.rest.post('/auth/identity-file', { user_id, retrieval_key: key }),
          'INVALID_CREDENTIALS',
        );
        return { parameters: members(parameters.body), message: error.message, details: error.details };
      }),
    );
    expect(shapes[0]).toEqual({ ...shapes[1], parameters: expect.any(Array) });
    for (const user_id of [undefined, 5, 'x', { $gt: '' }]) {
      expectRefused(await node.rest.post('/auth/identity-file', { user_id }), 'INVALID_MESSAGE_FORMAT');
    }
  });
});

function members(value: unknown): string[] {
  return Object.keys((value as { parameters: object }).parameters).sort();
}

/** An account whose sealed file lies at the node, for new devices (profile §3). */
async function keptFile(node: NodeUnderTest): Promise<{ actor: Actor; retrieval: string }> {
  const key = new Key();
  const file = await printedFile(node, key);
  const actor = new Actor(node, node.url(), key, file);
  const salt = Buffer.from(String(file.encrypted_data), 'base64').subarray(0, 16);
  const { retrieval, hash } = retrievalOf(PASSPHRASE, salt);
  expect(await actor.signUp({ retrieval_hash: hash })).toMatchObject({ status: 201 });
  return { actor, retrieval };
}
