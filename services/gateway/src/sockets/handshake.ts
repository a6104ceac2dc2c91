import type { IncomingMessage } from 'node:http';
import { BEARER_SUBPROTOCOL_PREFIX, DcpError, MANUAL_SUBSCRIPTION_SUBPROTOCOL, SUBPROTOCOL } from '@dcp/protocol';

/** What an upgrade request says before any frame. */
export interface Handshake {
  token: string | undefined;
  manual: boolean;
  address: string;
  endpoint: string;
}

export const SOCKET_PATH = '/ws/v1';

/** Checks path and subprotocol (§7.1): 404 for another path, 9002 for another version, 2000 for none. */
export function readHandshake(request: IncomingMessage, trustProxy: boolean): Handshake {
  if (pathOf(request) !== SOCKET_PATH) throw new UnknownPathError();
  const offered = subprotocols(request);
  if (!offered.includes(SUBPROTOCOL)) throw wrongSubprotocol(offered);
  return {
    token: bearerOf(request) ?? offered.find(isBearer)?.slice(BEARER_SUBPROTOCOL_PREFIX.length),
    manual: offered.includes(MANUAL_SUBSCRIPTION_SUBPROTOCOL),
    address: addressOf(request, trustProxy),
    endpoint: `${isSecure(request, trustProxy) ? 'wss' : 'ws'}://${hostOf(request, trustProxy)}`,
  };
}

export class UnknownPathError extends Error {}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?')[0] ?? '';
}

function subprotocols(request: IncomingMessage): string[] {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  return header
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

function isBearer(value: string): boolean {
  return value.startsWith(BEARER_SUBPROTOCOL_PREFIX);
}

function wrongSubprotocol(offered: string[]): DcpError {
  const details = { supported: [SUBPROTOCOL] };
  if (offered.some((value) => value.startsWith('dcp-v'))) return new DcpError('PROTOCOL_VERSION_MISMATCH', details);
  return new DcpError('INVALID_MESSAGE_FORMAT', { ...details, reason: 'offer the subprotocol dcp-v1' });
}

/** RFC 6750: `Authorization: Bearer …`. */
export function bearerOf(request: { headers: { authorization?: string | undefined } }): string | undefined {
  const header = request.headers.authorization;
  return header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : undefined;
}

/** The client's address: behind a proxy that is trusted, the last hop that the proxy saw. */
export function addressOf(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? header(request, 'x-forwarded-for') : undefined;
  return forwarded?.split(',').at(-1)?.trim() ?? request.socket.remoteAddress ?? '';
}

export function hostOf(request: IncomingMessage, trustProxy: boolean): string {
  return (trustProxy ? header(request, 'x-forwarded-host') : undefined) ?? request.headers.host ?? '';
}

export function isSecure(request: IncomingMessage, trustProxy: boolean): boolean {
  if (trustProxy && header(request, 'x-forwarded-proto') !== undefined)
    return header(request, 'x-forwarded-proto') === 'https';
  return 'encrypted' in request.socket && request.socket.encrypted === true;
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.at(-1) : value;
}
