import { parseKey, safetyNumber } from '@dcp/crypto';
import { DcpError, type MovedTo } from '@dcp/protocol';
import type { EncryptionEngine } from './e2ee/encryption-engine.js';
import { liveDevices, type CertifiedDevice } from './e2ee/device-log.js';

/** Other users as one's encryption sees them. */
export class People {
  constructor(
    private readonly userId: string,
    private readonly encryption: EncryptionEngine,
  ) {}

  /** Sixty digits that both sides see alike when nobody stands between them: to be compared by voice or eye. */
  async safetyNumber(userId: string): Promise<string> {
    const logs = await this.encryption.directory.logs([this.userId, userId]);
    const [own, other] = [logs.get(this.userId), logs.get(userId)];
    if (own === undefined || other === undefined) throw await this.unknown(userId);
    const party = (id: string, key: string) => ({ userId: id, identityKey: parseKey(key).bytes });
    return safetyNumber(party(this.userId, own.identityKey), party(userId, other.identityKey));
  }

  /** The numbers were compared and are the same. */
  markVerified(userId: string): Promise<void> {
    return this.encryption.directory.markVerified(userId);
  }

  isVerified(userId: string): Promise<boolean> {
    return this.encryption.directory.isVerified(userId);
  }

  /** Why nothing is encrypted to this user; undefined: nothing is wrong. */
  conflict(userId: string): Promise<string | undefined> {
    return this.encryption.directory.conflict(userId);
  }

  /** The user confirmed by another way that the new identity is right: it is pinned from now on, unverified. */
  async acceptIdentity(userId: string): Promise<void> {
    await this.encryption.directory.forget(userId);
    await this.encryption.moves.forget(userId);
    await this.encryption.directory.log(userId);
  }

  /** Where a user has moved, as he has signed it; undefined: nowhere that one could believe. */
  async movedTo(userId: string): Promise<MovedTo | undefined> {
    await this.encryption.directory.reread(userId);
    return await this.encryption.moves.of(userId);
  }

  /** A user's devices that may read what is sent now. */
  async devices(userId: string): Promise<CertifiedDevice[]> {
    const log = await this.encryption.directory.reread(userId);
    if (log === undefined) throw await this.unknown(userId);
    return liveDevices(log);
  }

  private async unknown(userId: string): Promise<DcpError> {
    const fault = await this.encryption.directory.conflict(userId);
    if (fault === undefined) return new DcpError('USER_NOT_FOUND', { user_id: userId });
    return new DcpError('CONFLICT', { reason: 'device_conflict', user_id: userId, fault });
  }
}
