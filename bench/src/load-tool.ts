import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BENCH_FOLDER } from './machine.js';

const SOURCES = join(BENCH_FOLDER, 'load');
const BINARY = join(BENCH_FOLDER, 'out', 'load');
const COMPILER_HINT = 'The benches need a C compiler: apt-get install gcc libc6-dev (or set CC).';

/** What one connection does to get ready: it sends texts, and waits for texts to come. */
export type Step = { send: string } | { expect: string };

export interface LoadOptions {
  url: string;
  path: string;
  connections: number;
  mode: 'receive' | 'lat' | 'thr' | 'fan';
  steps: Step[];
  /** At the beginning of a frame that is a delivery, or a refusal. */
  delivery: string;
  error?: string;
  template?: string;
  bodyBytes?: number;
  tokenFile?: string;
  frameFile?: string;
  /** One entry for each round. */
  messages: number[];
  windows?: number[];
  warmUp?: number;
  gapUs?: number;
  receive?: number;
  inFlight?: number;
  deadlineSeconds?: number;
}

export interface SetUp {
  ready: number;
  dead: number;
  seconds: number;
}

/** Latencies in microseconds, the load tool's own CPU in seconds. */
export interface LoadResult extends Omit<SetUp, 'ready'> {
  /** Everything that was posted reached everybody it was for. */
  complete: boolean;
  messages: number;
  deliveries: number;
  clientCpu: number;
  errors: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** Compiles the load tool when its sources are newer. Throws one line that says what to install where there is no compiler. */
export function buildLoadTool(): void {
  const sources = readdirSync(SOURCES).filter((name) => /\.[ch]$/.test(name));
  const newest = Math.max(...sources.map((name) => statSync(join(SOURCES, name)).mtimeMs));
  if ((statSync(BINARY, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest) return;
  mkdirSync(join(BENCH_FOLDER, 'out'), { recursive: true });
  const files = sources.filter((name) => name.endsWith('.c')).map((name) => join(SOURCES, name));
  const args = ['-O2', '-std=c17', '-Wall', '-Wextra', '-o', BINARY, ...files];
  const { error, status, stderr } = spawnSync(process.env['CC'] ?? 'cc', args, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(COMPILER_HINT);
  if (status !== 0) throw new Error(`the load tool does not compile:\n${stderr}`);
}

/** One run of the load tool. It stands still before each round, until `round` is called, and before its end. */
export class LoadRun {
  private readonly lines: AsyncIterator<string>;
  private readonly exited: Promise<number | null>;
  private complaints = '';

  private constructor(private readonly child: ChildProcess) {
    if (child.stdout === null) throw new Error('no pipe to the load tool');
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr?.on('data', (data: Buffer) => {
      this.complaints = (this.complaints + data.toString()).slice(-4_000);
    });
    this.exited = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  }

  static start(options: LoadOptions): LoadRun {
    return new LoadRun(spawn(BINARY, argumentsOf(options), { stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when every connection is ready. Rejects when one is not. */
  async setUp(): Promise<SetUp> {
    const setUp = await this.next<SetUp>();
    if (setUp.dead > 0) throw new Error(`${setUp.dead} connections were lost in the set-up:\n${this.complaints}`);
    return setUp;
  }

  /**
   * Lets the next round go and resolves with what it measured; `onBegin` is called when the warm-up is over. Rejects when a post was refused,
   * a delivery is missing or a connection was lost.
   */
  async round(onBegin: () => void = () => undefined): Promise<LoadResult> {
    this.child.stdin?.write('\n');
    await this.next();
    onBegin();
    const result = await this.next<LoadResult>();
    if (!result.complete || result.errors > 0 || result.dead > 0) {
      const what = `${result.deliveries} deliveries of ${result.messages} messages, complete: ${result.complete}`;
      throw new Error(`${what}, ${result.errors} refusals, ${result.dead} connections lost:\n${this.complaints}`);
    }
    return result;
  }

  /** Closes all connections. */
  async end(): Promise<void> {
    this.child.stdin?.end('\n');
    await this.exited;
  }

  kill(): Promise<unknown> {
    this.child.kill('SIGKILL');
    return this.exited;
  }

  private async next<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error(`the load tool ended (${await this.exited}):\n${this.complaints}`);
    return JSON.parse(value as string) as T;
  }
}

function argumentsOf(options: LoadOptions): string[] {
  const { messages, windows = messages.map(() => 1), steps, url, path, delivery } = options;
  const steppers = steps.flatMap((step) => ('send' in step ? ['-s', step.send] : ['-x', step.expect]));
  return [
    ...['-t', new URL(url).host, '-w', path, '-n', String(options.connections), '-M', options.mode, '-G', '-S', '8'],
    ...['-k', delivery, '-K', messages.join(','), '-W', windows.join(',')],
    ...given('-e', options.error),
    ...given('-T', options.template),
    ...given('-L', options.bodyBytes),
    ...given('-a', options.tokenFile),
    ...given('-f', options.frameFile),
    ...given('-u', options.warmUp),
    ...given('-g', options.gapUs),
    ...given('-R', options.receive),
    ...given('-C', options.inFlight),
    ...given('-D', options.deadlineSeconds),
    ...steppers,
  ];
}

function given(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [flag, String(value)];
}
