import type { FailureForm } from './failure-form.js';

/** Calls that may wait for their answers; more are refused, so that a worker that hangs does not fill the page's memory. */
export const MAX_PENDING = 1_000;

/** The end of a MessageChannel, a Worker, or the worker's own global: what both sides of the wire have in common. */
export interface Wire {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** From the page. */
export interface CallFrame {
  id: number;
  method: string;
  args: unknown[];
}

/** From the worker: the answer to a call, or an event that nobody asked for. */
export type ReplyFrame =
  | { id: number; result: unknown }
  | { id: number; failure: FailureForm }
  | { event: string; payload: unknown };
