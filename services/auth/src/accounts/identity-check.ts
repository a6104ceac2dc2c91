import { constantTimeEqual, formatKey, fromBase64, parseKey, verifySigned } from '@dcp/crypto';
import { DcpError, invalidFormat, parseRegisteredIdentity, type RegisteredIdentity, signingInput } from '@dcp/protocol';

export interface CheckedIdentity {
  file: RegisteredIdentity;
  /** `ed25519:` and 32 raw bytes, whatever form the file has. */
  publicKey: string;
}

/** §4.2: a file of this node whose signature verifies. Throws 2000 naming the member, 9002 for another version. */
export function checkIdentity(value: Record<string, unknown>, nodeId: string): CheckedIdentity {
  const file = parseRegisteredIdentity(value);
  const { identity, signature } = file;
  if (identity.home_node_id !== nodeId) throw invalidFormat(`this node is ${nodeId}`, 'identity.home_node_id');
  const key = keyOf(identity.public_key);
  if (!verifySigned(key, signingInput('IDENTITY', identity), signature)) throw invalidFormat('signature', 'signature');
  return { file, publicKey: formatKey('ed25519', key) };
}

function keyOf(text: string): Uint8Array {
  try {
    return parseKey(text).bytes;
  } catch {
    throw invalidFormat('not an Ed25519 key', 'identity.public_key');
  }
}

/** Members that this version does not know: kept, never an error. */
export function unknownMembers(file: RegisteredIdentity): Record<string, unknown> {
  const {
    version: _version,
    identity: _identity,
    preferences: _preferences,
    home_node: _homeNode,
    account_type: _accountType,
    encrypted_data: _encryptedData,
    signature: _signature,
    ...unknown
  } = file;
  return unknown;
}

/** The same 32 bytes, however they are written; false for anything that is no key. */
export function isSameKey(a: string, b: string): boolean {
  try {
    return constantTimeEqual(parseKey(a).bytes, parseKey(b).bytes);
  } catch {
    return false;
  }
}

/** 32 bytes of base64, or undefined when nothing was given. */
export function parseRetrievalHash(text: string | undefined): Uint8Array | null {
  if (text === undefined) return null;
  try {
    const bytes = fromBase64(text);
    if (bytes.length === 32) return bytes;
  } catch {
    // Told below.
  }
  throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'not 32 bytes of base64', path: 'retrieval_hash' });
}
