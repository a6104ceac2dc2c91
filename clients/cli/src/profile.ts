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
import { JsonFiles } from './json-files.js';

/**
 * What one person keeps on this machine: the identity file, this device's keys, the session; and what the client keeps (encryption state,
 * archive, outbox, read positions), which one process at a time may use. A folder of mode 700 with files of mode 600.
 */
export class Profile {
  private readonly files: JsonFiles;
  private store: FileStorage | undefined;

  constructor(
    readonly name: string,
    readonly folder: string,
  ) {
    this.files = new JsonFiles(folder);
  }

  /** The client's own storage; opened, and locked, when it is first used. */
  get storage(): FileStorage {
    this.store ??= new FileStorage(join(this.folder, 'client'));
    return this.store;
  }

  async close(): Promise<void> {
    await this.store?.close();
    this.store = undefined;
  }

  async hasIdentity(): Promise<boolean> {
    return (await this.files.get('identity')) !== undefined;
  }

  async identity(): Promise<IdentityFile> {
    const file = await this.files.get('identity');
    if (file === undefined)
      throw new CliError(
        'no_identity',
        `No identity in profile "${this.name}". Make one with: dcp identity create NAME`,
      );
    return verifyIdentityFile(file);
  }

  saveIdentity(file: IdentityFile): Promise<void> {
    return this.files.set('identity', file);
  }

  async device(): Promise<Device> {
    const stored = await this.files.get<StoredDevice>('device');
    if (stored === undefined) throw new CliError('not_logged_in', 'Not logged in on this machine. Run: dcp login');
    return restoreDevice(stored);
  }

  saveDevice(device: Device): Promise<void> {
    return this.files.set('device', storeDevice(device));
  }

  session(): Promise<StoredSession | undefined> {
    return this.files.get<StoredSession>('session');
  }

  saveSession(session: StoredSession): Promise<void> {
    return this.files.set('session', session);
  }

  async hasDevice(): Promise<boolean> {
    return (await this.files.get('device')) !== undefined;
  }

  forgetSession(): Promise<void> {
    return this.files.delete('session');
  }

  async forgetDevice(): Promise<void> {
    await this.files.delete('session');
    await this.files.delete('device');
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
