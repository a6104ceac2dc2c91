import { invalidFormat } from '@dcp/protocol';

const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' };
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/**
 * What a person types as a node's address (`https://host`, `wss://host`, `host`, `127.0.0.1:8008`) as the WebSocket URL that identity
 * files carry. Without a scheme: encrypted, unless it is this machine. Throws 2000 for anything else.
 */
export function endpointOf(address: string): string {
  const text = address.trim();
  const url = parsed(text.includes('://') ? text : `${LOOPBACK.test(text) ? 'ws' : 'wss'}://${text}`);
  const scheme = url === undefined ? undefined : SCHEMES[url.protocol];
  if (url === undefined || scheme === undefined || url.host === '')
    throw invalidFormat('no address of a node', 'endpoint');
  return `${scheme}//${url.host}`;
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
