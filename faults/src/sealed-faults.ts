import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '@dcp/testkit';
import { Client } from 'pg';
import type { SealedCrowd } from './sealed-crowd.js';
import type { SealedDevice } from './sealed-device.js';
import type { Random } from './sealed-talk.js';

/** Longer than a hand-over takes: it finds the device gone. */
const AWAY_MS = 2_500;

/** What can break under encrypted conversations; each method breaks one thing and mends it. */
export class SealedFaults {
  readonly done: string[] = [];
  /** Hand-overs that were taken out of queues. */
  lost = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly crowd: SealedCrowd,
    private readonly random: Random,
  ) {}

  private anyDevice(): SealedDevice {
    const devices = this.crowd.devices();
    return devices[Math.floor(this.random() * devices.length)] as SealedDevice;
  }

  /** SIGKILL to all of these at the same time; they are back a moment later. */
  async kill(...names: string[]): Promise<void> {
    this.done.push(`killed ${names.join(' and ')}`);
    await Promise.all(names.map((name) => this.cluster.kill(name)));
    await delay(this.random() * 1_000);
    await Promise.all(names.map((name) => this.cluster.restart(name)));
  }

  async killAny(): Promise<void> {
    const { members } = this.cluster;
    await this.kill(members[Math.floor(this.random() * members.length)]?.name ?? 'keys-1');
  }

  async restartNats(): Promise<void> {
    this.done.push('killed NATS');
    await this.cluster.nats.kill();
    await delay(500);
    await this.cluster.nats.restart();
  }

  async restartClient(): Promise<void> {
    const device = this.anyDevice();
    this.done.push(`restarted ${device.record.name}`);
    await device.restart();
  }

  async crashClient(): Promise<void> {
    const device = this.anyDevice();
    this.done.push(`crashed ${device.record.name}`);
    await device.crash(async () => undefined);
  }

  /** The device is gone for a while, and what was handed over to it meanwhile is lost. */
  async loseQueue(): Promise<void> {
    const device = this.anyDevice();
    await device.crash(async () => {
      await delay(AWAY_MS);
      const lost = await this.emptyQueue(device);
      this.lost += lost;
      this.done.push(`lost ${lost} items of ${device.record.name}`);
    });
  }

  /** The device comes back from a copy that was made a while ago. */
  async restoreOldCopy(device: SealedDevice): Promise<void> {
    this.done.push(`restored ${device.record.name} from an old copy`);
    await device.restoreCopy();
  }

  private async emptyQueue({ id }: SealedDevice): Promise<number> {
    const client = new Client({ connectionString: this.cluster.postgres.url });
    await client.connect();
    try {
      const { rowCount } = await client.query('delete from keys.queue_items where device = $1', [id]);
      await client.query('update keys.queues set items = 0, bytes = 0 where device = $1', [id]);
      return rowCount ?? 0;
    } finally {
      await client.end();
    }
  }
}
