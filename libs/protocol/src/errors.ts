/**
 * The error registry of §14.2 and of the protocol profile (§7): one row for each code, used by every service and client.
 * `http` is the status of the REST answer; `retryable` tells a client whether the same request may be sent again by itself (§14.3).
 */
const row = <N extends number>(number: N, http: number, retryable: boolean, message: string) => ({
  number,
  http,
  retryable,
  message,
});

export const ERRORS = {
  INVALID_CREDENTIALS: row(1000, 401, false, 'Authentication failed'),
  SESSION_EXPIRED: row(1001, 401, false, 'Session token expired'),
  INSUFFICIENT_PERMISSIONS: row(1002, 403, false, 'Action not allowed'),
  ACCOUNT_SUSPENDED: row(1003, 403, false, 'User account suspended'),
  INVALID_MESSAGE_FORMAT: row(2000, 400, false, 'Malformed message'),
  MESSAGE_TOO_LARGE: row(2001, 413, false, 'Message exceeds the size limit'),
  CHANNEL_NOT_FOUND: row(2002, 404, false, 'Target channel does not exist'),
  USER_NOT_FOUND: row(2003, 404, false, 'Target user does not exist'),
  MESSAGE_NOT_FOUND: row(2004, 404, false, 'Target message does not exist'),
  CHANNEL_EXISTS: row(2005, 409, false, 'A channel with this name exists already'),
  INVALID_CHANNEL_NAME: row(2006, 400, false, 'Channel name breaks the rules of §9.1'),
  CONFLICT: row(2007, 409, false, 'The request conflicts with what is stored'),
  NODE_UNREACHABLE: row(3000, 502, true, 'Cannot connect to home node'),
  FEDERATION_ERROR: row(3001, 502, true, 'Inter-node communication failed'),
  RATE_LIMITED: row(3002, 429, true, 'Too many requests'),
  BANDWIDTH_EXCEEDED: row(3003, 429, true, 'Network capacity exceeded'),
  FUNCTION_EXECUTION_ERROR: row(4000, 500, false, 'Function failed during execution'),
  FUNCTION_RESOURCE_EXCEEDED: row(4001, 507, false, 'Function exceeded a resource limit'),
  FUNCTION_NOT_FOUND: row(4002, 404, false, 'Function does not exist'),
  BOT_PERMISSION_DENIED: row(4100, 403, false, 'Bot lacks required permissions for this action'),
  MEDIA_NOT_FOUND: row(5000, 404, false, 'Media file does not exist'),
  MEDIA_TOO_LARGE: row(5001, 413, false, 'Media file exceeds the size limit'),
  MEDIA_HASH_MISMATCH: row(5002, 422, false, 'Media content does not match its hash'),
  INTERNAL_ERROR: row(9000, 500, false, 'Server internal error'),
  MAINTENANCE_MODE: row(9001, 503, true, 'Service temporarily unavailable'),
  PROTOCOL_VERSION_MISMATCH: row(9002, 426, false, 'Incompatible protocol versions'),
} as const;

/** The symbolic name that travels as `error.code` (§14.1). */
export type ErrorCode = keyof typeof ERRORS;

/** What explains one failure; `details.retry_after` is in seconds, `details.reason` a stable word for programs. */
export type ErrorDetails = Record<string, unknown>;

/** The body of every error answer on REST, WebSocket and federation (§14.1). */
export interface ErrorBody {
  code: ErrorCode;
  number: number;
  message: string;
  details: ErrorDetails;
  timestamp: string;
  request_id: string;
}

/** The one exception that services and clients throw; mappers turn it into an HTTP answer, a bus reply or a frame. */
export class DcpError extends Error {
  override readonly name = 'DcpError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, message: string = ERRORS[code].message, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  get number(): number {
    return ERRORS[this.code].number;
  }

  get httpStatus(): number {
    return ERRORS[this.code].http;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  /** The §14.1 body. `requestId` is the one that the logs carry. */
  toBody(requestId: string, now: Date = new Date()): ErrorBody {
    const { code, number, message, details } = this;
    return { code, number, message, details, timestamp: now.toISOString(), request_id: requestId };
  }

  /** Back from a body that came over a wire; an unknown code becomes INTERNAL_ERROR, its name kept in `details.code`. */
  static fromBody(body: { code: string; message?: string; details?: ErrorDetails }): DcpError {
    if (isErrorCode(body.code)) return new DcpError(body.code, body.details ?? {}, body.message);
    return new DcpError('INTERNAL_ERROR', { ...body.details, code: body.code }, body.message);
  }
}

/** Narrows any string to a known code. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** Any thrown value as DcpError: unknown failures become 9000 without inner text; the cause stays for the log. */
export function asDcpError(thrown: unknown): DcpError {
  if (thrown instanceof DcpError) return thrown;
  return new DcpError('INTERNAL_ERROR', {}, undefined, thrown);
}

/** `INVALID_MESSAGE_FORMAT` (2000) with the member at fault, so that the sender can find it. */
export function invalidFormat(reason: string, path?: string): DcpError {
  return new DcpError('INVALID_MESSAGE_FORMAT', path === undefined ? { reason } : { reason, path });
}
