import { join } from 'node:path';
import {
  addDevice,
  createIdentity,
  HttpApi,
  register,
  revokeDevice,
  type OpenIdentity,
  type OutgoingMessage,
} from '@dcp/client-sdk';
import type { DcpError, PostAck } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { CLIENT, SealedDevice } from './sealed-device.js';

export interface PersonOptions {
  name: string;
  endpoint: string;
  nodeId: string;
  /** Devices keep their storage in folders below it. Without: in memory. */
  folder: string | undefined;
  onSent(message: OutgoingMessage, ack: PostAck): void;
  onFailed(message: OutgoingMessage, error: DcpError): void;
}

const GUARD_MS = 30_000;

/** A user with his devices. The first one stays; further ones come and go. */
export class Person {
  readonly devices: SealedDevice[] = [];
  readonly revoked: SealedDevice[] = [];
  private count = 0;

  private constructor(
    private readonly options: PersonOptions,
    private readonly identity: OpenIdentity,
  ) {}

  static async register(options: PersonOptions): Promise<Person> {
    const { name, endpoint, nodeId } = options;
    const identity = await createIdentity(
      { username: name, homeNode: { id: nodeId, endpoint }, kdf: 'pbkdf2' },
      'a passphrase of tests',
    );
    await register(new HttpApi(endpoint), identity.file, { keepEncryptedData: true });
    return new Person(options, identity);
  }

  get name(): string {
    return this.options.name;
  }

  get userId(): string {
    return this.identity.file.identity.full_id;
  }

  get first(): SealedDevice {
    const [first] = this.devices;
    if (first === undefined) throw new Error(`${this.name} has no device`);
    return first;
  }

  /** One more device, online; from here on everything of the user's channels has to reach it. */
  async addDevice(): Promise<SealedDevice> {
    const { endpoint, nodeId, folder, onSent, onFailed } = this.options;
    const name = `${this.name}/${++this.count}`;
    const device = await addDevice(this.identity, name, CLIENT);
    const place = folder === undefined ? undefined : join(folder, name.replace('/', '-'));
    const added = new SealedDevice({ name, endpoint, nodeId, device, folder: place, onSent, onFailed });
    await added.start();
    this.devices.push(added);
    await eventually(() => added.noteHeads(), GUARD_MS);
    return added;
  }

  /** Takes the newest device out for good. It must have nothing to send any more. */
  async revokeNewest(): Promise<void> {
    const last = this.devices.pop();
    if (last === undefined) return;
    this.revoked.push(last);
    last.part();
    await revokeDevice(this.identity, last.id, CLIENT);
    await last.end();
  }

  async end(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.end()));
  }
}
