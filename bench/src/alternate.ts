import { CALM, patience, waitForCalm } from './calm.js';
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
      const measured = await undisturbed(contender);
      outcomes[i]?.runs.push(measured);
      for (const one of measured) console.log(`${round} ${contender.name}: ${describe(one)}${noise(one)}`);
    }
  }
  return outcomes;
}

/** With patience a disturbed run is repeated twice at most; the last one counts, whatever it was. */
async function undisturbed({ run }: Contender): Promise<Measured[]> {
  for (let repeats = patience() > 0 ? 2 : 0; ; repeats--) {
    await waitForCalm();
    const measured = await run();
    if (repeats === 0 || measured.every(({ foreign }) => foreign <= CALM)) return measured;
  }
}

function noise({ foreign }: Measured): string {
  return `; others used ${figure(foreign)} processors`;
}

/** The median of one figure of one load round, over the undisturbed runs; over all when there is none. */
export function medianOf(outcome: Outcome, pick: (measured: Measured) => number, at = 0): number {
  const measured = outcome.runs.flatMap((run) => (run[at] === undefined ? [] : [run[at]]));
  const calm = measured.filter(({ foreign }) => foreign <= CALM);
  return median((calm.length > 0 ? calm : measured).map(pick));
}

/** How many runs were undisturbed, for the line above a table. */
export function calmRuns(outcomes: readonly Outcome[]): string {
  const runs = outcomes.flatMap((outcome) => outcome.runs.flat());
  return `${runs.filter(({ foreign }) => foreign <= CALM).length} of ${runs.length} runs undisturbed`;
}
