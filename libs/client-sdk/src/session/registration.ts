import { sha256, toUtf8 } from '@dcp/crypto';
import { DcpError, type IdentityFile, type NodeInfo } from '@dcp/protocol';
import type { HttpApi } from '../transport/http.js';

export interface NodeDescription {
  node_info: NodeInfo;
  registration: 'open' | 'invite' | 'approval' | 'closed';
  proof_of_work: { bits: number; salt: string };
}

export interface Registration {
  user_id: string;
  status: 'active' | 'pending';
  owner: boolean;
  expires?: string;
}

/** What the node is and how one registers there. */
export function describeNode(http: HttpApi): Promise<NodeDescription> {
  return http.call<NodeDescription>('/node');
}

export interface RegisterOptions {
  invite?: string;
  /** Seconds, for temporary accounts. */
  expiresIn?: number;
  /** Leave `encrypted_data` at home: no second device can fetch it from the node then. */
  keepEncryptedData?: boolean;
  /** Of the open identity: lets a new device fetch the file by passphrase. */
  retrievalHash?: string | undefined;
}

/** Registers an identity file with its home node; solves the proof of work when the node asks for one. */
export async function register(
  http: HttpApi,
  file: IdentityFile,
  options: RegisterOptions = {},
): Promise<Registration> {
  const { proof_of_work: work } = await describeNode(http);
  const { encrypted_data, ...withoutSecrets } = file;
  return await http.call<Registration>('/accounts', {
    method: 'POST',
    body: {
      identity_file: options.keepEncryptedData === true ? withoutSecrets : { ...withoutSecrets, encrypted_data },
      ...(options.invite === undefined ? {} : { invite: options.invite }),
      ...(options.retrievalHash === undefined ? {} : { retrieval_hash: options.retrievalHash }),
      ...(options.expiresIn === undefined ? {} : { expires_in: options.expiresIn }),
      ...(work.bits === 0 ? {} : { proof_of_work: { salt: work.salt, nonce: solve(work, file.identity.full_id) } }),
    },
  });
}

/** More than this many leading zero bits would keep a phone busy for minutes: such a node is refused. */
const MAX_WORK_BITS = 26;

/** A nonce for which SHA-256(salt ‖ ":" ‖ user_id ‖ ":" ‖ nonce) begins with `bits` zero bits. */
export function solve({ bits, salt }: { bits: number; salt: string }, userId: string): string {
  if (bits > MAX_WORK_BITS) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'proof_of_work_too_hard', bits });
  for (let nonce = 0; ; nonce++) {
    if (leadingZeroBits(sha256(toUtf8(`${salt}:${userId}:${nonce}`))) >= bits) return String(nonce);
  }
}

function leadingZeroBits(digest: Uint8Array): number {
  let bits = 0;
  for (const byte of digest) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
