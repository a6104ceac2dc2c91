import type { LoadOptions } from './load-tool.js';

/** What a load run is aimed at: a node, or a reference server. */
export interface Subject {
  readonly name: string;
  readonly url: string;
  readonly path: string;
  /** How a refusal begins; references refuse nothing. */
  readonly error?: string;
  /** How a delivered message begins. */
  readonly delivery: string;
  /** The processes that hold the client sockets. */
  readonly doors: readonly number[];
  /** Every process as of now, by what it is. */
  processes(): Record<string, number[]>;
}

/** The part of a load run that depends on whom it is aimed at. */
export type Aim = Pick<LoadOptions, 'steps' | 'template' | 'bodyBytes' | 'tokenFile' | 'frameFile'>;
