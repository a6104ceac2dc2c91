import { Agent, request } from 'node:http';

const PARALLEL = 64;
const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

export interface Call {
  method?: 'GET' | 'POST' | 'PUT';
  body?: unknown;
  token?: string;
}

/** A REST call of the node (§8) that has to succeed; `fetch` would cost more than the node's answer. */
export function call<T>(url: string, path: string, { method = 'POST', body, token }: Call = {}): Promise<T> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(text),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api/v1${path}`, { method, agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const got = Buffer.concat(chunks).toString();
        if ((answer.statusCode ?? 500) < 300) resolve(JSON.parse(got) as T);
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${got.slice(0, 300)}`));
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

export async function readNodeId(url: string): Promise<string> {
  const { node_info } = await call<{ node_info: { id: string } }>(url, '/node', { method: 'GET' });
  return node_info.id;
}

/** Runs `work` for each item, some at a time, in their order. The first failure ends it. */
export async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<unknown>) {
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i);
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
}
