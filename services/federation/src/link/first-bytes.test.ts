import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { connect as connectTcp, type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { selfSigned, type TlsIdentity } from '../node/certificate.js';
import { awaitFirstBytes } from './first-bytes.js';

const PATIENCE_MS = 300;

/** Each byte in a packet of its own, in order. */
async function dripped(from: Socket, to: Socket): Promise<void> {
  for await (const data of from as AsyncIterable<Buffer>)
    for (const byte of data) {
      to.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
}

describe('a TLS server that lets others speak first', () => {
  let identity: TlsIdentity;
  let server: Server;
  let endSilent: () => void;
  const port = () => (server.address() as AddressInfo).port;

  beforeAll(async () => {
    identity = await selfSigned('a7f3k9m2', Date.now());
  });
  beforeEach(async () => {
    const { certificate: cert, privateKey: key } = identity;
    server = createServer({ cert, key, minVersion: 'TLSv1.3' }, (_, response) => response.end('heard'));
    endSilent = awaitFirstBytes(server, PATIENCE_MS);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const ask = async (at: number): Promise<string> => {
    const socket = connectTls({ port: at, host: '127.0.0.1', rejectUnauthorized: false });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const part of socket) text += String(part);
    return text;
  };

  it('answers as any other, also after its patience', async () => {
    expect(await ask(port())).toMatch(/^HTTP\/1\.1 200 [^]*heard$/);
    const slow = connectTls({ port: port(), host: '127.0.0.1', rejectUnauthorized: false });
    await once(slow, 'secureConnect');
    await new Promise((resolve) => setTimeout(resolve, 2 * PATIENCE_MS));
    slow.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(String((await once(slow, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    slow.destroy();
  });

  it('takes a greeting that comes byte by byte', async () => {
    const drip = createTcpServer((client) => {
      const far = connectTcp({ port: port(), host: '127.0.0.1', noDelay: true });
      far.pipe(client).on('error', () => undefined);
      far.on('error', () => client.destroy());
      dripped(client, far).catch(() => far.destroy());
    }).listen(0, '127.0.0.1');
    await once(drip, 'listening');
    expect(await ask((drip.address() as AddressInfo).port)).toMatch(/heard$/);
    drip.close();
  });

  it('ends whoever says nothing, and whoever goes or breaks off without a word', async () => {
    const silent = connectTcp({ port: port(), host: '127.0.0.1' });
    const began = performance.now();
    await once(silent, 'close');
    expect(performance.now() - began).toBeGreaterThan(PATIENCE_MS / 2);
    const gone = connectTcp({ port: port(), host: '127.0.0.1' });
    gone.end();
    await once(gone, 'close');
    const broken = connectTcp({ port: port(), host: '127.0.0.1' });
    await once(broken, 'connect');
    broken.resetAndDestroy();
    expect(await ask(port())).toMatch(/heard$/);
  });

  it('ends the silent at once when it is told to', async () => {
    const silent = connectTcp({ port: port(), host: '127.0.0.1' });
    await once(server, 'connection');
    const ended = Promise.all([once(silent, 'close'), once(server, 'close')]);
    server.close();
    endSilent();
    await ended;
  });
});
