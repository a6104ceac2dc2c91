import { constantTimeEqual, fromBase64, fromUtf8, hmac128, randomBytes, toBase64, toUtf8 } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';

const PREFIX = 'DCP-AUTH-V1';
const RANDOM_BYTES = 16;
const MAC_BYTES = 16;

/** Whom a challenge is for; `device` is empty for the identity key. */
export interface ChallengeSubject {
  nodeId: string;
  endpoint: string;
  userId: string;
  device: string;
  /** Milliseconds since 1970. */
  expires: number;
}

/**
 * A challenge says whom it is for and carries the node's own seal, so nothing has to be stored until it is used (profile §3):
 * `"DCP-AUTH-V1" 0 node 0 endpoint 0 user 0 device 0 expiry 0 random ‖ HMAC-128`. Base64.
 */
export function makeChallenge(subject: ChallengeSubject, secret: Uint8Array): string {
  const { nodeId, endpoint, userId, device, expires } = subject;
  const head = toUtf8([PREFIX, nodeId, endpoint, userId, device, String(expires), ''].join('\0'));
  const payload = join(head, randomBytes(RANDOM_BYTES));
  return toBase64(join(payload, hmac128(secret, payload)));
}

/** The subject and the bytes to be signed. INVALID_CREDENTIALS for anything that this node did not make. */
export function readChallenge(challenge: string, secret: Uint8Array): { subject: ChallengeSubject; bytes: Uint8Array } {
  const bytes = decode(challenge);
  const payload = bytes.subarray(0, Math.max(0, bytes.length - MAC_BYTES));
  if (!constantTimeEqual(hmac128(secret, payload), bytes.subarray(payload.length))) throw refused();
  const head = fromUtf8(payload.subarray(0, payload.length - RANDOM_BYTES - 1));
  const [, nodeId = '', endpoint = '', userId = '', device = '', expires = ''] = head.split('\0');
  return { subject: { nodeId, endpoint, userId, device, expires: Number(expires) }, bytes };
}

function decode(challenge: string): Uint8Array {
  try {
    return fromBase64(challenge);
  } catch {
    throw refused();
  }
}

function refused(): DcpError {
  return new DcpError('INVALID_CREDENTIALS');
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
