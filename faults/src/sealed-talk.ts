import { setTimeout as delay } from 'node:timers/promises';
import { asDcpError } from '@dcp/protocol';
import type { SealedCrowd } from './sealed-crowd.js';
import type { SealedDevice } from './sealed-device.js';
import type { Person } from './sealed-person.js';
import type { Room } from './sealed-room.js';

/** A change that hangs because its device was killed. */
const PATIENCE_MS = 15_000;
/** From the last change to the last word, at most. */
const LAST_WORDS_MS = 90_000;

export type Random = () => number;

/** A generator that a seed decides, so that a run can be made again. */
export function drawn(seed: number): Random {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export interface TalkOptions {
  messages: number;
  /** Comings and goings of members and devices, spread evenly over the messages. */
  changes: number;
  /** Milliseconds that a device waits after each message. */
  pauseMs: number;
  /** Things are broken meanwhile. Then no device is revoked: what it wrote last, and was lost, nobody could give again. */
  faults: boolean;
  random: Random;
}

/** Everybody talks while members and devices come and go, until enough was said. */
export class Talk {
  /** How often each kind of change happened. */
  readonly changed: Record<string, number> = {};
  private started = 0;
  private readonly talking = new Map<SealedDevice, Promise<void>>();
  private readonly silent = new Set<SealedDevice>();

  constructor(
    private readonly crowd: SealedCrowd,
    private readonly options: TalkOptions,
  ) {}

  async run(): Promise<void> {
    for (const person of this.crowd.people) for (const device of person.devices) this.begin(person, device);
    await this.change();
    // Whoever cannot send is found by what still waits in his outbox.
    await Promise.race([Promise.all(this.talking.values()), delay(LAST_WORDS_MS, undefined, { ref: false })]);
    this.started = Infinity;
  }

  private get over(): boolean {
    return this.started >= this.options.messages;
  }

  private begin(person: Person, device: SealedDevice): void {
    this.talking.set(device, this.chat(person, device));
  }

  private async chat({ name }: Person, device: SealedDevice): Promise<void> {
    while (!this.over && !this.silent.has(device)) {
      const room = this.pick(
        this.crowd.rooms.filter(({ channelId, members }) => members.has(name) && device.shown.has(channelId)),
      );
      if (room !== undefined && device.client.state === 'online') await this.sayOne(device, room, name);
      await delay(this.options.pauseMs * (0.5 + this.options.random()));
    }
  }

  private async sayOne(device: SealedDevice, room: Room, name: string): Promise<void> {
    const n = ++this.started;
    await this.crowd.say(
      device,
      room,
      `${name} says ${n}${' and more'.repeat(Math.floor(this.options.random() * 20))}`,
    );
  }

  private pick<T>(some: readonly T[]): T | undefined {
    return some[Math.floor(this.options.random() * some.length)];
  }

  /** A change after each so many messages. */
  private async change(): Promise<void> {
    const { changes, messages } = this.options;
    for (let n = 1; n <= changes; n++) {
      while (!this.over && this.started < (n * messages) / (changes + 1)) await delay(20);
      await Promise.race([this.changeOne(), delay(PATIENCE_MS, undefined, { ref: false })]).catch((error: unknown) =>
        this.changeFailed(error),
      );
    }
  }

  /** Nobody can come or go while the node is away; nothing else may fail. */
  private changeFailed(error: unknown): void {
    const { code, details, retryable } = asDcpError(error);
    // Its device may have been killed meanwhile.
    const died = String(error).includes('the storage was closed');
    if ((retryable || died) && this.options.faults) this.changed['put off'] = (this.changed['put off'] ?? 0) + 1;
    else this.crowd.failures.push(`change: ${code} ${JSON.stringify(details)} ${String(error)}`);
  }

  private async changeOne(): Promise<void> {
    const kinds = ['leave', 'join', 'kick', 'join', 'device', ...(this.options.faults ? [] : ['revoke'])] as const;
    const kind = this.pick(kinds) ?? 'join';
    const done = await this[kind as 'leave' | 'join' | 'kick' | 'device' | 'revoke']();
    // Nobody was there for it: somebody comes instead.
    const counted = done ? kind : (await this.join()) ? 'join' : 'none';
    this.changed[counted] = (this.changed[counted] ?? 0) + 1;
  }

  /** A room with somebody in it who may go. */
  private leavable(kinds: readonly string[]): { room: Room; person: Person } | undefined {
    const pairs = this.crowd.rooms
      .filter(({ kind }) => kinds.includes(kind))
      .flatMap((room) => [...room.members].filter((name) => name !== room.owner).map((name) => ({ room, name })));
    const chosen = this.pick(pairs);
    return chosen && { room: chosen.room, person: this.crowd.person(chosen.name) };
  }

  private async leave(): Promise<boolean> {
    const chosen = this.leavable(['public', 'private']);
    if (chosen === undefined) return false;
    chosen.room.members.delete(chosen.person.name);
    await chosen.person.first.client.leave(chosen.room.channelId);
    return true;
  }

  private async kick(): Promise<boolean> {
    const chosen = this.leavable(['private']);
    if (chosen === undefined) return false;
    const { room, person } = chosen;
    room.members.delete(person.name);
    await this.crowd.person(room.owner).first.client.rooms.kick(room.channelId, person.userId);
    return true;
  }

  private async join(): Promise<boolean> {
    const rooms = this.crowd.rooms.filter(({ kind }) => kind === 'public' || kind === 'private');
    const pairs = rooms.flatMap((room) =>
      this.crowd.people.filter(({ name }) => !room.members.has(name)).map((person) => ({ room, person })),
    );
    const chosen = this.pick(pairs);
    if (chosen === undefined) return false;
    const byLink = chosen.room.kind === 'private' && this.options.random() < 0.3;
    await (byLink ? this.crowd.enterByLink(chosen.room, chosen.person) : this.crowd.enter(chosen.room, chosen.person));
    return true;
  }

  private async device(): Promise<boolean> {
    const person = this.pick(this.crowd.people.filter(({ devices }) => devices.length < 2));
    if (person === undefined) return false;
    this.begin(person, await person.addDevice());
    return true;
  }

  private async revoke(): Promise<boolean> {
    const person = this.pick(this.crowd.people.filter(({ devices }) => devices.length > 1));
    const last = person?.devices.at(-1);
    if (person === undefined || last === undefined) return false;
    this.silent.add(last);
    await this.talking.get(last);
    await person.revokeNewest();
    return true;
  }
}
