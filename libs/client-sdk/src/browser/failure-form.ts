import { CryptoError, type CryptoErrorCode } from '@dcp/crypto';
import { asDcpError, DcpError, isErrorCode, type ErrorDetails } from '@dcp/protocol';

/** An error as it crosses between worker and page: structured cloning drops the class and the members of one's own. */
export type FailureForm =
  | { kind: 'dcp'; code: string; message: string; details: ErrorDetails }
  | { kind: 'crypto'; code: CryptoErrorCode; message: string };

/** Anything thrown; of an unknown failure neither text nor stack crosses (it may quote what it choked on). */
export function failureForm(thrown: unknown): FailureForm {
  if (thrown instanceof CryptoError) return { kind: 'crypto', code: thrown.code, message: thrown.message };
  const { code, message, details } = asDcpError(thrown);
  return { kind: 'dcp', code, message, details: plain(details) };
}

/** The error that the worker threw, of its own class again. */
export function failureOf(form: FailureForm): DcpError | CryptoError {
  if (form.kind === 'crypto') return new CryptoError(form.code, form.message);
  const { code, message, details } = form;
  return isErrorCode(code) ? new DcpError(code, details, message) : DcpError.fromBody({ code, message, details });
}

/** Details are JSON on every wire; what is not would make postMessage throw. */
function plain(details: ErrorDetails): ErrorDetails {
  return JSON.parse(JSON.stringify(details)) as ErrorDetails;
}
