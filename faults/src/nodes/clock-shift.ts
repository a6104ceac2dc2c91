// Loaded into a node by `--import`, by Node's type stripping, before anything of the product; tests import it for their own process.
import { readFileSync } from 'node:fs';

/** A file with the milliseconds by which the clock is ahead; read again and again, so that a running node's clock can be moved. */
const FILE = process.env['DCP_FAULTS_CLOCK'];
const LOOK_MS = 50;

const RealDate = Date;
const realNow = Date.now.bind(Date);
let ahead = 0;

RealDate.now = () => realNow() + ahead;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, made) => Reflect.construct(target, given.length === 0 ? [RealDate.now()] : given, made),
});

/** Moves the clock of this process: `Date.now()` and `new Date()`. What measures durations (timers, `performance.now`) is not moved. */
export function moveClock(ms: number): void {
  ahead = ms;
}

if (FILE !== undefined) {
  const look = () => moveClock(Number(readFileSync(FILE, 'utf8')));
  look();
  setInterval(look, LOOK_MS).unref();
}
