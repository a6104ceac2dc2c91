import type { InviteSummary, Session } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import type { SessionService } from '../sessions/session.service.js';
import type { AccountStore } from './account.store.js';
import type { InviteService, NewInvite } from './invite.service.js';

const LISTED = 1_000;

/** What the node's owner may do; everybody else gets 1002. */
export class AdminService {
  constructor(
    private readonly accounts: AccountStore,
    private readonly sessions: SessionService,
    private readonly invites: InviteService,
  ) {}

  async suspend(
    session: Session,
    userId: string,
    suspended: boolean,
  ): Promise<{ user_id: string; suspended: boolean }> {
    requireAdmin(session);
    const account = await this.accounts.find(userId);
    if (account === undefined) throw new DcpError('USER_NOT_FOUND');
    if (account.role === 'owner')
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'the owner cannot be suspended' });
    await this.accounts.setStatus(
      userId,
      suspended ? 'suspended' : 'active',
      suspended ? ['active', 'pending', 'suspended'] : ['suspended'],
    );
    if (suspended) await this.sessions.end(userId, undefined, 'suspended');
    return { user_id: userId, suspended };
  }

  async approve(session: Session, userId: string): Promise<{ user_id: string }> {
    requireAdmin(session);
    if (!(await this.accounts.setStatus(userId, 'active', ['pending', 'active']))) throw new DcpError('USER_NOT_FOUND');
    return { user_id: userId };
  }

  async pending(session: Session): Promise<{ user_ids: string[] }> {
    requireAdmin(session);
    return { user_ids: await this.accounts.pending(LISTED) };
  }

  async createInvite(session: Session, uses?: number, seconds?: number): Promise<NewInvite> {
    requireAdmin(session);
    return await this.invites.create(session.user_id, uses, seconds);
  }

  async listInvites(session: Session): Promise<{ invites: InviteSummary[] }> {
    requireAdmin(session);
    return { invites: await this.invites.list() };
  }
}

function requireAdmin(session: Session): void {
  if (!session.admin) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_the_owner' });
}
