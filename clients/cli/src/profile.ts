import { FileStorage } from '@dcp/client-sdk/node';
import {
  restoreDevice,
  storeDevice,
  verifyIdentityFile,
  type Device,
  type StoredDevice,
  type StoredSession,
} from '@dcp/client-sdk';
import type { IdentityFile } from '@dcp/protocol';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CliError } from './cli-error.js';

/**
 * What one person keeps on this machine: the identity file, this device's keys, the session, outbox and read positions. A folder of
 * mode 700 with files of mode 600.
 */
export class Profile {
  readonly storage: FileStorage;

  constructor(
    readonly name: string,
    readonly folder: string,
  ) {
    this.storage = new FileStorage(folder);
  }

  async hasIdentity(): Promise<boolean> {
    return (await this.storage.get('identity')) !== undefined;
  }

  async identity(): Promise<IdentityFile> {
    const file = await this.storage.get('identity');
    if (file === undefined)
      throw new CliError(
        'no_identity',
        `No identity in profile "${this.name}". Make one with: dcp identity create NAME`,
      );
    return verifyIdentityFile(file);
  }

  saveIdentity(file: IdentityFile): Promise<void> {
    return this.storage.set('identity', file);
  }

  async device(): Promise<Device> {
    const stored = await this.storage.get<StoredDevice>('device');
    if (stored === undefined) throw new CliError('not_logged_in', 'Not logged in on this machine. Run: dcp login');
    return restoreDevice(stored);
  }

  saveDevice(device: Device): Promise<void> {
    return this.storage.set('device', storeDevice(device));
  }

  session(): Promise<StoredSession | undefined> {
    return this.storage.get<StoredSession>('session');
  }

  saveSession(session: StoredSession): Promise<void> {
    return this.storage.set('session', session);
  }

  async forgetDevice(): Promise<void> {
    await this.storage.delete('session');
    await this.storage.delete('device');
  }
}

const PROFILE_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** `--profile`, else `DCP_PROFILE`, else `default`, below `DCP_HOME` or `~/.config/dcp`. */
export function openProfile(name: string | undefined, env: NodeJS.ProcessEnv = process.env): Profile {
  const chosen = name ?? env['DCP_PROFILE'] ?? 'default';
  if (!PROFILE_NAME.test(chosen))
    throw new CliError('usage', `"${chosen}" cannot name a profile: use letters, digits, ., _ and -`);
  const home = env['DCP_HOME'] ?? join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'dcp');
  return new Profile(chosen, join(home, chosen));
}
