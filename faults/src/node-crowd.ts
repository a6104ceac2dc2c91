import { addDevice, createIdentity, DcpClient, HttpApi, register } from '@dcp/client-sdk';
import { eventually } from '@dcp/testkit';
import type { HomeNode } from './nodes/home-node.js';
import type { NodeHistory, Place } from './node-history.js';
import type { Random } from './sealed-talk.js';
import { untilNone } from './until-none.js';

const CLIENT = { name: 'faults', version: '1.0.0', capabilities: ['text', 'e2ee'] };
const PAGE = 100;
const READ_MS = 30_000;

export interface NodeRoom {
  /** `#name` at its home, `#name@home` elsewhere. */
  name: string;
  home: HomeNode;
  encryption: 'e2ee' | 'node';
  /** Who is in it; without: everybody. */
  takes?: (member: Member) => boolean;
}

export interface NodeCrowdOptions {
  nodes: readonly HomeNode[];
  usersPerNode: number;
  rooms: readonly NodeRoom[];
  history: NodeHistory;
  random: Random;
}

export interface Member {
  /** Among the users of his node. */
  n: number;
  name: string;
  node: HomeNode;
  client: DcpClient;
  /** Ids of the channels that he is in. */
  channels: string[];
}

/** Users of several nodes in the channels of several nodes. Everything that they are told goes into the history. */
export class NodeCrowd {
  readonly members: Member[] = [];
  /** Channel ids, by the order of the rooms. */
  readonly channels: string[] = [];
  readonly failures: string[] = [];
  posted = 0;
  #talking: Promise<void>[] = [];
  #isTalking = false;

  constructor(private readonly options: NodeCrowdOptions) {}

  /** Registers everybody, makes the rooms, and lets everybody in. */
  async gather(): Promise<void> {
    const { nodes, usersPerNode, rooms } = this.options;
    for (let n = 0; n < usersPerNode; n++) await Promise.all(nodes.map((node) => this.arrive(n, node)));
    for (const room of rooms) await this.#fill(room);
  }

  async arrive(n: number, node: HomeNode): Promise<Member> {
    const name = `${node.id.slice(0, 5)}-${n}`;
    const { id: nodeId, endpoint } = node;
    const homeNode = { id: nodeId, endpoint };
    const identity = await createIdentity({ username: name, homeNode, kdf: 'pbkdf2' }, 'a passphrase of tests');
    await register(new HttpApi(endpoint), identity.file, { keepEncryptedData: true });
    const device = await addDevice(identity, 'faults', CLIENT);
    const backoff = { initialMs: 100, maxMs: 1_000 };
    const client = new DcpClient({ endpoint, nodeId, device, clientInfo: CLIENT, backoff });
    this.#listen(name, client);
    await client.connect();
    const member = { n, name, node, client, channels: [] };
    this.members.push(member);
    return member;
  }

  #listen(name: string, { events }: DcpClient): void {
    const { history } = this.options;
    events.on('message', ({ channelId, seq, message, undecryptable }) =>
      history.saw(name, channelId, { seq, id: message.id }, undecryptable && message.author),
    );
    events.on('decrypted', ({ channelId, seq }) => history.read(name, channelId, seq));
    events.on('hidden', ({ channelId, seq }) => history.saw(name, channelId, { seq, id: 'hidden' }));
    events.on('sent', ({ message: { channel_id, id }, ack }) => {
      if (ack.state === 'queued') history.wasQueued(name, channel_id, id);
      else history.ordered(name, channel_id, { id, seq: ack.seq });
    });
    events.on('failed', ({ message: { channel_id, id }, error }) => {
      history.refused(name, channel_id, id, `${error.code} ${JSON.stringify(error.details)}`);
      this.failures.push(`${name} was refused ${id}: ${error.code} ${JSON.stringify(error.details)}`);
    });
    events.on('ended', ({ error }) => this.failures.push(`${name} ended: ${error.code}`));
    for (const event of ['channelConflict', 'deviceConflict', 'headMismatch'] as const)
      events.on(event, (data) => this.failures.push(`${name}: ${event} ${JSON.stringify(data)}`));
  }

  async #fill({ name, home, encryption, takes = () => true }: NodeRoom): Promise<void> {
    const members = this.members.filter(takes);
    const owner = members.find(({ node }) => node === home);
    if (owner === undefined) throw new Error(`${home.id} has no users in ${name}`);
    const { channelId } = await owner.client.create(name, { encryption });
    this.channels.push(channelId);
    owner.channels.push(channelId);
    this.options.history.follows(owner.name, channelId, 1);
    for (const member of members.filter((one) => one !== owner))
      await this.enter(member, channelId, member.node === home ? name : `${name}@${home.id}`);
  }

  async enter(member: Member, channelId: string, name: string): Promise<void> {
    const { head } = await member.client.join(name);
    member.channels.push(channelId);
    this.options.history.follows(member.name, channelId, head);
  }

  /** Everybody writes at his own pace into any of the channels, until he is told to stop; `more` is added to each text. */
  start(everyMs: number, more = ''): void {
    this.#isTalking = true;
    this.#talking = this.members.map((member) => this.#talk(member, everyMs, more));
  }

  async #talk(member: Member, everyMs: number, more: string): Promise<void> {
    while (this.#isTalking) {
      const channel = member.channels[Math.floor(this.options.random() * member.channels.length)] ?? '';
      await this.say(member, channel, more);
      await new Promise((resolve) => setTimeout(resolve, everyMs * (0.5 + this.options.random())));
    }
  }

  /** Written into the outbox of one member. */
  async say({ name, client }: Member, channelId: string, more = ''): Promise<void> {
    const text = `${name} says ${++this.posted} ${more}`;
    await client.send(channelId, { text }).catch((error: unknown) => this.failures.push(`${name}: ${String(error)}`));
  }

  /** Everybody falls silent; resolves when all is said, ordered, heard and readable, or rejects with what is not. */
  async settle(guardMs: number): Promise<void> {
    this.#isTalking = false;
    await Promise.all(this.#talking);
    await untilNone('not quiet yet', () => [...this.unsaid(), ...this.options.history.pending()], guardMs);
  }

  /** Who is away, or has something in his outbox. */
  unsaid(): string[] {
    return this.members
      .filter(({ client }) => client.state !== 'online' || client.outbox.size > 0)
      .map(({ name, client }) => `${name} ${client.state} ${client.outbox.size}`);
  }

  /** Reads back every channel at every node, by a member there. */
  async readBack(): Promise<void> {
    for (const { id } of this.options.nodes) {
      for (const channelId of this.channels) {
        const reader = this.members.find(({ node, channels }) => node.id === id && channels.includes(channelId));
        if (reader !== undefined) this.options.history.log(id, channelId, await readLog(reader.client, channelId));
      }
    }
  }

  async end(): Promise<void> {
    this.#isTalking = false;
    await Promise.all(this.#talking);
    await Promise.all(this.members.map(({ client }) => client.disconnect()));
  }
}

interface Page {
  messages: { id: string; node: { seq: number } }[];
  has_more: boolean;
}

async function readLog(client: DcpClient, channel: string): Promise<Place[]> {
  const log: Place[] = [];
  for (;;) {
    const after = log.at(-1)?.seq ?? 0;
    // What a node does not keep it asks of the channel's home, which a bad way may not reach at the first try.
    const ask = () => client.command('get_history', { channel, after, limit: PAGE });
    const page = (await eventually(ask, READ_MS)) as unknown as Page;
    log.push(...page.messages.map(({ id, node: { seq } }) => ({ id, seq })));
    if (!page.has_more) return log;
  }
}
