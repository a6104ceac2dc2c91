import type { Session } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import {
  type BackupPage,
  backupRecord,
  type BackupRecord,
  DcpError,
  invalidFormat,
  MAX_BACKUP_IDS,
  parseWith,
  putBackup,
} from '@dcp/protocol';
import { z } from 'zod';
import { type BackupStore, bytesOf, PAGE_BYTES } from './backup.store.js';

const backupIds = z.array(backupRecord.shape.id).min(1).max(MAX_BACKUP_IDS);
const backupQuery = z.object({ month: backupRecord.shape.month.optional(), after: z.string().max(128).optional() });

/** A user's sealed backup (profile §5). What is there is never written over, only deleted: two devices that back up the same cannot spoil each other's records. */
export class BackupService {
  constructor(
    private readonly store: BackupStore,
    private readonly clock: Clock,
  ) {}

  async put(session: Session, value: unknown[]): Promise<{ kept: BackupRecord[] }> {
    checkAccount(session);
    const { records } = parseWith(putBackup, { records: value });
    if (new Set(records.map(({ id }) => id)).size < records.length) throw invalidFormat('an id twice', 'records');
    if (bytesOf(records) > PAGE_BYTES) throw new DcpError('MESSAGE_TOO_LARGE', { max_size: PAGE_BYTES });
    const plain = records.map(({ id, month, body }) => ({ id, month, body }));
    return { kept: await this.store.put(session.user_id, plain, new Date(this.clock.now())) };
  }

  async read(session: Session, month: string | undefined, after = ''): Promise<BackupPage> {
    checkAccount(session);
    parseWith(backupQuery, { month, after });
    return this.store.page(session.user_id, month, after);
  }

  /** Those of these records that are there; what does not fit into one page is left out. */
  async find(session: Session, ids: unknown): Promise<BackupPage> {
    checkAccount(session);
    return this.store.find(session.user_id, parseWith(backupIds, ids));
  }

  async delete(session: Session, month: string | undefined): Promise<{ deleted: number }> {
    checkAccount(session);
    parseWith(backupQuery, { month });
    return { deleted: await this.store.remove(session.user_id, month) };
  }
}

/** Profile §5: off for minimal and temporary accounts. */
function checkAccount({ account_type }: Session): void {
  if (account_type === 'standard') return;
  throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_for_account_type', account_type });
}
