/** Runs tasks one after the other, in the order in which they came. A task that fails does not stop the next. */
export class Serial {
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail.then(task, task);
    this.tail = result.catch(() => undefined);
    return result;
  }
}

/** One line of tasks for each key; a line that is empty is forgotten. */
export class SerialByKey {
  private readonly lines = new Map<string, { serial: Serial; waiting: number }>();

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const line = this.lines.get(key) ?? { serial: new Serial(), waiting: 0 };
    this.lines.set(key, line);
    line.waiting++;
    try {
      return await line.serial.run(task);
    } finally {
      if (--line.waiting === 0) this.lines.delete(key);
    }
  }
}
