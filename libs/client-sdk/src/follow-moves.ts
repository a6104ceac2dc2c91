import { asDcpError, DcpError, MAX_MOVES_IN_A_ROW, type MovedTo, moveInError } from '@dcp/protocol';
import type { EncryptionEngine } from './e2ee/encryption-engine.js';
import type { NodePort } from './e2ee/node-port.js';
import { isSameKey } from './e2ee/user-moves.js';

/** Where something was done that was meant for somebody who has moved. */
export interface FollowedUser {
  /** The account that it was done with. */
  userId: string;
  /** The records that led there, in order; none: he has not moved. */
  moves: MovedTo[];
}

/**
 * Leads from a user id to the account where he is now, by records that are verified, and to nobody whom his node shows with
 * another identity key than the record names.
 */
export class MoveFollower {
  constructor(
    private readonly node: NodePort,
    private readonly encryption: EncryptionEngine,
  ) {}

  /** Does `use` with the user, or with who he is now: known already, or told by the node's refusal. */
  async follow<T>(userId: string, use: (userId: string) => Promise<T>): Promise<T & FollowedUser> {
    const moves: MovedTo[] = [];
    for (let at = userId; ; at = (moves.at(-1) as MovedTo).to) {
      const attempt = await this.attempt(at, use);
      if ('done' in attempt) return { ...attempt.done, userId: at, moves };
      if (moves.length === MAX_MOVES_IN_A_ROW)
        throw new DcpError('USER_NOT_FOUND', { reason: 'too_many_moves', user_id: userId });
      await this.requireIdentity(attempt.moved);
      moves.push(attempt.moved);
    }
  }

  private async attempt<T>(
    userId: string,
    use: (userId: string) => Promise<T>,
  ): Promise<{ done: T } | { moved: MovedTo }> {
    const known = await this.knownMove(userId);
    if (known !== undefined) return { moved: known };
    try {
      return { done: await use(userId) };
    } catch (thrown) {
      const told = moveInError(asDcpError(thrown));
      const moved = told === undefined ? undefined : await this.note(userId, told);
      if (moved === undefined) throw thrown;
      return { moved };
    }
  }

  /** Whom one knows may have moved meanwhile: a fresh log says so. */
  private async knownMove(userId: string): Promise<MovedTo | undefined> {
    const { directory, moves } = this.encryption;
    if ((await directory.known(userId)) !== undefined) await directory.log(userId).catch(() => undefined);
    return await moves.of(userId);
  }

  /** A record as the node tells it; undefined when it is not to be believed. */
  private async note(userId: string, value: unknown): Promise<MovedTo | undefined> {
    const { directory, moves } = this.encryption;
    const log = (await directory.known(userId)) ?? (await directory.log(userId));
    return log === undefined ? undefined : await moves.note(userId, log.identityKey, value);
  }

  /** The new node could show somebody else under the new name. */
  private async requireIdentity({ user_id, to, identity_key, via }: MovedTo): Promise<void> {
    const { directory, moves } = this.encryption;
    const before = await directory.known(to);
    // Where it cannot be met now it may be known already.
    if (before === undefined && via !== undefined) await this.node.command('meet_node', { via }).catch(() => undefined);
    const log = before ?? (await directory.reread(to));
    // Whoever is not shown now could be shown later with any key.
    if (log === undefined) throw new DcpError('USER_NOT_FOUND', { user_id: to, moved_from: user_id });
    if (isSameKey(log.identityKey, identity_key)) return;
    // Nobody has to believe from now on what was shown just now.
    if (before === undefined) await directory.forget(to);
    moves.refuse(user_id, 'other_identity');
    throw new DcpError('CONFLICT', { reason: 'other_successor', user_id: to });
  }
}
