import { spawn, type ChildProcess } from 'node:child_process';

const OUTPUT_MAX = 256 * 1024;
const READY_MS = 60_000;

export interface NodeCommand {
  /** Program and arguments: with a word before it (`ip netns exec …`) the same node runs somewhere else. */
  command: readonly string[];
  env: Record<string, string>;
  ready: RegExp;
}

/** A node in a process of its own. Nothing of our environment but PATH is passed on. */
export class NodeProcess {
  #output = '';
  readonly exited: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => (this.#output = (this.#output + data.toString()).slice(-OUTPUT_MAX)));
    this.exited = new Promise((resolve) => child.on('close', resolve));
  }

  /** Resolves when it has printed `ready`; its output is in the error when it never does. */
  static async start({ command, env, ready }: NodeCommand): Promise<NodeProcess> {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const node = new NodeProcess(child);
    try {
      await node.#printed(ready);
      return node;
    } catch (error) {
      await node.kill();
      throw error;
    }
  }

  async #printed(pattern: RegExp): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (what: string) => reject(new Error(`${what} ${pattern}:\n${this.#output}`));
    const timer = setTimeout(() => fail('did not print'), READY_MS);
    const look = () => pattern.test(this.#output) && resolve();
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', look);
    this.child.on('error', (error) => fail(`${error.message}; could not start, so never printed`));
    this.child.on('close', () => fail('ended without printing'));
    await promise.finally(() => clearTimeout(timer));
  }

  /** The last 256 KiB of what it printed. */
  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** SIGTERM, and waits. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return await this.exited;
  }

  /** SIGKILL, and waits. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.child.pid !== undefined) await this.exited;
  }
}
