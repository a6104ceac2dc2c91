import { ready } from '@dcp/crypto';
import { DcpError, type ClientInfo } from '@dcp/protocol';
import { DcpClient } from '../client.js';
import type { MyChannel } from '../client-types.js';
import type { Found } from '../e2ee/archive.js';
import { Serial } from '../e2ee/serial.js';
import { Accounts } from './accounts.js';
import { BrowserProfile } from './browser-profile.js';
import { EVENT_NAMES, eventForm } from './event-form.js';
import { IndexedDbStorage } from './indexed-db-storage.js';
import { RpcAnswerer, type Methods } from './rpc-answerer.js';
import type { Wire } from './rpc.js';
import {
  PEOPLE_METHODS,
  ROOM_METHODS,
  type AccountMethods,
  type ClientMethods,
  type ProfileState,
} from './worker-methods.js';

const CLIENT_INFO: ClientInfo = { name: 'dcp-sdk-browser', version: '0.2.0', capabilities: ['text', 'e2ee'] };
/** A reload opens the profile before the worker of the page before it is quite gone. */
const PATIENCE_MS = 3_000;
const ARCHIVED = 50;

/** The worker's side: one profile, its client, and the page's calls. */
export class WorkerHost {
  private readonly answerer: RpcAnswerer;
  private profile: BrowserProfile | undefined;
  private current: DcpClient | undefined;
  /** The page wants to be connected, whatever the network does. */
  private wanted = false;
  private readonly changes = new Serial();

  constructor(wire: Wire) {
    this.answerer = new RpcAnswerer(wire, { ...this.accountMethods(), ...this.clientMethods(), ...this.listed() });
  }

  private accountMethods(): AccountMethods & Methods {
    return {
      open: (profile) => this.open(profile),
      createAccount: async (account) => {
        await this.accounts().create(account);
        return await this.start();
      },
      openAccount: async (account) => {
        await this.accounts().open(account);
        return await this.start();
      },
      exportIdentity: async () => JSON.stringify(await this.opened().identity(), undefined, 2),
      revokeDevice: (device, passphrase) => this.accounts().revoke(device, passphrase),
      close: () => this.close(),
    };
  }

  private clientMethods(): ClientMethods & Methods {
    return {
      connect: () => {
        this.wanted = true;
        return this.client().connect();
      },
      disconnect: () => {
        this.wanted = false;
        return this.client().disconnect();
      },
      network: (online) => this.network(online),
      status: async () => ({ state: this.client().state, waiting: this.client().outbox.waiting() }),
      send: (channelId, draft) => this.client().send(channelId, draft),
      sendAndWait: (channelId, draft) => this.client().sendAndWait(channelId, draft),
      history: (channel, options) => this.client().history(channel, options),
      archived: (channelId, limit) => this.archived(channelId, limit),
      report: (channelId, messageId, why) => this.client().report(channelId, messageId, why),
      search: (query, options) => this.client().search(query, options),
      myChannels: () => this.myChannels(),
      listChannels: () => this.client().listChannels(),
      create: (channel, more) => this.client().create(channel, more),
      typing: (channel, typing) => this.client().typing(channel, typing),
    };
  }

  /** `rooms.…` and `people.…`: only what is on the lists. */
  private listed(): Methods {
    const rooms = ROOM_METHODS.map((name) => [`rooms.${name}`, bound(() => this.client().rooms, name)] as const);
    const people = PEOPLE_METHODS.map((name) => [`people.${name}`, bound(() => this.client().people, name)] as const);
    return Object.fromEntries([...rooms, ...people]);
  }

  private async open(profile: string): Promise<ProfileState> {
    if (this.profile !== undefined) throw new DcpError('CONFLICT', { reason: 'open_already' });
    await ready();
    const storage = new IndexedDbStorage(profile, { patienceMs: PATIENCE_MS });
    await storage.keys('profile/');
    this.profile = new BrowserProfile(storage);
    return await this.start();
  }

  /** Makes the client of a profile that has a device. */
  private async start(): Promise<ProfileState> {
    const profile = this.opened();
    const [identity, device, session] = [await profile.identity(), await profile.device(), await profile.session()];
    if (identity === undefined) return { state: 'empty' };
    const userId = identity.identity.full_id;
    const { endpoint } = identity.home_node;
    if (device === undefined) return { state: 'signed_out', userId, endpoint };
    this.current = new DcpClient({
      endpoint,
      nodeId: identity.identity.home_node_id,
      device,
      clientInfo: CLIENT_INFO,
      storage: profile.storage,
      accountType: identity.account_type ?? 'standard',
      ...(session === undefined ? {} : { session }),
      onSession: (fresh) => void profile.saveSession(fresh).catch(() => undefined),
    });
    this.forward(this.current);
    return { state: 'ready', userId, endpoint, device: device.id };
  }

  private forward({ events }: DcpClient): void {
    for (const name of EVENT_NAMES) events.on(name, (payload) => this.answerer.tell(name, eventForm(payload)));
  }

  /** One change after the other: leaving takes its time when the node does not answer. */
  private network(online: boolean): Promise<void> {
    return this.changes.run(async () => {
      const client = this.current;
      if (client === undefined || !this.wanted || client.state === 'ended') return;
      // Stopped first, so that an attempt that waits for its turn does not come as a second socket.
      if (!online || client.state !== 'online') await client.disconnect();
      // Not waited for: it is there when the node is. A refusal comes as `ended`.
      if (online) void client.connect().catch(() => undefined);
    });
  }

  private async myChannels(): Promise<MyChannel[]> {
    try {
      const channels = await this.client().myChannels();
      await this.opened().saveChannels(channels);
      return channels;
    } catch (error) {
      // Away, or a session that has ended: what this device has read stays readable.
      const last = await this.opened().channels();
      if (last === undefined) throw error;
      return last;
    }
  }

  private async archived(channelId: string, limit = ARCHIVED): Promise<Found[]> {
    const { archive } = this.client().encryption;
    const found = await Promise.all(
      (await archive.ids(channelId)).map(async (id) => ({ id, archived: await archive.find(channelId, id) })),
    );
    return found
      .flatMap(({ id, archived }) => (archived === undefined ? [] : [{ ...archived, channelId, id }]))
      .sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp))
      .slice(-limit);
  }

  private async close(): Promise<void> {
    await this.current?.disconnect();
    await this.profile?.storage.close();
    this.current = undefined;
    this.profile = undefined;
  }

  private accounts(): Accounts {
    return new Accounts(this.opened(), CLIENT_INFO);
  }

  private opened(): BrowserProfile {
    if (this.profile === undefined) throw new DcpError('CONFLICT', { reason: 'not_open' });
    return this.profile;
  }

  private client(): DcpClient {
    if (this.current === undefined) throw new DcpError('CONFLICT', { reason: 'no_account' });
    return this.current;
  }
}

/** A method of an object that may not be there yet. */
function bound<T extends object>(of: () => T, name: keyof T): (...args: never[]) => unknown {
  return (...args) => {
    const target = of();
    return (target[name] as (...given: never[]) => unknown).apply(target, args);
  };
}
