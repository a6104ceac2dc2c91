import type { Subscription } from '@dcp/node-kit';

/** The group in which the instances of this service share requests. */
export const QUEUE = 'channel';

/** Answers some of this service's subjects. */
export interface Responder {
  serve(): Subscription[];
}
