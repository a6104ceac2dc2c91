import { DcpError, restUrl, type ErrorDetails } from '@dcp/protocol';

export interface HttpRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  token?: string | undefined;
  /** Milliseconds; default 15,000. */
  timeoutMs?: number;
}

/** The REST side of a home node (§8). Every failure is a DcpError: the node's own, or NODE_UNREACHABLE (3000). */
export class HttpApi {
  private readonly base: string;

  /** `endpoint` is the WebSocket URL of the identity file. */
  constructor(endpoint: string) {
    this.base = restUrl(endpoint);
  }

  /** A node that is asked too much says when to come again (§14.3): short waits are waited here, since nothing was done yet. */
  async call<T>(path: string, request: HttpRequest = {}): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.callOnce<T>(path, request);
      } catch (error) {
        const wait = error instanceof DcpError && error.code === 'RATE_LIMITED' ? shortWait(error) : undefined;
        if (wait === undefined || attempt === MAX_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  private async callOnce<T>(
    path: string,
    { method = 'GET', body, token, timeoutMs = 15_000 }: HttpRequest,
  ): Promise<T> {
    const response = await this.fetch(path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = (await response.json().catch(() => undefined)) as unknown;
    if (!response.ok) throw failure(answer, response.status);
    return answer as T;
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.base}${path}`, init);
    } catch (cause) {
      throw new DcpError('NODE_UNREACHABLE', { url: this.base }, `Cannot reach the home node at ${this.base}`, cause);
    }
  }
}

const MAX_ATTEMPTS = 4;
/** Longer than this is for the user to know. */
const MAX_WAIT_MS = 5_000;

/** Milliseconds that the node asks for, and a little that not all come at once; undefined: too long to be silent about. */
function shortWait({ details }: DcpError): number | undefined {
  const wait = Number(details['retry_after'] ?? Number.NaN) * 1_000;
  return wait >= 0 && wait <= MAX_WAIT_MS ? wait + 50 + Math.random() * 200 : undefined;
}

function failure(answer: unknown, status: number): DcpError {
  const error = (answer as { error?: { code?: unknown; message?: string; details?: ErrorDetails } } | undefined)?.error;
  if (typeof error?.code === 'string') return DcpError.fromBody({ ...error, code: error.code });
  return new DcpError(status >= 500 ? 'MAINTENANCE_MODE' : 'INTERNAL_ERROR', { status });
}
