import { addDevice, createIdentity, DcpClient, describeNode, HttpApi, register, type Device } from '@dcp/client-sdk';
import type { History } from './history.js';

const CLIENT = { name: 'faults', version: '1.0.0' };

export interface CrowdOptions {
  /** HTTP addresses of the gateways; users are spread over them. */
  urls: readonly string[];
  users: number;
  channels: number;
  history: History;
  /** Milliseconds between two messages of one user, and between his reconnects. */
  postEveryMs: number;
  reconnectEveryMs: number;
}

interface Member {
  name: string;
  client: DcpClient;
  channelId: string;
}

/** Users of the SDK who post, and leave and come back, until they are told to stop. Everything they see goes into the history. */
export class Crowd {
  private members: Member[] = [];
  private timers: NodeJS.Timeout[] = [];
  private running = false;
  readonly failures: string[] = [];

  constructor(private readonly options: CrowdOptions) {}

  /** Registers everybody and lets each join one of the channels. */
  async gather(): Promise<void> {
    const { users } = this.options;
    const node = (await describeNode(new HttpApi(this.endpoint(0)))).node_info;
    const channels = await this.createChannels(node.id);
    for (let start = 0; start < users; start += 10) {
      const some = Array.from({ length: Math.min(10, users - start) }, (_, i) => start + i);
      await Promise.all(some.map((n) => this.arrive(n, node.id, channels[n % channels.length] ?? '#general')));
    }
  }

  private endpoint(n: number): string {
    const { urls } = this.options;
    return (urls[n % urls.length] ?? '').replace(/^http/, 'ws');
  }

  private async createChannels(nodeId: string): Promise<string[]> {
    const client = await this.login('founder', 0, nodeId);
    await client.connect();
    const names = Array.from({ length: this.options.channels }, (_, i) => `#faults-${i + 1}`);
    for (const name of names) await client.create(name);
    await client.disconnect();
    return names;
  }

  private async login(name: string, n: number, nodeId: string): Promise<DcpClient> {
    const endpoint = this.endpoint(n);
    const identity = await createIdentity(
      { username: name, homeNode: { id: nodeId, endpoint }, kdf: 'pbkdf2' },
      'a passphrase of tests',
    );
    await register(new HttpApi(endpoint), identity.file, { keepEncryptedData: true });
    const device: Device = await addDevice(identity, name, CLIENT);
    const backoff = { initialMs: 200, maxMs: 2_000 };
    // Half a million messages are heard here: what they say need not be kept as well.
    return new DcpClient({ endpoint, nodeId, device, clientInfo: CLIENT, backoff, archive: false });
  }

  private async arrive(n: number, nodeId: string, channel: string): Promise<void> {
    const name = `user-${n}`;
    const client = await this.login(name, n, nodeId);
    const { history } = this.options;
    client.events.on('message', ({ channelId, seq, message }) => history.saw(name, channelId, seq, message.id));
    client.events.on('hidden', () => history.wasHidden());
    client.events.on('sent', ({ message, ack }) => history.acknowledge(message.channel_id ?? '', message.id, ack.seq));
    client.events.on('failed', ({ error }) =>
      this.failures.push(`${name}: ${error.code} ${JSON.stringify(error.details)}`),
    );
    client.events.on('ended', ({ error }) =>
      this.failures.push(`${name} ended: ${error.code} ${JSON.stringify(error.details)}`),
    );
    await client.connect();
    const { channelId, head } = await client.join(channel);
    history.follows(name, channelId, head);
    this.members.push({ name, client, channelId });
  }

  /** Everybody posts and reconnects at his own pace. */
  start(): void {
    this.running = true;
    const { postEveryMs, reconnectEveryMs } = this.options;
    this.members.forEach((member, n) => {
      this.repeat(postEveryMs, (n % 10) / 10, () => this.post(member));
      this.repeat(reconnectEveryMs, n / this.members.length, () => this.reconnect(member));
    });
  }

  private repeat(everyMs: number, phase: number, work: () => Promise<void>): void {
    const first = setTimeout(() => {
      const timer = setInterval(() => void work(), everyMs);
      this.timers.push(timer);
      void work();
    }, everyMs * phase);
    this.timers.push(first);
  }

  private posted = 0;

  private async post({ name, client, channelId }: Member): Promise<void> {
    if (!this.running) return;
    await client
      .send(channelId, { text: `${name} says ${++this.posted}` })
      .catch((error: unknown) => this.failures.push(String(error)));
  }

  private async reconnect({ client }: Member): Promise<void> {
    if (!this.running || client.state === 'ended') return;
    await client.disconnect();
    void client.connect().catch((error: unknown) => this.failures.push(String(error)));
  }

  get sent(): number {
    return this.posted;
  }

  /** Stops posting; clients stay connected and finish their outboxes. */
  quiet(): void {
    this.running = false;
    for (const timer of this.timers) clearTimeout(timer);
  }

  /** What still waits in the outboxes. */
  waiting(): number {
    return this.members.reduce((sum, { client }) => sum + client.outbox.size, 0);
  }

  /** Everybody who is not online. */
  away(): string[] {
    return this.members
      .filter(({ client }) => client.state !== 'online')
      .map(({ name, client }) => `${name} ${client.state}`);
  }

  async leave(): Promise<void> {
    await Promise.all(this.members.map(({ client }) => client.disconnect()));
  }
}
