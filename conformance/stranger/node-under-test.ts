import type { Dict } from './json.js';
import { Key } from './keys.js';
import type { RawSocket } from './raw-socket.js';
import { Rest } from './rest.js';

/** What is known of a running node. */
export interface RunningNode {
  /** One for each gateway, `http://host:port`. */
  urls: string[];
  /** Of the gateways, when the node was started here. */
  pids: number[];
  /** Base64 seed and user id of the owner's account, when the node was started here. */
  owner?: { seed: string; userId: string };
  /** Where its output can be read, when it was started for that. */
  outputFile?: string;
}

/** The node that a suite talks to. Clients are spread over its gateways in turn. */
export class NodeUnderTest {
  /** An invite, for nodes that are not open (DCP_INVITE). */
  readonly invite = process.env['DCP_INVITE'];
  #running: RunningNode | undefined;
  #next = 0;
  #info: Promise<Dict> | undefined;
  readonly #sockets = new Set<RawSocket>();

  is(running: RunningNode): void {
    this.#running = running;
  }

  get running(): RunningNode {
    if (this.#running === undefined) throw new Error('the node is started before the first test, not before');
    return this.#running;
  }

  /** The next gateway's address. */
  url(): string {
    const { urls } = this.running;
    return urls[this.#next++ % urls.length] ?? '';
  }

  get rest(): Rest {
    return new Rest(this.url());
  }

  /** `node_info` (§5.2). */
  async info(): Promise<Dict> {
    this.#info ??= this.rest.get('/node').then(({ body }) => body['node_info'] as Dict);
    return await this.#info;
  }

  async id(): Promise<string> {
    return (await this.info())['id'] as string;
  }

  /** The owner's key and id; only of nodes that were started here. */
  owner(): { key: Key; userId: string } {
    const { owner } = this.running;
    if (owner === undefined) throw new Error('this node’s owner is somebody else');
    return { key: new Key(Buffer.from(owner.seed, 'base64')), userId: owner.userId };
  }

  track(socket: RawSocket): void {
    this.#sockets.add(socket);
    void socket.closed.then(() => this.#sockets.delete(socket));
  }

  /** Ends every socket that a test left open. */
  async hangUp(): Promise<void> {
    const open = [...this.#sockets];
    for (const socket of open) socket.break();
    await Promise.all(open.map((socket) => socket.closed));
  }
}
