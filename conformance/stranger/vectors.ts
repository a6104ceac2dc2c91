import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from './json.js';

const FOLDER = join(import.meta.dirname, '..', '..', 'vectors');

/** A published set of test vectors; bytes are hex. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as T;
}

export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

/** The bytes at a dotted path of a vector. */
export function hexAt(value: unknown, path: string): Buffer {
  return hex(String(at(value, path)));
}
