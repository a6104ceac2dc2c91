import { type AccountSettings, AUTH, CHANNEL, type Profile, type Session } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { NodeKey } from '../node/node-key.js';
import type { SessionService } from '../sessions/session.service.js';
import type { Account, AccountStore } from './account.store.js';
import { checkIdentity, parseRetrievalHash } from './identity-check.js';

/** Wiping what a user wrote may take a while. */
const FORGET_TIMEOUT_MS = 60_000;

/** Accounts as others see them, and as their owners change and end them. */
export class AccountService {
  constructor(
    private readonly accounts: AccountStore,
    private readonly sessions: SessionService,
    private readonly key: NodeKey,
    private readonly bus: Bus,
  ) {}

  /** USER_NOT_FOUND for users of other nodes and for those that are not active yet. */
  async profile(userId: string): Promise<Profile> {
    const { identity, publicKey, accountType, createdAt } = await this.#existing(userId);
    const { display_name, avatar, bio, pronouns } = identity;
    const shown = Object.fromEntries(
      Object.entries({ display_name, avatar, bio, pronouns }).filter(([, value]) => value !== undefined),
    );
    return {
      user_id: userId,
      public_key: publicKey,
      ...shown,
      account_type: accountType,
      created: createdAt.toISOString(),
    };
  }

  async settings(userId: string): Promise<AccountSettings> {
    return settingsOf(await this.#existing(userId));
  }

  /** The same identity, newly signed: profile, preferences, `encrypted_data`. */
  async update(
    session: Session,
    value: Record<string, unknown>,
    retrievalHash: string | undefined,
  ): Promise<{ user_id: string }> {
    const { file, publicKey } = checkIdentity(value, this.key.nodeId);
    const known = await this.#existing(session.user_id);
    if (file.identity.full_id !== known.userId)
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'foreign_identity' });
    if (publicKey !== known.publicKey || file.identity.created !== known.identity.created) {
      throw new DcpError('CONFLICT', { reason: 'public_key and created cannot change', path: 'identity' });
    }
    const changed: Account = {
      ...known,
      identity: file.identity,
      identitySignature: file.signature,
      homeNode: file.home_node,
      preferences: file.preferences ?? {},
      encryptedData: file.encrypted_data ?? known.encryptedData,
      retrievalHash: parseRetrievalHash(retrievalHash) ?? known.retrievalHash,
    };
    await this.accounts.update(changed);
    this.bus.publish(AUTH.settingsChanged, settingsOf(changed));
    return { user_id: known.userId };
  }

  /** Sessions end first, then what the user wrote, then the account: a crash in between leaves something that can be repeated. */
  async remove(userId: string): Promise<{ user_id: string }> {
    await this.sessions.end(userId, undefined, 'removed');
    await this.bus.request(CHANNEL.forgetUser, { user_id: userId }, { timeoutMs: FORGET_TIMEOUT_MS });
    await this.accounts.remove(userId);
    return { user_id: userId };
  }

  async #existing(userId: string): Promise<Account> {
    const account = await this.accounts.find(userId);
    if (account === undefined || account.status === 'pending') throw new DcpError('USER_NOT_FOUND');
    return account;
  }
}

function settingsOf({ userId, preferences }: Account): AccountSettings {
  return {
    user_id: userId,
    show_online_status: preferences.privacy?.show_online_status ?? true,
    blocked_users: preferences.blocked_users ?? [],
  };
}
