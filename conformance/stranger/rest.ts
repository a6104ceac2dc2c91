import type { Dict } from './json.js';

export interface Answer<T = Dict> {
  status: number;
  headers: Headers;
  body: T;
  /** As it came, for answers that are no JSON. */
  text: string;
}

/** REST calls below `/api/v1` (§8.1), with the session token where there is one (§8.2). */
export class Rest {
  constructor(
    readonly url: string,
    readonly token?: string,
  ) {}

  get<T = Dict>(path: string): Promise<Answer<T>> {
    return this.call<T>('GET', path);
  }

  post<T = Dict>(path: string, body?: unknown): Promise<Answer<T>> {
    return this.call<T>('POST', path, body);
  }

  put<T = Dict>(path: string, body?: unknown): Promise<Answer<T>> {
    return this.call<T>('PUT', path, body);
  }

  patch<T = Dict>(path: string, body?: unknown): Promise<Answer<T>> {
    return this.call<T>('PATCH', path, body);
  }

  delete<T = Dict>(path: string): Promise<Answer<T>> {
    return this.call<T>('DELETE', path);
  }

  /** A string is sent as it is, anything else as JSON. */
  call<T = Dict>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return this.raw<T>(method, `/api/v1${path}`, text, {
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
      ...headers,
    });
  }

  /** Any path, with exactly these headers. */
  async raw<T = Dict>(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, body: parsed(text) as T };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
