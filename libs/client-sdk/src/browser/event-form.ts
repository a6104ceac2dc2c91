import type { DcpError } from '@dcp/protocol';
import type { ClientEvents } from '../events.js';
import { failureForm, failureOf, type FailureForm } from './failure-form.js';

/** Every event of a client; a new one is missed by the compiler, not by the page. */
const EVENTS: Record<keyof ClientEvents, true> = {
  message: true,
  hidden: true,
  channelUpdate: true,
  userStatus: true,
  typing: true,
  membership: true,
  state: true,
  sent: true,
  failed: true,
  deviceConflict: true,
  channelConflict: true,
  decrypted: true,
  refused: true,
  fault: true,
  devicesChanged: true,
  userMoved: true,
  moveRefused: true,
  invitation: true,
  routed: true,
  keyFault: true,
  headMismatch: true,
  sessionReset: true,
  ended: true,
};

export const EVENT_NAMES = Object.keys(EVENTS) as (keyof ClientEvents)[];

/** Three events carry an error, which structured cloning would strip of its class. */
export function eventForm(payload: unknown): unknown {
  return hasError<DcpError>(payload) ? { ...payload, error: failureForm(payload.error) } : payload;
}

export function eventOf(payload: unknown): unknown {
  return hasError<FailureForm>(payload) ? { ...payload, error: failureOf(payload.error) } : payload;
}

function hasError<E>(payload: unknown): payload is { error: E } {
  return typeof payload === 'object' && payload !== null && 'error' in payload;
}
