interface Waiting<I, O> {
  item: I;
  resolve: (result: O) => void;
  reject: (error: unknown) => void;
}

/**
 * What many callers want of the database, in one statement: what comes while it runs is the next one's, so that under load the fixed costs
 * of a statement are shared and a single caller waits for nobody.
 */
export class Gathered<I, O> {
  #waiting: Waiting<I, O>[] = [];
  #isRunning = false;

  /** `work` has one result for each item, in the same order; where it rejects, all of them are rejected. It is given `most` items at most. */
  constructor(
    private readonly work: (items: I[]) => Promise<O[]>,
    private readonly most: number,
  ) {}

  run(item: I): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // What the same loop turn still brings belongs to the same statement.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#round(this.#waiting.splice(0, this.most));
    this.#isRunning = false;
  }

  async #round(group: Waiting<I, O>[]): Promise<void> {
    try {
      const results = await this.work(group.map(({ item }) => item));
      if (results.length !== group.length) throw new Error('not one result for each item');
      group.forEach(({ resolve }, i) => resolve(results[i] as O));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
