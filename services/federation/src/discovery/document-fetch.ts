import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { DcpError, MAX_NODE_DOCUMENT, parseJson } from '@dcp/protocol';
import { isLoopbackHost } from './address-guard.js';
import type { Names } from './names.js';

export const DOCUMENT_PATH = '/.well-known/dcp/node.json';
const FETCH_MS = 5_000;
const MAX_BYTES = MAX_NODE_DOCUMENT;

/** 3000 with a stable word for what happened. */
export function unreachable(reason: string, details: Record<string, unknown> = {}): DcpError {
  return new DcpError('NODE_UNREACHABLE', { reason, ...details });
}

/**
 * Gets the node document at an origin (`https://host:port`; `http:` on this machine only): 5 s, 96 KiB, no redirects. Nobody's certificate
 * authority is asked: the document is signed, and its key is pinned. Throws 3000 (`fetch_failed`, `fetch_status`, `fetch_timeout`,
 * `fetch_too_large`), 3001 `private_address`, 2000 for what is no JSON.
 */
export async function fetchDocument(origin: string, names: Names): Promise<unknown> {
  const url = new URL(DOCUMENT_PATH, origin);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname)))
    throw unreachable('fetch_scheme');
  names.checkLiteral(url.hostname);
  return parseJson((await get(url, names)).toString('utf8'));
}

function get(url: URL, names: Names): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(FETCH_MS);
    const options = { signal, lookup: names.lookup, agent: false as const, headers: { accept: 'application/json' } };
    const take = (response: IncomingMessage) => read(response).then(resolve, reject);
    const request =
      url.protocol === 'https:'
        ? tlsRequest(url, { ...options, rejectUnauthorized: false, minVersion: 'TLSv1.3' }, take)
        : plainRequest(url, options, take);
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(unreachable('fetch_timeout'));
      else if (error.code === 'EACCES') reject(new DcpError('FEDERATION_ERROR', { reason: 'private_address' }));
      else reject(unreachable('fetch_failed', { cause: error.code ?? 'unknown' }));
    });
    request.end();
  });
}

async function read(response: IncomingMessage): Promise<Buffer> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw unreachable('fetch_status', { status: response.statusCode });
  }
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response) {
      const bytes = part as Buffer;
      length += bytes.length;
      if (length > MAX_BYTES) throw unreachable('fetch_too_large');
      parts.push(bytes);
    }
  } catch (error) {
    response.destroy();
    throw error instanceof DcpError ? error : unreachable('fetch_timeout');
  }
  return Buffer.concat(parts);
}
