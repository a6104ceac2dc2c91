import { randomBytes, toBase64, toHex } from '@dcp/crypto';
import { ConfigError } from '@dcp/node-kit';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The services that have a database of their own: each its role, its schema, its password. */
export const DATABASES = ['auth', 'channel', 'keys', 'federation', 'trust-chain'] as const;
export type DatabaseService = (typeof DATABASES)[number];

/** What a home node makes for itself at its first start and must find again at every later one. */
export interface NodeSecrets {
  /** Base64 of the node's Ed25519 seed: who the node is. Not there when the key lies in an HSM. */
  nodeKey?: string;
  /** Since the key was changed for the first time: the id is made from the first one. */
  nodeId?: string;
  passwords: Record<DatabaseService, string>;
}

const FILE = 'secrets.json';

/**
 * Reads `secrets.json` (mode 600) below the data folder; makes it when there is none. What is in it is never changed; a version that
 * brings a new service adds its password. Throws a ConfigError when the node's key is not where the settings say.
 */
export async function nodeSecrets(dataDir: string, hasHsm: boolean): Promise<NodeSecrets> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const file = join(dataDir, FILE);
  const secrets = (await read(file)) ?? (await create(file, hasHsm));
  checkPlace(secrets, file, hasHsm);
  return complete(file, secrets);
}

/** What is there, or undefined: nothing is made. */
export async function existingSecrets(dataDir: string): Promise<NodeSecrets | undefined> {
  return read(join(dataDir, FILE));
}

export async function replaceSecrets(dataDir: string, secrets: NodeSecrets): Promise<void> {
  const file = join(dataDir, FILE);
  await rename(await writeBeside(file, secrets), file);
}

/** A key is never made beside one that is there, wherever it is: others know the node by it. */
function checkPlace({ nodeKey }: NodeSecrets, file: string, hasHsm: boolean): void {
  const fault = (problem: string) => new ConfigError([{ variable: 'DCP_NODE_HSM_MODULE', problem }]);
  if (hasHsm && nodeKey !== undefined)
    throw fault(`is set, and ${file} holds the key of the node: move it into the HSM (npm run hsm -- import)`);
  if (!hasHsm && nodeKey === undefined)
    throw fault(`is not set, and ${file} holds no key: this node has it in an HSM, give the settings it was made with`);
}

async function read(file: string): Promise<NodeSecrets | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Error(
      `Cannot read ${file} (${error.code}): the node key is in it. Start the node as the user who owns it.`,
      { cause: error },
    );
  });
  return text === undefined ? undefined : (JSON.parse(text) as NodeSecrets);
}

/** Linked, so that two starts make one secret. */
async function create(file: string, hasHsm: boolean): Promise<NodeSecrets> {
  const key = hasHsm ? {} : { nodeKey: toBase64(randomBytes(32)) };
  const secrets: NodeSecrets = { ...key, passwords: newPasswords() };
  const beside = await writeBeside(file, secrets);
  await link(beside, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(beside, { force: true });
  return (await read(file)) ?? secrets;
}

/** The role gets its password at every start, so one that two starts made at the same time does no harm. */
async function complete(file: string, secrets: NodeSecrets): Promise<NodeSecrets> {
  if (DATABASES.every((service) => secrets.passwords[service] !== undefined)) return secrets;
  const completed = { ...secrets, passwords: { ...newPasswords(), ...secrets.passwords } };
  await rename(await writeBeside(file, completed), file);
  return completed;
}

function newPasswords(): NodeSecrets['passwords'] {
  const password = () => toHex(randomBytes(24));
  return Object.fromEntries(DATABASES.map((service) => [service, password()])) as NodeSecrets['passwords'];
}

/** Whole and on the disk before it takes its name: a crash leaves no half file. */
async function writeBeside(file: string, secrets: NodeSecrets): Promise<string> {
  const beside = `${file}.${toHex(randomBytes(6))}.new`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(secrets, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return beside;
}
