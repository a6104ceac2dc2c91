import type { AuthSuccess, ChallengeFrame, ChallengeRequest, ProofRequest } from '@dcp/contracts';
import { formatKey, generateEd25519KeyPair, parseKey, parseSignature, sha256, verify } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { DcpError, invalidFormat } from '@dcp/protocol';
import type { Account, AccountStore } from '../accounts/account.store.js';
import { isSameKey } from '../accounts/identity-check.js';
import { makeChallenge, readChallenge, type ChallengeSubject } from '../challenges/challenge.js';
import type { AuthConfig } from '../config.js';
import type { DeviceStore } from '../devices/device.store.js';
import type { AuthMetrics } from '../metrics.js';
import type { NodeKey } from '../node/node-key.js';
import type { BruteForceWatch } from './brute-force-watch.js';
import type { SessionService } from './session.service.js';
import type { Opening } from './session.store.js';

/** What a client dialled, as the gateway saw it; a longer one would not fit into the frame. */
const ENDPOINT = /^wss?:\/\/[\x21-\x7e]{1,300}$/;

export interface LoginParts {
  config: Pick<AuthConfig, 'challengeLifetimeMs'>;
  key: NodeKey;
  accounts: AccountStore;
  devices: DeviceStore;
  sessions: SessionService;
  clock: Clock;
  metrics: AuthMetrics;
  watch: BruteForceWatch;
}

/** Challenge and proof (§5.2). What is refused is refused alike: nothing tells whether user, key or signature was wrong. */
export class LoginService {
  /** Stands in for the key of users who do not exist, so that they cost as much as the others. */
  readonly #decoyKey = formatKey('ed25519', generateEd25519KeyPair().publicKey);

  constructor(private readonly parts: LoginParts) {}

  /** Asks nothing of the database: unknown, suspended and removed users get one as well. */
  challenge({ user_id, device = '', endpoint }: ChallengeRequest): ChallengeFrame {
    if (!ENDPOINT.test(endpoint)) throw invalidFormat('endpoint', 'endpoint');
    const { key, clock, config, metrics } = this.parts;
    metrics.challenges.inc();
    const now = clock.now();
    const expires = now + config.challengeLifetimeMs;
    const subject = { nodeId: key.nodeId, endpoint, userId: user_id, device, expires };
    return {
      type: 'auth_challenge',
      challenge: makeChallenge(subject, key.challengeSecret),
      timestamp: new Date(now).toISOString(),
      expires: new Date(expires).toISOString(),
    };
  }

  async proof(request: ProofRequest): Promise<AuthSuccess> {
    try {
      const success = await this.#prove(request);
      this.parts.metrics.proofs.inc({ result: 'ok' });
      return success;
    } catch (error) {
      this.parts.metrics.proofs.inc({ result: error instanceof DcpError ? error.code : 'INTERNAL_ERROR' });
      throw error;
    }
  }

  async #prove(request: ProofRequest): Promise<AuthSuccess> {
    const { key, sessions } = this.parts;
    const { subject, bytes } = readChallenge(request.challenge, key.challengeSecret);
    this.#checkSubject(subject, request);
    const account = await this.parts.accounts.find(subject.userId);
    const registered = await this.#registeredKey(account, subject.device);
    const proved = verifyBytes(registered ?? this.#decoyKey, bytes, request.signature);
    if (account === undefined || registered === undefined || !proved || !isSameKey(registered, request.public_key)) {
      this.parts.watch.failed(subject.userId, request.address);
      throw new DcpError('INVALID_CREDENTIALS');
    }
    const who = {
      userId: account.userId,
      device: subject.device === '' ? null : subject.device,
      key: registered,
      accountType: account.accountType,
      admin: account.role === 'owner',
      accountExpires: account.expiresAt,
      clientInfo: request.client_info,
    };
    const opening = await sessions.open(who, {
      hash: sha256(bytes),
      expires: new Date(subject.expires),
    });
    if (typeof opening === 'string') throw notOpened(opening);
    return opening;
  }

  #checkSubject({ nodeId, endpoint, expires }: ChallengeSubject, request: ProofRequest): void {
    if (expires <= this.parts.clock.now()) throw refused('challenge_expired');
    if (nodeId !== this.parts.key.nodeId || endpoint !== request.endpoint) throw new DcpError('INVALID_CREDENTIALS');
  }

  /** The identity key is the first device; any other must be in the log and not revoked. */
  async #registeredKey(account: Account | undefined, device: string): Promise<string | undefined> {
    if (device === '') return account?.publicKey;
    return await this.parts.devices.liveKey(account?.userId ?? '', device);
  }
}

function notOpened(why: Exclude<Opening, 'opened'>): DcpError {
  switch (why) {
    case 'used':
      return refused('challenge_used');
    case 'suspended':
      return new DcpError('ACCOUNT_SUSPENDED');
    case 'pending':
      return new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'approval_pending' });
    case 'gone':
      return new DcpError('INVALID_CREDENTIALS');
  }
}

function verifyBytes(key: string, bytes: Uint8Array, signature: string): boolean {
  try {
    return verify(parseKey(key).bytes, bytes, parseSignature(signature));
  } catch {
    return false;
  }
}

function refused(reason: string): DcpError {
  return new DcpError('INVALID_CREDENTIALS', { reason });
}
