import { randomBytes } from 'node:crypto';
import { example } from './examples.js';
import { type IdentityFile, randomName, signIdentity } from './identity-file.js';
import type { Key } from './keys.js';
import type { NodeUnderTest } from './node-under-test.js';
import { sealSecrets } from './sealed-secrets.js';

export const PASSPHRASE = 'correct horse';

/** The file of §4.1 with real keys and this node's id in the places of the placeholders. */
export async function printedFile(node: NodeUnderTest, key: Key): Promise<IdentityFile> {
  const home = await node.id();
  const username = `alice-river-${randomName(4)}`;
  const printed = example('4.1', 'identity file format') as IdentityFile;
  const identity = { ...printed.identity, full_id: `${home}.${username}`, home_node_id: home, username };
  const avatar = `data:image/png;base64,${randomBytes(300).toString('base64')}`;
  const file = {
    ...printed,
    identity: { ...identity, public_key: key.publicKey, avatar },
    home_node: { ...printed.home_node, id: home },
  };
  const encrypted_data = sealSecrets(file, PASSPHRASE, key.seed.toString('base64'));
  return signIdentity({ ...file, encrypted_data }, key);
}
