/** Handlers that have not answered yet, so that closing can wait for them. */
export class RunningHandlers {
  #count = 0;
  #idle: (() => void)[] = [];

  start(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when none runs any more, at the latest after `guardMs`: a hanging handler must not keep the process. */
  async idle(guardMs: number): Promise<void> {
    if (this.#count === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      timer = setTimeout(resolve, guardMs);
    });
    clearTimeout(timer);
  }
}
