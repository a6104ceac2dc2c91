import { open, readFile, rename } from 'node:fs/promises';
import { fromBase64 } from '@dcp/crypto';
import { HsmError } from '@dcp/node-kit/node-key';

/** The text of a file, or undefined when there is none. */
export async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HsmError(`${file} cannot be read (${error.code})`);
  });
}

/** Whole and on the disk before it takes its name. */
export async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  const handle = await open(beside, 'w', mode).catch((error: NodeJS.ErrnoException) => {
    throw new HsmError(`${file} cannot be written (${error.code})`);
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}

/** The 32 bytes of a node's key as its file holds them. */
export function seedOf(text: string | undefined, file: string): Uint8Array {
  try {
    const seed = fromBase64((text ?? '').trim());
    if (seed.length === 32) return seed;
  } catch {
    // Told below.
  }
  throw new HsmError(`${file} holds no node key (the base64 of 32 bytes)`);
}
