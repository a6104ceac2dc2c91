import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** What a careful operator would send along: no foreign code, nothing inline. WASM has to be compiled. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src data:; connect-src *";

export interface StaticServer {
  /** `http://127.0.0.1:port/` */
  url: string;
  /** Put before a file's text, by its path. */
  prelude: Map<string, string>;
  close(): Promise<void>;
}

/** Serves the files of one folder, by their names only. `old/…` is the same again, for its preludes. */
export async function serve(folder: string): Promise<StaticServer> {
  const prelude = new Map<string, string>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const name = /([^/]*)$/.exec(path)?.[1] || 'index.html';
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    readFile(join(folder, name)).then(
      (bytes) => {
        response.writeHead(200, {
          'content-type': type,
          'content-security-policy': POLICY,
          'cache-control': 'no-store',
        });
        response.end(Buffer.concat([Buffer.from(prelude.get(path) ?? ''), bytes]));
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, prelude, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
