import { DcpError } from '@dcp/protocol';

/** `details.reason` of a MAINTENANCE_MODE that the bus itself raised. */
export type BusFailureReason = 'no_responders' | 'timeout' | 'disconnected' | 'overloaded';

export function busFailure(reason: BusFailureReason, cause?: unknown): DcpError {
  return new DcpError('MAINTENANCE_MODE', { reason }, undefined, cause);
}
