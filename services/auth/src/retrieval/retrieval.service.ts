import { constantTimeEqual, fromBase64, hmacSha256, type KdfParameters, sha256, toBase64, toUtf8 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { Account, AccountStore } from '../accounts/account.store.js';
import { kdfParametersOf } from '../accounts/sealed-secrets.js';
import type { NodeKey } from '../node/node-key.js';
import type { RetrievalStore } from './retrieval.store.js';

/** Tries an hour and account (profile §3). */
const MAX_TRIES = 5;
const WINDOW_MS = 3_600_000;
/** What our own clients write (64 MiB, t = 3): decoys must look like it. */
const DECOY_COST = { memoryKiB: 65_536, passes: 3 };

/** How a new device gets the identity file by passphrase alone; users that do not exist behave like those who do. */
export class RetrievalService {
  constructor(
    private readonly accounts: AccountStore,
    private readonly attempts: RetrievalStore,
    private readonly key: NodeKey,
    private readonly clock: Clock,
  ) {}

  async parameters(userId: string): Promise<{ parameters: Record<string, unknown> }> {
    const account = await this.accounts.find(userId);
    const own = kdfParametersOf(account?.encryptedData ?? null);
    return { parameters: printed(own ?? this.#decoy(userId)) };
  }

  /** INVALID_CREDENTIALS for a wrong key or user, RATE_LIMITED with the seconds to wait after five tries in an hour. */
  async fetch(userId: string, retrievalKey: string): Promise<{ identity_file: Record<string, unknown> }> {
    const now = this.clock.now();
    const { count, since } = await this.attempts.count(
      sha256(toUtf8(userId)),
      new Date(now),
      new Date(now - WINDOW_MS),
    );
    if (count > MAX_TRIES)
      throw new DcpError('RATE_LIMITED', { retry_after: Math.ceil((since.getTime() + WINDOW_MS - now) / 1000) });
    const account = await this.accounts.find(userId);
    const wanted = account?.retrievalHash ?? hmacSha256(this.key.decoySecret, toUtf8(userId));
    const matches = constantTimeEqual(hashOf(retrievalKey), wanted);
    if (account === undefined || account.encryptedData === null || !matches) throw new DcpError('INVALID_CREDENTIALS');
    return { identity_file: fileOf(account) };
  }

  #decoy(userId: string): KdfParameters {
    return {
      kdf: 'argon2id',
      cost: DECOY_COST,
      salt: hmacSha256(this.key.decoySecret, toUtf8(`salt ${userId}`)).slice(0, 16),
    };
  }
}

function printed(parameters: KdfParameters): Record<string, unknown> {
  const salt = toBase64(parameters.salt);
  if (parameters.kdf === 'pbkdf2') return { kdf: 'pbkdf2', iterations: 100_000, salt };
  return { kdf: 'argon2id', memory_kib: parameters.cost.memoryKiB, passes: parameters.cost.passes, salt };
}

function hashOf(key: string): Uint8Array {
  try {
    return sha256(fromBase64(key));
  } catch {
    return new Uint8Array(32);
  }
}

function fileOf(account: Account): Record<string, unknown> {
  return {
    ...account.extra,
    version: '1.0',
    identity: account.identity,
    preferences: account.preferences,
    home_node: account.homeNode,
    account_type: account.accountType,
    encrypted_data: account.encryptedData,
    signature: account.identitySignature,
  };
}
