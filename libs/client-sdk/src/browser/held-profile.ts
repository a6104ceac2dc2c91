import { DcpError } from '@dcp/protocol';

/** A profile that is ours until `release`. */
export interface HeldProfile {
  /** Called inside each writing transaction: throws when somebody else has taken the profile since. Undefined: the browser sees to it. */
  readonly guard: ((transaction: IDBTransaction) => void) | undefined;
  release(): Promise<void>;
}

export function inUse(): DcpError {
  return new DcpError('CONFLICT', { reason: 'in_use' }, 'This profile is in use by another tab');
}
