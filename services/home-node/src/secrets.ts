import { randomBytes } from '@dcp/crypto';
import { toBase64, toHex } from '@dcp/crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What a home node makes for itself at its first start and must find again at every later one. */
export interface NodeSecrets {
  /** Base64 of the node's Ed25519 seed: who the node is. */
  nodeKey: string;
  passwords: Record<'auth' | 'channel', string>;
}

const FILE = 'secrets.json';

/** Reads `secrets.json` (mode 600) below the data folder; makes it when there is none. Never overwrites one. */
export async function nodeSecrets(dataDir: string): Promise<NodeSecrets> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const file = join(dataDir, FILE);
  return (await read(file)) ?? (await create(file));
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

/** Written beside and linked, so that a crash leaves no half file and two starts make one secret. */
async function create(file: string): Promise<NodeSecrets> {
  const password = () => toHex(randomBytes(24));
  const secrets: NodeSecrets = {
    nodeKey: toBase64(randomBytes(32)),
    passwords: { auth: password(), channel: password() },
  };
  const beside = `${file}.${process.pid}.new`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(secrets, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(beside, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(beside, { force: true });
  return (await read(file)) ?? secrets;
}
