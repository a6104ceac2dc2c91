import { describeNode, HttpApi } from '@dcp/client-sdk';
import type { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import type { SealedDevice } from './sealed-device.js';
import { checkHistory } from './sealed-history.js';
import { Person } from './sealed-person.js';
import { checkRecords, type Said, type Stay, type Violation } from './sealed-record.js';
import { readStays, type Room, type RoomKind } from './sealed-room.js';

export interface SealedCrowdOptions {
  /** HTTP addresses of the gateways; users are spread over them. */
  urls: readonly string[];
  users: number;
  /** Storages are files below it. Without: memory. */
  folder?: string;
  /** First letters of names, so that several crowds fit on a node. */
  prefix: string;
}

export type AllStays = Map<string, Map<string, Stay[]>>;

const AT_ONCE = 8;

/** Users with devices, in public, private, group and direct conversations, all of them encrypted. */
export class SealedCrowd {
  readonly people: Person[] = [];
  readonly rooms: Room[] = [];
  readonly failures: string[] = [];
  /** Messages that were refused because their author was not in the channel any more, by reason. */
  readonly turnedAway: Record<string, number> = {};
  private readonly written = new Map<string, string>();
  private readonly acked = new Map<string, Said>();

  constructor(private readonly options: SealedCrowdOptions) {}

  get said(): number {
    return this.acked.size;
  }

  /** Registers everybody, every fourth with a second device, and makes the rooms. */
  async gather(): Promise<void> {
    const { users, urls, folder, prefix } = this.options;
    const nodeId = (await describeNode(new HttpApi(endpointOf(urls, 0)))).node_info.id;
    for (let start = 0; start < users; start += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, users - start) }, (_, i) => start + i);
      const arrived = some.map(async (n) => {
        const person = await Person.register({
          name: `${prefix}${n}`,
          endpoint: endpointOf(urls, n),
          nodeId,
          folder,
          onSent: ({ id, channel_id: channelId }, { seq }) =>
            this.acked.set(id, { id, channelId, seq, text: this.written.get(id) ?? '' }),
          onFailed: ({ channel_id }, error) => this.failed(`${prefix}${n}`, channel_id, error),
        });
        await person.addDevice();
        if (n % 4 === 0) await person.addDevice();
        return person;
      });
      this.people.push(...(await Promise.all(arrived)));
    }
    await this.makeRooms();
    await this.greet();
  }

  /** A word in each room: everybody has the keys of its owner, and the room on his screen, before it begins. */
  private async greet(): Promise<void> {
    for (const room of this.rooms) await this.say(this.person(room.owner).first, room, 'welcome');
    await eventually(() => {
      for (const { channelId, members } of this.rooms)
        for (const name of members)
          for (const { shown, record } of this.person(name).devices)
            if (!shown.has(channelId)) throw new Error(`${record.name} does not show ${channelId}`);
    }, 30_000);
  }

  private failed(name: string, channelId: string, error: DcpError): void {
    const room = this.rooms.find((one) => one.channelId === channelId);
    const what = `${error.code} ${JSON.stringify(error.details)}`;
    if (room?.members.has(name) === true) this.failures.push(`${name} cannot send: ${what}`);
    else this.turnedAway[what] = (this.turnedAway[what] ?? 0) + 1;
  }

  person(name: string): Person {
    const found = this.people.find((one) => one.name === name);
    if (found === undefined) throw new Error(`nobody is called ${name}`);
    return found;
  }

  devices(): SealedDevice[] {
    return this.people.flatMap(({ devices }) => devices);
  }

  private async makeRooms(): Promise<void> {
    const { users } = this.options;
    const some = (from: number, share: number) =>
      Array.from({ length: Math.ceil(users * share) }, (_, i) => this.people[(from + i) % users] as Person);
    await this.makePublic(some(0, 0.6));
    await this.makePrivate(some(0, 0.4));
    await this.makePrivate(some(Math.floor(users / 2), 0.4));
    await this.makeGroup(some(1, 0.3).slice(0, 8));
    for (let n = 0; n + 1 < users; n += 2) await this.makeDm(this.people[n], this.people[n + 1]);
  }

  private note(kind: RoomKind, channelId: string, head: number | undefined, [owner, ...others]: Person[]): Room {
    if (owner === undefined) throw new Error('a room needs an owner');
    if (head !== undefined) owner.first.follows(channelId, head);
    const names = [owner, ...others].map(({ name }) => name);
    const room = { kind, channelId, members: new Set(names), owner: owner.name };
    this.rooms.push(room);
    return room;
  }

  private async makePublic([owner, ...others]: Person[]): Promise<void> {
    if (owner === undefined) return;
    const { channelId } = await owner.first.client.create(`#${this.options.prefix}-open`);
    const room = this.note('public', channelId, undefined, [owner]);
    for (const other of others) await this.enter(room, other);
  }

  private async makePrivate([owner, ...others]: Person[]): Promise<void> {
    if (owner === undefined) return;
    const name = `#${this.options.prefix}-closed-${this.rooms.length}`;
    const { channelId, head } = await owner.first.client.rooms.createPrivate(name);
    const room = this.note('private', channelId, head, [owner]);
    for (const other of others) await this.enter(room, other);
  }

  private async makeGroup(members: Person[]): Promise<void> {
    const [owner, ...others] = members;
    if (owner === undefined) return;
    const { channelId, head } = await owner.first.client.rooms.createGroup(others.map(({ userId }) => userId));
    this.note('group', channelId, head, members);
  }

  private async makeDm(one: Person | undefined, other: Person | undefined): Promise<void> {
    if (one === undefined || other === undefined) return;
    const { channelId, head } = await one.first.client.rooms.openDm(other.userId);
    this.note('dm', channelId, head, [one, other]);
  }

  /** Comes into a room by himself where he may, else as somebody invited. */
  async enter(room: Room, { name, userId, first }: Person): Promise<void> {
    if (room.kind === 'private') await this.person(room.owner).first.client.rooms.invite(room.channelId, userId);
    const { head } = await first.client.join(room.channelId);
    first.follows(room.channelId, head);
    room.members.add(name);
  }

  /** By a link that its owner made for it. */
  async enterByLink(room: Room, { name, first }: Person): Promise<void> {
    const { url } = await this.person(room.owner).first.client.rooms.createLink(room.channelId);
    const { head } = await first.client.join(url);
    first.follows(room.channelId, head);
    room.members.add(name);
  }

  /** One message from this device; resolves when the node has answered. */
  async say(device: SealedDevice, room: Room, text: string): Promise<void> {
    await device
      .say(room.channelId, text, (id) => this.written.set(id, text))
      .catch((error: unknown) => this.failures.push(`${device.record.name}: ${String(error)}`));
  }

  /** Devices with something in their outbox. */
  waiting(): string[] {
    return this.devices()
      .filter(({ client }) => client.outbox.size > 0)
      .map(({ client, record }) => `${record.name} ${client.outbox.size}`);
  }

  away(): string[] {
    return this.devices()
      .filter(({ client }) => client.state !== 'online')
      .map(({ client, record }) => `${record.name} ${client.state}`);
  }

  private allDevices(): SealedDevice[] {
    return this.people.flatMap(({ devices, revoked }) => [...devices, ...revoked]);
  }

  /** Who was where, as the channels' logs tell it now. */
  async stays(): Promise<AllStays> {
    const stays: AllStays = new Map();
    for (const room of this.rooms) {
      const owner = this.person(room.owner).first;
      stays.set(room.channelId, await readStays(room, owner, (name) => this.person(name).userId));
    }
    return stays;
  }

  check(stays: AllStays): Violation[] {
    const records = this.allDevices().map(({ record }) => record);
    return checkRecords([...this.acked.values()], records, stays, this.written);
  }

  /**
   * Reads the history of every room on every device that is in it: former stays, and what was said in between. `fromBackup`: a new device
   * must also read what its user was there for before it came. `every`: only so many-th user, where there is much to read.
   */
  async checkHistories(stays: AllStays, { fromBackup = false, every = 1 } = {}): Promise<Violation[]> {
    const faults: Violation[] = [];
    for (const { channelId } of this.rooms) {
      for (const { userId, devices } of this.people.filter((_, n) => n % every === 0)) {
        const own = stays.get(channelId)?.get(userId) ?? [];
        if (!own.some(({ to }) => to === Infinity)) continue;
        for (const device of devices) {
          const after = fromBackup ? 0 : device.begins(channelId);
          const truth = { channelId, written: this.written, stays: own, after };
          faults.push(...(await checkHistory(device, truth)));
        }
      }
    }
    return faults;
  }

  /** Messages that devices could not read when they came. */
  late() {
    return this.allDevices().flatMap((device) => device.late.map((one) => ({ device: device.record.name, ...one })));
  }

  refused(): string[] {
    return this.allDevices().flatMap(({ record, refused }) => refused.map((what) => `${record.name} ${what}`));
  }

  /** Entries that devices were told, and what else they noticed. */
  summary(): { heard: number; noticed: Record<string, number> } {
    const noticed: Record<string, number> = {};
    for (const device of this.allDevices())
      for (const [name, count] of device.noticed) noticed[name] = (noticed[name] ?? 0) + count;
    return { heard: this.allDevices().reduce((sum, { record }) => sum + record.heard.length, 0), noticed };
  }

  async end(): Promise<void> {
    await Promise.all(this.people.map((person) => person.end()));
  }
}

function endpointOf(urls: readonly string[], n: number): string {
  return (urls[n % urls.length] ?? '').replace(/^http/, 'ws');
}
