import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { X509CertificateGenerator } from '@peculiar/x509';
import { WebSocket } from 'ws';
import { startTestNode, type TestNode } from './test-node.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A key and a certificate of their own for 127.0.0.1, made anew for each run. */
async function selfSigned(): Promise<{ cert: string; key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notAfter = new Date(Date.now() + 3_600_000);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    notAfter,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`,
  };
}

describe('a gateway that speaks TLS itself', () => {
  let node: TestNode;
  let url: string;
  let folder: string;

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-tls-'));
    const { cert, key } = await selfSigned();
    await writeFile(join(folder, 'cert.pem'), cert);
    await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
    node = await startTestNode('in process', 0);
    url = await node.addGateway({
      DCP_TLS_CERT_FILE: join(folder, 'cert.pem'),
      DCP_TLS_KEY_FILE: join(folder, 'key.pem'),
    });
  });

  afterAll(async () => {
    await node.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const dial = (maxVersion: 'TLSv1.2' | 'TLSv1.3') =>
    new Promise<TLSSocket>((resolve, reject) => {
      const { hostname: host, port } = new URL(url);
      const socket = connect({ host, port: Number(port), rejectUnauthorized: false, maxVersion }, () =>
        resolve(socket),
      );
      socket.on('error', reject);
    });

  it('[DCP-15.2-03] [DCP-15.3-01] takes TLS 1.3 and nothing older', async () => {
    expect(url).toMatch(/^https:/);
    const socket = await dial('TLSv1.3');
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
    await expect(dial('TLSv1.2')).rejects.toThrow(/protocol version/i);
  });

  it('[DCP-7.1-01] opens /ws/v1 as wss, and makes its challenges for what was dialled', async () => {
    const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/v1`, ['dcp-v1'], { rejectUnauthorized: false });
    const answer = await new Promise<string>((resolve, reject) => {
      ws.on('error', reject);
      ws.on('open', () =>
        ws.send(JSON.stringify({ type: 'auth_challenge_request', user_id: 'a7f3k9m2.alice-river-7x9k' })),
      );
      ws.on('message', (data) => resolve(String(data)));
    });
    const { challenge } = JSON.parse(answer) as { challenge: string };
    expect(Buffer.from(challenge, 'base64').toString('latin1')).toContain(`wss://${new URL(url).host}\0`);
    ws.terminate();
  });
});
