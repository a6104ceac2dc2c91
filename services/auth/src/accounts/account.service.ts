import { type AccountSettings, AUTH, CHANNEL, KEYS, type Profile, type Session } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { DcpError, type MovedTo } from '@dcp/protocol';
import type { MoveStore } from '../moves/move.store.js';
import type { NodeKey } from '../node/node-key.js';
import type { SessionService } from '../sessions/session.service.js';
import type { Account, AccountStore } from './account.store.js';
import { type CheckedIdentity, checkIdentity, parseRetrievalHash, unknownMembers } from './identity-check.js';
import { sealedSecrets } from './sealed-secrets.js';

/** Wiping what a user wrote may take a while; both together less than a gateway waits for a removal, and a stop for the sweeper. */
const FORGET_WRITINGS_MS = 20_000;
const FORGET_KEYS_MS = 8_000;

/** Accounts as others see them, and as their owners change and end them. */
export class AccountService {
  constructor(
    private readonly accounts: AccountStore,
    private readonly sessions: SessionService,
    private readonly moves: MoveStore,
    private readonly key: NodeKey,
    private readonly bus: Bus,
  ) {}

  /** USER_NOT_FOUND for users of other nodes and for those that are not active yet. */
  async profile(userId: string): Promise<Profile> {
    const account = await this.#existing(userId);
    const { identity, publicKey, accountType, createdAt } = account;
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
      ...(await this.#moved(account)),
    };
  }

  async settings(userId: string): Promise<AccountSettings> {
    const account = await this.#existing(userId);
    const moved = await this.#moved(account);
    return {
      ...settingsOf(account),
      ...(moved.moved_to === undefined ? {} : { ...moved, allow_direct_messages: false }),
    };
  }

  /** Only accounts that end can have moved: nobody else costs a question. */
  async #moved({ userId, expiresAt }: Account): Promise<{ moved_to?: MovedTo }> {
    const moved_to = expiresAt === null ? undefined : await this.moves.find(userId);
    return moved_to === undefined ? {} : { moved_to };
  }

  /** The same identity, newly signed: profile, preferences, `encrypted_data`. */
  async update(
    session: Session,
    value: Record<string, unknown>,
    retrievalHash: string | undefined,
  ): Promise<{ user_id: string }> {
    const { file, publicKey } = checkIdentity(value, this.key.nodeId);
    const known = await this.#existing(session.user_id);
    checkUnchanged({ file, publicKey }, known);
    const changed: Account = {
      ...known,
      identity: file.identity,
      identitySignature: file.signature,
      homeNode: file.home_node,
      preferences: file.preferences ?? {},
      extra: unknownMembers(file),
      ...sealedSecrets(file, parseRetrievalHash(retrievalHash), known),
    };
    await this.accounts.update(changed);
    this.bus.publish(AUTH.settingsChanged, settingsOf(changed));
    return { user_id: known.userId };
  }

  /**
   * Sessions end first, then what the user wrote, then his keys and his backup, then the account: a crash in between leaves something
   * that can be repeated.
   */
  async remove(userId: string): Promise<{ user_id: string }> {
    await this.sessions.end(userId, undefined, 'removed');
    await this.bus.request(CHANNEL.forgetUser, { user_id: userId }, { timeoutMs: FORGET_WRITINGS_MS });
    await this.bus.request(KEYS.forgetUser, { user_id: userId }, { timeoutMs: FORGET_KEYS_MS });
    // A login may have come in between.
    this.sessions.tell(userId, await this.accounts.remove(userId), 'removed');
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
    allow_direct_messages: preferences.privacy?.allow_direct_messages ?? true,
    blocked_users: preferences.blocked_users ?? [],
  };
}

/** A user id, its key, its birth and the kind of account are for ever. */
function checkUnchanged({ file, publicKey }: CheckedIdentity, known: Account): void {
  const changed =
    file.identity.full_id !== known.userId
      ? 'identity.full_id'
      : publicKey !== known.publicKey
        ? 'identity.public_key'
        : file.identity.created !== known.identity.created
          ? 'identity.created'
          : (file.account_type ?? known.accountType) !== known.accountType
            ? 'account_type'
            : undefined;
  if (changed !== undefined) throw new DcpError('CONFLICT', { reason: 'cannot_change', path: changed });
}
