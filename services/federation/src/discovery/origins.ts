import { isIP } from 'node:net';
import { isLoopbackHost } from './address-guard.js';

/**
 * Where the node document of a hint may lie, best first. A hint is `host`, `host:port` or a URL (`wss://chat.example.com`, as §10.1 prints
 * it). Unencrypted only on this machine. Empty for what is no hint.
 */
export function originsOf(hint: string): string[] {
  const text = /^[a-z]+:\/\//i.test(hint) ? hint : `https://${hint}`;
  if (!URL.canParse(text)) return [];
  const { protocol, host, hostname } = new URL(text);
  if (hostname === '') return [];
  const plain = isLoopbackHost(hostname) ? [`http://${host}`] : [];
  if (protocol === 'http:' || protocol === 'ws:') return plain;
  if (protocol !== 'https:' && protocol !== 'wss:') return [];
  return hint === text ? [`https://${host}`] : [`https://${host}`, ...plain];
}

/** The domain of a hint, under which SRV records may lie; undefined for an address or a hint with a port of its own. */
export function domainOf(hint: string): string | undefined {
  const [origin] = originsOf(hint);
  if (origin === undefined) return undefined;
  const { hostname, port } = new URL(origin);
  return port !== '' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 ? undefined : hostname;
}
