import { type ChildProcess, spawn } from 'node:child_process';

export interface SpawnOptions {
  /** Path of the script; it runs with this process's Node. */
  script: string;
  args?: string[];
  /** Added to PATH; nothing else of our environment is passed on. */
  env?: Record<string, string>;
  /** Searched in standard output and standard error together. */
  ready: RegExp;
  guardMs?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface SpawnedService {
  readonly pid: number;
  /** The match of `ready`, with its groups. */
  readonly ready: RegExpMatchArray;
  readonly exited: Promise<Exit>;
  /** The last 256 KiB of what it printed. */
  output(): string;
  /** Resolves when something more was printed that matches. */
  printed(pattern: RegExp, guardMs?: number): Promise<RegExpMatchArray>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and waits. */
  stop(): Promise<Exit>;
  /** SIGKILL, and waits. */
  kill(): Promise<Exit>;
}

const OUTPUT_MAX = 256 * 1024;
const GUARD_MS = 30_000;

/** Starts a Node script as a process of its own and waits for its ready line; its output is in the error when it never comes. */
export async function spawnService(options: SpawnOptions): Promise<SpawnedService> {
  const child = spawn(process.execPath, [options.script, ...(options.args ?? [])], {
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new Output(child);
  const exited = new Promise<Exit>((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  const end = (name: NodeJS.Signals) => {
    child.kill(name);
    return exited;
  };
  const ready = await output.matching(options.ready, options.guardMs ?? GUARD_MS).catch(async (error: unknown) => {
    await end('SIGKILL');
    throw error;
  });
  return {
    pid: child.pid as number,
    ready,
    exited,
    output: () => output.text,
    printed: (pattern, guardMs = GUARD_MS) => output.matching(pattern, guardMs),
    signal: (name) => void child.kill(name),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

class Output {
  text = '';
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess) {
    const collect = (data: Buffer) => this.#changed(data.toString());
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('close', () => {
      this.#closed = true;
      this.#changed('');
    });
  }

  async matching(pattern: RegExp, guardMs: number): Promise<RegExpMatchArray> {
    const end = performance.now() + guardMs;
    for (;;) {
      const match = this.text.match(pattern);
      if (match !== null) return match;
      if (this.#closed) throw new Error(`ended without printing ${pattern}:\n${this.text}`);
      if (performance.now() > end) throw new Error(`did not print ${pattern} within ${guardMs} ms:\n${this.text}`);
      await this.#change(guardMs);
    }
  }

  #change(guardMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, guardMs);
      this.#waiting.add(done);
    });
  }

  #changed(more: string): void {
    this.text = (this.text + more).slice(-OUTPUT_MAX);
    for (const done of this.#waiting) done();
  }
}
