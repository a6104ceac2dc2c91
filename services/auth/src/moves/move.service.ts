import { AUTH, type Session } from '@dcp/contracts';
import type { Bus, Clock } from '@dcp/node-kit';
import { checkMove, DcpError, invalidFormat, MOVE_ACCEPT_MS, type MovedTo } from '@dcp/protocol';
import type { AccountStore } from '../accounts/account.store.js';
import type { DeviceStore } from '../devices/device.store.js';
import type { MoveStore } from './move.store.js';
import { verifyText } from './verify-text.js';

export interface MoveParts {
  accounts: AccountStore;
  devices: DeviceStore;
  moves: MoveStore;
  bus: Bus;
  clock: Clock;
}

/** Accounts that go on at another node (docs/adr/0023): kept as signed, told to whoever knows them, ended when the time is over. */
export class MoveService {
  constructor(private readonly parts: MoveParts) {}

  /** Safe to repeat: what was lost after the commit is told again. */
  async move(session: Session, value: Record<string, unknown>): Promise<{ moved_to: MovedTo; until: string }> {
    const record = await this.#checked(session.user_id, value);
    const kept = await this.parts.moves.keep(record);
    if (kept === 'gone') throw new DcpError('USER_NOT_FOUND');
    if (kept === 'older') throw new DcpError('CONFLICT', { reason: 'older_move', path: 'moved_to.issued' });
    await this.#tell(record);
    return { moved_to: record, until: kept.until.toISOString() };
  }

  async #checked(userId: string, value: Record<string, unknown>): Promise<MovedTo> {
    const account = await this.parts.accounts.find(userId);
    if (account === undefined) throw new DcpError('USER_NOT_FOUND');
    const now = this.parts.clock.now();
    const record = checkMove(value, { userId, identityKey: account.publicKey, now, verify: verifyText });
    if (record === 'other_user') throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'foreign_account' });
    if (typeof record === 'string') throw invalidFormat(record, 'moved_to');
    if (Date.parse(record.issued) < now - MOVE_ACCEPT_MS) throw invalidFormat('signed_too_long_ago', 'moved_to.issued');
    return record;
  }

  /** The gateways tell who shares a channel; other nodes learn, as of a grown device log, that there is something to read again. */
  async #tell(moved_to: MovedTo): Promise<void> {
    const { bus, devices } = this.parts;
    const { user_id } = moved_to;
    bus.publish(AUTH.userMoved, { user_id, moved_to });
    bus.publish(AUTH.devicesChanged, { user_id, ...(await devices.head(user_id)), action: 'move', device: '' });
  }
}
