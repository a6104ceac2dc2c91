import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HomeNode, type NodeOptions } from './home-node.js';
import type { Cut, Relay } from './relay.js';

/** Nodes that know and trust each other, and the ways between them. */
export class NodeGroup {
  private constructor(
    readonly nodes: readonly HomeNode[],
    private readonly folder: string,
  ) {}

  /** Started, each with its own database. */
  static async start(...wanted: Omit<NodeOptions, 'folder'>[]): Promise<NodeGroup> {
    const folder = await scratchFolder();
    const made = wanted.map((one) => HomeNode.make({ ...one, folder: join(folder, one.id) }));
    const group = new NodeGroup(await Promise.all(made), folder);
    await Promise.all(group.nodes.map((node) => group.restart(node)));
    return group;
  }

  /** Starts a node that is not running, as it was. */
  async restart(node: HomeNode): Promise<void> {
    await node.start(this.nodes.filter((one) => one !== node));
  }

  get(id: string): HomeNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node is called ${id}`);
    return found;
  }

  #relays(): Relay[] {
    return this.nodes.flatMap(({ relays }) => relays);
  }

  /** No node hears of another any more. */
  cut(how: Cut): void {
    for (const relay of this.#relays()) relay.cut(how);
  }

  heal(): void {
    for (const relay of this.#relays()) relay.heal();
  }

  delay(ms: number): void {
    for (const relay of this.#relays()) relay.delay(ms);
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** As root PostgreSQL runs under another user, who has to get there. */
async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dcp-nodes-'));
  await chmod(folder, 0o711);
  return folder;
}
