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

  async call<T>(path: string, { method = 'GET', body, token, timeoutMs = 15_000 }: HttpRequest = {}): Promise<T> {
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

function failure(answer: unknown, status: number): DcpError {
  const error = (answer as { error?: { code?: unknown; message?: string; details?: ErrorDetails } } | undefined)?.error;
  if (typeof error?.code === 'string') return DcpError.fromBody({ ...error, code: error.code });
  return new DcpError(status >= 500 ? 'MAINTENANCE_MODE' : 'INTERNAL_ERROR', { status });
}
