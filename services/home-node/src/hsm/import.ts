import { formatKey, NodeRoot } from '@dcp/crypto';
import {
  HsmError,
  hsmPlace,
  type HsmSigner,
  importHsmKey,
  openToken,
  sealRoot,
  unsealRoot,
} from '@dcp/node-kit/node-key';
import { existingSecrets, replaceSecrets } from '../secrets.js';
import type { HsmOptions } from './arguments.js';
import { seedOf, textOf, writeWhole } from './files.js';

/** Where the seed was, and how it goes from there. */
interface OldPlace {
  seed: Uint8Array;
  /** What is left to do by hand. */
  forget(): Promise<string>;
}

/**
 * Moves a node's key into the HSM. Done twice it does no harm: the seed goes last. What is sealed is not the seed but the root that is made
 * of it: afterwards the Ed25519 key is in the HSM alone.
 */
export async function importKey(options: HsmOptions): Promise<string> {
  const { seed, forget } = await oldPlace(options);
  const place = hsmPlace(options.config);
  const token = await openToken(place, true);
  try {
    const signer = importHsmKey(token, place.key, seed);
    await sealOf(NodeRoot.ofSeed(seed), signer, options.config.sealedSeedFile ?? '');
    const left = await forget();
    return `The HSM holds the key of the node: ${formatKey('ed25519', signer.publicKey)}\n${left}\nBack up the HSM and ${options.config.sealedSeedFile}.`;
  } finally {
    token.close();
    seed.fill(0);
  }
}

async function sealOf(root: NodeRoot, signer: HsmSigner, file: string): Promise<void> {
  if ((await textOf(file)) === undefined) await writeWhole(file, sealRoot(root, signer), 0o600);
  const kept = unsealRoot((await textOf(file)) ?? '', signer);
  if (Buffer.compare(kept.secret.reveal(), root.secret.reveal()) !== 0)
    throw new HsmError(`${file} holds the secrets of another node: name another file`);
}

async function oldPlace({ data, keyFile }: HsmOptions): Promise<OldPlace> {
  if ((data === undefined) === (keyFile === undefined)) throw new HsmError('Say --data FOLDER, or --key-file FILE');
  return data === undefined ? fromFile(keyFile ?? '') : await fromFolder(data);
}

async function fromFile(file: string): Promise<OldPlace> {
  const seed = seedOf(await textOf(file), file);
  const left = `Start the services without DCP_NODE_KEY and DCP_NODE_KEY_FILE; then destroy ${file} and its copies, they are the key too.`;
  return { seed, forget: async () => left };
}

async function fromFolder(data: string): Promise<OldPlace> {
  const secrets = await existingSecrets(data);
  if (secrets?.nodeKey === undefined) throw new HsmError(`There is no node key in ${data}`);
  const { nodeKey, ...others } = secrets;
  return {
    seed: seedOf(nodeKey, data),
    forget: async () => {
      await replaceSecrets(data, others);
      return `${data} holds it no longer. Backups of the folder do, and so may the disk where it was: if others had them, rotate the key.`;
    },
  };
}
