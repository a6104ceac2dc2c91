import {
  formatKey,
  generateEd25519KeyPair,
  type SecretBytes,
  signDigest,
  toUtf8,
  sign,
  nodeTokenKey,
  fromBase64,
} from '@dcp/crypto';
import type { TokenClaims } from '@dcp/contracts';
import { signingInput } from '@dcp/protocol';
import type { BenchNode } from '../node-under-bench/bench-node.js';
import { call, inParallel } from './rest.js';

export interface BenchAccount {
  userId: string;
  publicKey: string;
  seed: SecretBytes;
  token: string;
}

const TOKEN_SECONDS = 8 * 3600;

/**
 * Registers `count` accounts through the node's REST door, as clients do, but without `encrypted_data`. Their sessions are minted here
 * with the node's token key, because a login each would only measure logins. `admin`: as its administrators.
 */
export async function makeAccounts(node: BenchNode, count: number, admin = false): Promise<BenchAccount[]> {
  const mint = tokenMint(node, admin);
  const accounts = Array.from({ length: count }, (_, i) => newAccount(node, i, mint));
  await inParallel(accounts, async (account, i) => {
    const url = node.urls[i % node.urls.length] ?? '';
    await call(url, '/accounts', { body: { identity_file: identityFile(node, account) } });
  });
  return accounts;
}

function newAccount({ nodeId }: BenchNode, index: number, mint: (account: Omit<BenchAccount, 'token'>) => string) {
  const { publicKey, seed } = generateEd25519KeyPair();
  const userId = `${nodeId}.bench-${process.pid}-${index}-${Date.now().toString(36)}`;
  const account = { userId, publicKey: formatKey('ed25519', publicKey), seed };
  return { ...account, token: mint(account) };
}

/** §4.1. */
function identityFile({ nodeId, urls }: BenchNode, { userId, publicKey, seed }: BenchAccount): object {
  const identity = {
    full_id: userId,
    home_node_id: nodeId,
    username: userId.slice(nodeId.length + 1),
    public_key: publicKey,
    created: new Date().toISOString(),
  };
  return {
    version: '1.0',
    identity,
    preferences: {},
    home_node: { id: nodeId, endpoint: (urls[0] ?? '').replace(/^http/, 'ws') },
    signature: signDigest(seed, signingInput('IDENTITY', identity)),
  };
}

/** Session tokens as the auth service signs them (JWT with EdDSA, RFC 8037). */
function tokenMint({ nodeId, nodeKey }: BenchNode, admin: boolean): (account: Omit<BenchAccount, 'token'>) => string {
  const { seed, keyId: kid } = nodeTokenKey(fromBase64(nodeKey));
  const header = part({ alg: 'EdDSA', typ: 'JWT', kid });
  let sessions = 0;
  return ({ userId, publicKey }) => {
    const iat = Math.floor(Date.now() / 1000);
    const claims: TokenClaims = {
      iss: nodeId,
      sub: userId,
      jti: `bench_${process.pid}_${sessions++}`,
      iat,
      exp: iat + TOKEN_SECONDS,
      refresh_after: iat + TOKEN_SECONDS / 2,
      device: null,
      key: publicKey,
      account_type: 'standard',
      ...(admin ? { admin } : {}),
    };
    const input = `${header}.${part(claims)}`;
    return `${input}.${Buffer.from(sign(seed, toUtf8(input))).toString('base64url')}`;
  };
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
