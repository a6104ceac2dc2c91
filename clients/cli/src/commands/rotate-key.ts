import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  defaultNodeId,
  ed25519PublicKey,
  formatKey,
  fromBase64,
  nodePostQuantumKey,
  nodeTokenKey,
  ready,
  signDigest,
  signHybrid,
  toBase64,
} from '@dcp/crypto';
import {
  changedKey,
  NODE_ID,
  parseJson,
  parseWith,
  type RotationsFile,
  rotationsFile,
  SESSION_LIFETIME_MS,
} from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import type { Context } from '../context.js';

export interface RotateOptions {
  /** The data folder of a node that `npm start` runs. */
  data?: string;
  /** For every other node: where its key lies, where the new one is to go, and what others need to follow. */
  keyFile?: string;
  newKeyFile?: string;
  rotationsFile?: string;
  node?: string;
}

/** Where the parts of a node's identity lie. */
interface KeyPlace {
  seed: Uint8Array;
  nodeId: string;
  rotations: string;
  /** The node is told of the new key; it is on the disk when this resolves. */
  keep(seed: Uint8Array): Promise<void>;
  next: string;
}

/** `dcp federation rotate-key`: a new key for a node, signed by the old one, so that other nodes follow. */
export async function rotateKeyCommand(context: Context, options: RotateOptions): Promise<void> {
  await ready();
  const place = options.data === undefined ? await filesOf(options) : await dataFolder(options.data, options.node);
  const seed = randomBytes(32);
  const file = await nextRotations(place, seed);
  // First what leads to the new key: a change that ends here has not happened, and is made anew.
  await writeWhole(place.rotations, file, 0o644);
  await place.keep(seed);
  const key = publicKey(seed);
  const text = `The node ${place.nodeId} has a new key: ${key}\n${place.next}\nOther nodes follow by themselves. Whoever has the old key can do nothing with it once they have.`;
  context.output.result({ node_id: place.nodeId, key, rotations: file.rotations.length }, text);
}

async function nextRotations({ seed, nodeId, rotations }: KeyPlace, next: Uint8Array): Promise<RotationsFile> {
  const now = Date.now();
  const seeds = { ed25519: seed, mlDsa: nodePostQuantumKey(seed).seed };
  const token = nodeTokenKey(seed);
  const changed = changedKey(await readRotations(rotations), {
    node: nodeId,
    from: publicKey(seed),
    to: publicKey(next),
    to_pq: nodePostQuantumKey(next).key,
    former: { kid: token.keyId, x: base64url(token.publicKey), until: now + SESSION_LIFETIME_MS },
    now,
    sign: (preimage) => signDigest(seed, preimage),
    signHybrid: (preimage) => signHybrid(seeds, preimage),
  });
  if ('refused' in changed) throw new CliError('usage', `${rotations} ${changed.refused}`);
  return changed.file;
}

async function dataFolder(folder: string, wanted: string | undefined): Promise<KeyPlace> {
  const file = join(folder, 'secrets.json');
  const secrets = parseJson(await readOrSay(file)) as { nodeKey?: string; nodeId?: string };
  if (secrets.nodeKey === undefined)
    throw new CliError('usage', 'The key of this node lies in an HSM: change it with npm run hsm -- rotate');
  const seed = seedOf(secrets.nodeKey, file);
  const nodeId = secrets.nodeId ?? idOf(wanted ?? process.env['DCP_NODE_ID'], seed);
  return {
    seed,
    nodeId,
    rotations: join(folder, 'rotations.json'),
    keep: (next) => writeWhole(file, { ...secrets, nodeId, nodeKey: toBase64(next) }, 0o600),
    next: 'Restart the node.',
  };
}

async function filesOf({ keyFile, newKeyFile, rotationsFile: rotations, node }: RotateOptions): Promise<KeyPlace> {
  if (keyFile === undefined || newKeyFile === undefined || rotations === undefined)
    throw new CliError('usage', 'Say --data FOLDER, or --key-file, --new-key-file and --rotations-file');
  const seed = seedOf((await readOrSay(keyFile)).trim(), keyFile);
  const nodeId = idOf(node, seed);
  return {
    seed,
    nodeId,
    rotations,
    keep: (next) => writeWhole(newKeyFile, `${toBase64(next)}\n`, 0o600),
    next: `Give ${newKeyFile} to all services as DCP_NODE_KEY_FILE, ${rotations} to auth as DCP_NODE_ROTATIONS_FILE, DCP_NODE_ID=${nodeId} to all, and restart them.`,
  };
}

async function readRotations(file: string): Promise<RotationsFile | undefined> {
  try {
    return parseWith(rotationsFile, parseJson(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readOrSay(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(
      'usage',
      `Cannot read ${file} (${(error as NodeJS.ErrnoException).code}): the node key is in it`,
    );
  }
}

/** Whole and on the disk before it takes its name. */
async function writeWhole(file: string, content: object | string, mode: number): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  const handle = await open(beside, 'w', mode);
  try {
    await handle.writeFile(typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}

function seedOf(text: string, file: string): Uint8Array {
  try {
    const seed = fromBase64(text);
    if (seed.length === 32) return seed;
  } catch {
    // Told below.
  }
  throw new CliError('usage', `${file} holds no node key (the base64 of 32 bytes)`);
}

/** The id that was given, or the one of the first key. */
function idOf(given: string | undefined, seed: Uint8Array): string {
  if (given !== undefined && !NODE_ID.test(given))
    throw new CliError('usage', `${given} is no node id (8 of a-z, 0-9)`);
  return given ?? defaultNodeId(ed25519PublicKey(seed));
}

function publicKey(seed: Uint8Array): string {
  return formatKey('ed25519', ed25519PublicKey(seed));
}

function base64url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
