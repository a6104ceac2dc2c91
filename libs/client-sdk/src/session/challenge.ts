import { formatSignature, fromBase64, fromUtf8, sign, type SecretBytes } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';

const PREFIX = 'DCP-AUTH-V1';
const RANDOM_AND_MAC = 32;

/** What a client expects to sign: it refuses a challenge made for another node, endpoint, user or device. */
export interface ExpectedChallenge {
  nodeId: string;
  /** Scheme and authority that was dialled, `ws(s)://host[:port]`. */
  endpoint: string;
  userId: string;
  device: string | undefined;
}

/**
 * Checks a challenge (profile §3: prefix, node, endpoint, user, device, expiry, each ended by a zero byte, then 16 random bytes and
 * the node's HMAC) and signs its bytes. A relay that passes on another node's challenge fails here.
 */
export function signChallenge(challenge: string, expected: ExpectedChallenge, seed: SecretBytes): string {
  const bytes = fromBase64(challenge);
  const fields = fromUtf8(bytes.subarray(0, Math.max(0, bytes.length - RANDOM_AND_MAC - 1))).split('\0');
  const { nodeId, endpoint, userId, device = '' } = expected;
  const wanted = [PREFIX, nodeId, endpoint, userId, device];
  if (fields.length !== wanted.length + 1 || wanted.some((value, i) => fields[i] !== value)) {
    throw new DcpError(
      'INVALID_CREDENTIALS',
      { reason: 'foreign_challenge' },
      'The challenge was not made for this login',
    );
  }
  return formatSignature(sign(seed, bytes));
}
