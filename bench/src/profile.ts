import { once } from 'node:events';
import { WebSocket } from 'ws';

/** Makes a service listen for a profiler on a port of its own; it says which. */
export const INSPECTABLE: Record<string, string> = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

interface CallFrame {
  functionName: string;
  url: string;
  lineNumber: number;
}

interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame }[];
  samples: number[];
  timeDeltas: number[];
}

/** Where a process spent its time, own time only. */
export interface Cost {
  where: string;
  /** Of the time in which it was not idle. */
  percent: number;
}

/** Profiles one process while `work` runs; `printed` is what the process has printed so far. */
export async function profile(printed: string, work: () => Promise<unknown>): Promise<Cost[]> {
  const inspector = await Inspector.of(printed);
  await inspector.call('Profiler.enable');
  await inspector.call('Profiler.setSamplingInterval', { interval: 500 });
  await inspector.call('Profiler.start');
  await work();
  const { profile: taken } = (await inspector.call('Profiler.stop')) as { profile: CpuProfile };
  inspector.close();
  return costsOf(taken);
}

/** What a process has only not thrown away yet is no memory that it needs. */
export async function collectGarbage(printed: string): Promise<void> {
  const inspector = await Inspector.of(printed);
  await inspector.call('HeapProfiler.collectGarbage');
  inspector.close();
}

/** The few methods of the inspector protocol that this needs. */
class Inspector {
  private next = 1;
  private readonly waiting = new Map<number, (result: unknown) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      const { id, result } = JSON.parse(data.toString()) as { id?: number; result?: unknown };
      if (id === undefined) return;
      this.waiting.get(id)?.(result);
      this.waiting.delete(id);
    });
  }

  static async of(printed: string): Promise<Inspector> {
    const address = /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(printed)?.[0];
    if (address === undefined) throw new Error('the process was not started inspectable');
    const inspector = new Inspector(new WebSocket(address));
    await once(inspector.socket, 'open');
    return inspector;
  }

  call(method: string, params: object = {}): Promise<unknown> {
    const id = this.next++;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }

  close(): void {
    this.socket.terminate();
  }
}

function costsOf({ nodes, samples, timeDeltas }: CpuProfile): Cost[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const micros = new Map<string, number>();
  for (const [i, sample] of samples.entries()) {
    const where = names.get(sample) ?? '';
    micros.set(where, (micros.get(where) ?? 0) + (timeDeltas[i] ?? 0));
  }
  micros.delete('(idle)');
  const all = [...micros.values()].reduce((sum, each) => sum + each, 0);
  const costs = [...micros].map(([where, each]): Cost => ({ where, percent: (each / all) * 100 }));
  return costs.sort((a, b) => b.percent - a.percent);
}

function placeOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  return `${name} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`;
}
