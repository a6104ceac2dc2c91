import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  defaultNodeId,
  formatKey,
  nodePostQuantumKey,
  NodeRoot,
  nodeTokenKey,
  randomBytes,
  signDigest,
  signHybrid,
  toBase64,
} from '@dcp/crypto';
import {
  HsmError,
  hsmPlace,
  HsmSigner,
  type HsmToken,
  makeHsmKey,
  openToken,
  sealRoot,
  unsealRoot,
} from '@dcp/node-kit/node-key';
import {
  changedKey,
  NODE_ID,
  parseJson,
  parseWith,
  type RotationsFile,
  rotationsFile,
  SESSION_LIFETIME_MS,
} from '@dcp/protocol';
import { existingSecrets, replaceSecrets } from '../secrets.js';
import type { HsmOptions } from './arguments.js';
import { textOf, writeWhole } from './files.js';

interface Owner {
  signer: HsmSigner;
  root: NodeRoot;
}

/** A new key and a new seed for the node, signed by the old ones. The old sealed file is kept beside the new. */
export async function rotate(options: HsmOptions): Promise<string> {
  const { newKey, config } = options;
  const place = hsmPlace(config);
  if (newKey === undefined || newKey === place.key)
    throw new HsmError('Say --new-key LABEL, another one than the present');
  const sealedFile = config.sealedSeedFile ?? '';
  const sealed = await textOf(sealedFile);
  const token = await openToken(place, true);
  try {
    const signer = HsmSigner.of(token, place.key);
    const old = { signer, root: unsealRoot(sealed ?? '', signer) };
    const next = newOwner(token, newKey);
    const nodeId = await idOf(options, signer);
    const rotations = rotationsPlace(options);
    const file = nextRotations(await readRotations(rotations), nodeId, old, next, rotations);
    // First what leads to the new key: a change that ends here has not happened, and is made anew.
    await writeWhole(rotations, `${JSON.stringify(file, null, 2)}\n`, 0o644);
    await keep(options, nodeId, sealedFile, sealRoot(next.root, next.signer));
    return done(options, nodeId, next.signer, rotations);
  } finally {
    token.close();
  }
}

function newOwner(token: HsmToken, label: string): Owner {
  return { signer: makeHsmKey(token, label).signer, root: new NodeRoot(randomBytes(32)) };
}

function nextRotations(
  before: RotationsFile | undefined,
  node: string,
  old: Owner,
  next: Owner,
  file: string,
): RotationsFile {
  const now = Date.now();
  const token = nodeTokenKey(old.root);
  const keys = { ed25519: old.signer, mlDsa: nodePostQuantumKey(old.root).seed };
  const changed = changedKey(before, {
    node,
    from: formatKey('ed25519', old.signer.publicKey),
    to: formatKey('ed25519', next.signer.publicKey),
    to_pq: nodePostQuantumKey(next.root).key,
    former: { kid: token.keyId, x: base64url(token.publicKey), until: now + SESSION_LIFETIME_MS },
    now,
    sign: (preimage) => signDigest(old.signer, preimage),
    signHybrid: (preimage) => signHybrid(keys, preimage),
  });
  if ('refused' in changed) throw new HsmError(`${file} ${changed.refused}`);
  return changed.file;
}

async function readRotations(file: string): Promise<RotationsFile | undefined> {
  const text = await textOf(file);
  return text === undefined ? undefined : parseWith(rotationsFile, parseJson(text));
}

function rotationsPlace({ data, rotationsFile: file }: HsmOptions): string {
  if ((data === undefined) === (file === undefined)) throw new HsmError('Say --data FOLDER, or --rotations-file FILE');
  return file ?? join(data ?? '', 'rotations.json');
}

/** The id that the node has, which was made from its first key. */
async function idOf({ data, node: given }: HsmOptions, { publicKey }: HsmSigner): Promise<string> {
  if (given !== undefined && !NODE_ID.test(given)) throw new HsmError(`${given} is no node id (8 of a-z, 0-9)`);
  const kept = data === undefined ? undefined : (await existingSecrets(data))?.nodeId;
  return kept ?? given ?? defaultNodeId(publicKey);
}

async function keep({ data }: HsmOptions, nodeId: string, file: string, sealed: string): Promise<void> {
  const secrets = data === undefined ? undefined : await existingSecrets(data);
  if (data !== undefined && secrets !== undefined) await replaceSecrets(data, { ...secrets, nodeId });
  await copyFile(file, `${file}.former`);
  await writeWhole(file, sealed, 0o600);
}

function done({ newKey, data }: HsmOptions, nodeId: string, { publicKey }: HsmSigner, rotations: string): string {
  const others = `, ${rotations} to auth as DCP_NODE_ROTATIONS_FILE, and DCP_NODE_ID=${nodeId} to all services`;
  return [
    `The node ${nodeId} has a new key: ${formatKey('ed25519', publicKey)}`,
    `Restart with DCP_NODE_HSM_KEY=${newKey}${data === undefined ? others : ''}.`,
    'Other nodes follow by themselves. Whoever has the old key can do nothing with it once they have.',
  ].join('\n');
}

function base64url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
