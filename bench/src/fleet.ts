import { type House, startHouse } from './benches/link/house.js';
import { Cleanup } from './cleanup.js';
import { type BenchNode, WITHOUT_SIGNATURES } from './node-under-bench/bench-node.js';
import { startOneProcess } from './node-under-bench/one-process.js';
import { startSeparate } from './node-under-bench/separate.js';
import { startTwoNodes, type TwoNodes } from './node-under-bench/two-nodes.js';
import { scratchFolder } from './product.js';
import { startDurable, startRouter } from './reference.js';
import type { Subject } from './subject.js';

/** Everything that benches are aimed at; each is started when it is first asked for and then shared. */
export class Fleet {
  private readonly cleanup = new Cleanup();
  private readonly started = new Map<string, Promise<unknown>>();

  /** `env` is given to every service, for profiling. */
  constructor(private readonly env: Record<string, string> = {}) {}

  one(): Promise<BenchNode> {
    return this.shared('one', () => startOneProcess(this.cleanup, this.env));
  }

  separate(gateways = 1): Promise<BenchNode> {
    return this.shared(`separate ${gateways}`, () => startSeparate(this.cleanup, { gateways, env: this.env }));
  }

  oneUnchecked(): Promise<BenchNode> {
    const env = { ...this.env, ...WITHOUT_SIGNATURES };
    return this.shared('one unchecked', () => startOneProcess(this.cleanup, env));
  }

  separateUnchecked(): Promise<BenchNode> {
    const env = { ...this.env, ...WITHOUT_SIGNATURES };
    return this.shared('separate unchecked', () => startSeparate(this.cleanup, { env }));
  }

  two(): Promise<TwoNodes> {
    return this.shared('two', () => startTwoNodes(this.cleanup, this.env));
  }

  /** Two federation services that trust each other; everything around them is played by the bench. */
  houses(): Promise<[House, House]> {
    const start = (own: string, other: string) => startHouse(this.cleanup, own, other, this.env);
    return this.shared('houses', async () => [
      await start('benchhom', 'benchfar'),
      await start('benchfar', 'benchhom'),
    ]);
  }

  router(): Promise<Subject> {
    return this.shared('router', () => startRouter(this.cleanup));
  }

  durable(): Promise<Subject> {
    return this.shared('durable', () => startDurable(this.cleanup));
  }

  /** A private folder for tokens and frames. */
  folder(): Promise<string> {
    return this.shared('folder', () => scratchFolder(this.cleanup));
  }

  stop(): Promise<void> {
    return this.cleanup.run();
  }

  private shared<T>(key: string, start: () => Promise<T>): Promise<T> {
    const known = this.started.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const starting = start();
    this.started.set(key, starting);
    return starting;
  }
}
