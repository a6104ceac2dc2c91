import type { ChannelStates } from './channel-states.js';
import type { DeviceDirectory } from './device-directory.js';
import { liveDevices } from './device-log.js';
import type { DeviceAddress } from './pair-sessions.js';
import type { KeyOwner } from './received-keys.js';

/** Other devices of the owner that are asked at the same time. */
const MAX_OWNERS = 4;
/** Other members that are asked at the same time, drawn anew each time. */
const MAX_MEMBERS = 2;

/** Devices that may have somebody's sender key when its owner does not answer: his other ones, and other members'. */
export class KeyHolders {
  constructor(
    private readonly own: DeviceAddress,
    private readonly states: ChannelStates,
    private readonly directory: DeviceDirectory,
  ) {}

  async of({ channelId, userId, device }: KeyOwner): Promise<DeviceAddress[]> {
    const mine = await this.devices(userId);
    const owners = mine.filter((one) => one.device !== device).slice(0, MAX_OWNERS);
    const state = await this.states.get(channelId).catch(() => undefined);
    const others = Object.keys(state?.members ?? {}).filter((user) => user !== userId && user !== this.own.userId);
    const members = await Promise.all(
      drawn(others, MAX_MEMBERS).map(async (user) => drawn(await this.devices(user), 1)),
    );
    return [...owners, ...members.flat()];
  }

  /** Live ones, without this one. */
  private async devices(userId: string): Promise<DeviceAddress[]> {
    const log = (await this.directory.known(userId)) ?? (await this.directory.log(userId));
    const all = log === undefined ? [] : liveDevices(log).map(({ id }) => ({ userId, device: id }));
    return all.filter(({ device }) => userId !== this.own.userId || device !== this.own.device);
  }
}

/** Not secret, only spread. */
function drawn<T>(some: readonly T[], count: number): T[] {
  return some
    .map((one) => ({ one, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ one }) => one);
}
