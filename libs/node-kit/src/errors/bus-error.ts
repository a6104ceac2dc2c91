import { DcpError, type ErrorDetails } from '@dcp/protocol';
import { asFailure } from './failure.js';

/** A failure as it travels on the bus: name, text and details, never a stack or a cause. */
export interface BusError {
  code: string;
  message: string;
  details: ErrorDetails;
}

/** Any thrown value for the bus; an unknown failure becomes 9000 without inner text. */
export function toBus(thrown: unknown): BusError {
  const { code, message, details } = asFailure(thrown);
  return { code, message, details };
}

/** Back from the bus: the DcpError that the other service threw. */
export function fromBus(error: BusError): DcpError {
  return DcpError.fromBody(error);
}
