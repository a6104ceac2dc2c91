import { mkdir } from 'node:fs/promises';
import { defaultNodeId, formatKey, NodeRoot, randomBytes } from '@dcp/crypto';
import {
  HsmError,
  hsmPlace,
  type HsmSigner,
  makeHsmKey,
  openToken,
  sealRoot,
  unsealRoot,
} from '@dcp/node-kit/node-key';
import { existingSecrets } from '../secrets.js';
import type { HsmOptions } from './arguments.js';
import { textOf, writeWhole } from './files.js';

/** The key of a new node in the HSM, and its sealed seed file; both are found again when they are there. */
export async function init({ config, data, newSeed = false }: HsmOptions): Promise<string> {
  if (data !== undefined && (await existingSecrets(data))?.nodeKey !== undefined)
    throw new HsmError(`The node in ${data} has a key already: npm run hsm -- import moves it into the HSM`);
  const place = hsmPlace(config);
  const file = config.sealedSeedFile ?? '';
  const sealed = await textOf(file);
  if (data !== undefined) await mkdir(data, { recursive: true, mode: 0o711 });
  const token = await openToken(place, true);
  try {
    const { signer, isNew } = makeHsmKey(token, place.key);
    if (sealed !== undefined) unsealRoot(sealed, signer);
    else if (isNew || newSeed) await writeWhole(file, sealRoot(new NodeRoot(randomBytes(32)), signer), 0o600);
    else throw new HsmError(lostSeed(place.key, file));
    return done(signer, isNew, file);
  } finally {
    token.close();
  }
}

/** A second seed would make the node another one to all who know its post-quantum key. */
function lostSeed(key: string, file: string): string {
  return `The HSM holds a key named "${key}", and there is no ${file}. If a node has used this key, take the file from its backup; if none has, say --new-seed.`;
}

function done({ publicKey }: HsmSigner, isNew: boolean, file: string): string {
  return [
    `${isNew ? 'The HSM has made the key of the node' : 'The HSM holds the key of the node'}: ${formatKey('ed25519', publicKey)}`,
    `The id of the node is ${defaultNodeId(publicKey)} unless DCP_NODE_ID says otherwise.`,
    `${file} holds its other secrets, sealed by the HSM. Back up both: neither can be made again.`,
  ].join('\n');
}
