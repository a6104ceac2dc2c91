import type { Measured } from './measure.js';
import { figure, median } from './stats.js';

/** One of those that are measured in turn. */
export interface Contender {
  name: string;
  /** One entry for each round of the load tool. */
  run(): Promise<Measured[]>;
}

export interface Outcome {
  name: string;
  /** All runs, in their order. */
  runs: Measured[][];
}

/** A, B, C, A, B, C …: whatever disturbs the machine for a while disturbs all of them. Prints each run. */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  describe: (measured: Measured) => string,
): Promise<Outcome[]> {
  const outcomes = contenders.map(({ name }): Outcome => ({ name, runs: [] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const measured = await contender.run();
      outcomes[i]?.runs.push(measured);
      for (const one of measured) console.log(`${round} ${contender.name}: ${describe(one)}${noise(one)}`);
    }
  }
  return outcomes;
}

function noise({ foreign }: Measured): string {
  return `; others used ${figure(foreign)} processors`;
}

/** The median over all runs of one figure of one load round. */
export function medianOf(outcome: Outcome, pick: (measured: Measured) => number, at = 0): number {
  return median(outcome.runs.flatMap((run) => (run[at] === undefined ? [] : [pick(run[at])])));
}
