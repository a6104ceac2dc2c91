import { DcpError, invalidFormat, type ClientInfo } from '@dcp/protocol';
import { createIdentity, openIdentity, type OpenIdentity } from '../identity/identity-file.js';
import { addDevice, revokeDevice } from '../session/add-device.js';
import { describeNode, register } from '../session/registration.js';
import { HttpApi } from '../transport/http.js';
import type { BrowserProfile } from './browser-profile.js';
import { endpointOf } from './endpoint.js';
import type { ExistingAccount, NewAccount } from './worker-methods.js';

const DEVICE_NAME = 'Browser';

/** Making and opening a profile's account. The identity key is open only while it signs. */
export class Accounts {
  constructor(
    private readonly profile: BrowserProfile,
    private readonly clientInfo: ClientInfo,
  ) {}

  async create({ endpoint: address, passphrase, invite, ...wish }: NewAccount): Promise<void> {
    await this.requireFree();
    const endpoint = endpointOf(address);
    const http = new HttpApi(endpoint);
    const { id, name } = (await describeNode(http)).node_info;
    const homeNode = { id, endpoint, ...(name === undefined ? {} : { name }) };
    const { username, displayName, deviceName } = wish;
    const profile = { username, homeNode, ...(displayName === undefined ? {} : { displayName }) };
    await this.withIdentity(await createIdentity(profile, passphrase), async (identity) => {
      await this.profile.saveIdentity(identity.file);
      await this.register(http, identity, invite);
      await this.addDevice(identity, deviceName);
    });
  }

  async open({ identity: text, passphrase, deviceName }: ExistingAccount): Promise<void> {
    if (text !== undefined) await this.requireFree();
    const file = text === undefined ? await this.profile.identity() : parsed(text);
    if (file === undefined) throw new DcpError('CONFLICT', { reason: 'no_identity' });
    await this.withIdentity(await openIdentity(file, passphrase), (identity) => this.addDevice(identity, deviceName));
  }

  async revoke(device: string, passphrase: string): Promise<void> {
    const file = await this.profile.identity();
    if (file === undefined) throw new DcpError('CONFLICT', { reason: 'no_identity' });
    await this.withIdentity(await openIdentity(file, passphrase), (identity) =>
      revokeDevice(identity, device, this.clientInfo),
    );
  }

  /** A refusal makes the identity worthless; an answer that is lost may hide an account that exists. */
  private async register(
    http: HttpApi,
    { file, retrievalHash }: OpenIdentity,
    invite: string | undefined,
  ): Promise<void> {
    try {
      await register(http, file, { ...(invite === undefined ? {} : { invite }), retrievalHash });
    } catch (error) {
      if (error instanceof DcpError && !error.retryable) await this.profile.forgetIdentity();
      throw error;
    }
  }

  private async addDevice(identity: OpenIdentity, name = DEVICE_NAME): Promise<void> {
    await this.profile.saveAccount(identity.file, await addDevice(identity, name, this.clientInfo));
  }

  private async requireFree(): Promise<void> {
    if ((await this.profile.device()) !== undefined) throw new DcpError('CONFLICT', { reason: 'profile_taken' });
  }

  private async withIdentity(identity: OpenIdentity, work: (identity: OpenIdentity) => Promise<void>): Promise<void> {
    try {
      await work(identity);
    } finally {
      identity.seed.wipe();
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidFormat('no JSON', 'identity');
  }
}
