import type { RegisterAnswer, RegisterRequest } from '@dcp/contracts';
import { sha256, toHex, toUtf8 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { type AuthConfig, firstOwns, registrationOf } from '../config.js';
import type { AuthMetrics } from '../metrics.js';
import type { NodeKey } from '../node/node-key.js';
import type { Account, AccountStore } from './account.store.js';
import { checkIdentity, type CheckedIdentity, parseRetrievalHash, unknownMembers } from './identity-check.js';
import type { ProofOfWork } from './proof-of-work.js';

const DEFAULT_TEMPORARY_S = 86_400;

export interface RegistrationParts {
  config: AuthConfig;
  key: NodeKey;
  accounts: AccountStore;
  work: ProofOfWork;
  clock: Clock;
  metrics: AuthMetrics;
}

/** `POST /api/v1/accounts`: an identity file becomes an account, as the node's policy allows (profile §3). */
export class RegistrationService {
  constructor(private readonly parts: RegistrationParts) {}

  async register(request: RegisterRequest): Promise<RegisterAnswer> {
    const { registrations } = this.parts.metrics;
    try {
      const answer = await this.#register(request);
      registrations.inc({ result: answer.status });
      return answer;
    } catch (error) {
      registrations.inc({ result: error instanceof DcpError ? error.code : 'INTERNAL_ERROR' });
      throw error;
    }
  }

  async #register(request: RegisterRequest): Promise<RegisterAnswer> {
    const { config, key, accounts, work } = this.parts;
    const checked = checkIdentity(request.identity_file, key.nodeId);
    const known = await accounts.find(checked.file.identity.full_id);
    if (known !== undefined) return this.#again(known, checked);
    const policy = registrationOf(config);
    if (policy === 'closed' && request.invite === undefined) throw denied('registration_closed');
    if (policy === 'invite' && request.invite === undefined) throw denied('invite_required');
    await work.check(request.proof_of_work, checked.file.identity.full_id);
    const account = this.#account(checked, request, policy === 'approval' ? 'pending' : 'active');
    const done = await this.#insert(account, request.invite);
    // The same file may have come in at the same moment, on another replica.
    return done === 'inserted' ? answerOf(account) : this.#again(await accounts.find(account.userId), checked);
  }

  /** The same file again is a retry; another file under the same name is in the way. */
  #again(known: Account | undefined, { file, publicKey }: CheckedIdentity): RegisterAnswer {
    if (known?.publicKey === publicKey && known.identitySignature === file.signature) return answerOf(known);
    throw new DcpError('CONFLICT', { reason: 'username_taken', path: 'identity.username' });
  }

  async #insert(account: Account, invite: string | undefined): Promise<'inserted' | 'exists'> {
    const { accounts, config } = this.parts;
    const inviteHash = invite === undefined ? undefined : hashInvite(invite);
    const ownerOnly = registrationOf(config) === 'closed';
    const done = await accounts.insert(account, {
      firstOwns: firstOwns(config),
      inviteHash,
      ownerOnly,
    });
    if (done === 'no_invite') throw denied(ownerOnly ? 'registration_closed' : 'invite_invalid');
    return done;
  }

  #account({ file, publicKey }: CheckedIdentity, request: RegisterRequest, status: 'active' | 'pending'): Account {
    const now = this.parts.clock.now();
    const accountType = file.account_type ?? 'standard';
    const seconds = request.expires_in ?? DEFAULT_TEMPORARY_S;
    return {
      userId: file.identity.full_id,
      publicKey,
      identity: file.identity,
      identitySignature: file.signature,
      homeNode: file.home_node,
      preferences: file.preferences ?? {},
      accountType,
      status,
      role: 'user',
      extra: unknownMembers(file),
      encryptedData: file.encrypted_data ?? null,
      retrievalHash: parseRetrievalHash(request.retrieval_hash),
      createdAt: new Date(now),
      expiresAt: accountType === 'temporary' ? new Date(now + seconds * 1000) : null,
    };
  }
}

/** Codes are random, so a plain hash is enough to keep them out of the database. */
export function hashInvite(code: string): string {
  return toHex(sha256(toUtf8(code.trim())));
}

function answerOf({ userId, status, role, expiresAt }: Account): RegisterAnswer {
  const answer = {
    user_id: userId,
    status: status === 'pending' ? 'pending' : 'active',
    owner: role === 'owner',
  } as const;
  return expiresAt === null ? answer : { ...answer, expires: expiresAt.toISOString() };
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
