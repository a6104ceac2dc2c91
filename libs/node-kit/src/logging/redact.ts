import { isError } from '../errors/is-error.js';
import { safeError } from './safe-error.js';

/** Members that hold secrets or content, by their names on the wire, in the database and in code. */
const SECRET_KEYS = new Set(
  (
    'authorization cookie set-cookie sec-websocket-protocol token sessiontoken accesstoken refreshtoken jwt proof ' +
    'password passphrase secret signature seed key privatekey secretkey masterkey encryptionkey chainkey ' +
    'encrypteddata ciphertext plaintext content text body payload description'
  ).split(' '),
);

const MAX_DEPTH = 8;
const MAX_MEMBERS = 100;
export const REDACTED = '[redacted]';

/** True for `session_token`, `sessionToken` and `Session-Token` alike. */
function isSecret(key: string): boolean {
  const plain = key.toLowerCase().replaceAll('_', '');
  return (
    SECRET_KEYS.has(plain) || plain.endsWith('privatekey') || plain.endsWith('password') || plain.endsWith('secret')
  );
}

/** A copy for the log: secrets and content replaced at any depth, errors made safe, bytes and long lists only counted. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (isError(value)) return safeError(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return redactList(value, depth);
  if (value instanceof Map || value instanceof Set) return `[${value.size} members]`;
  return redactMembers(value, depth);
}

function redactList(list: unknown[], depth: number): unknown[] {
  const shown = list.slice(0, MAX_MEMBERS).map((member) => redact(member, depth + 1));
  return list.length > MAX_MEMBERS ? [...shown, `[${list.length - MAX_MEMBERS} more]`] : shown;
}

export function redactMembers(value: object, depth = 0): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value).slice(0, MAX_MEMBERS)) {
    copy[key] = isSecret(key) && member !== undefined ? REDACTED : redact(member, depth + 1);
  }
  return copy;
}
