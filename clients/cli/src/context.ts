import { DcpClient, HttpApi, ready } from '@dcp/client-sdk';
import type { ClientInfo } from '@dcp/protocol';
import { CliError } from './cli-error.js';
import { Output } from './output.js';
import { openProfile, type Profile } from './profile.js';

export const CLIENT_INFO: ClientInfo = { name: 'dcp-cli', version: '0.1.0', capabilities: ['text', 'e2ee'] };

/** What every command gets: the profile, the output, and a client when it needs one. */
export interface Context {
  profile: Profile;
  output: Output;
}

export interface GlobalOptions {
  profile?: string;
  json?: boolean;
}

export async function createContext(options: GlobalOptions): Promise<Context> {
  await ready();
  return { profile: openProfile(options.profile), output: new Output(options.json === true) };
}

/** A client of the profile's user; not connected yet. */
export async function openClient({ profile }: Context): Promise<DcpClient> {
  const identity = await profile.identity();
  const device = await profile.device();
  const session = await profile.session();
  return new DcpClient({
    endpoint: identity.home_node.endpoint,
    nodeId: identity.identity.home_node_id,
    device,
    clientInfo: CLIENT_INFO,
    storage: profile.storage,
    ...(identity.account_type === undefined ? {} : { accountType: identity.account_type }),
    ...(session === undefined ? {} : { session }),
    onSession: (fresh) => void profile.saveSession(fresh),
  });
}

/** Runs `work` with a connected client and disconnects afterwards. */
export async function withClient<T>(context: Context, work: (client: DcpClient) => Promise<T>): Promise<T> {
  const client = await openClient(context);
  try {
    await connectOrFail(client);
    return await work(client);
  } finally {
    await client.disconnect();
    await context.profile.close();
  }
}

const CONNECT_MS = 10_000;

/** The client itself would try for ever; a command says after a while that the node is not there. */
export async function connectOrFail(client: DcpClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new CliError(
            'unreachable',
            `No answer from ${client.endpoint} within ${CONNECT_MS / 1000} s. Check with: dcp doctor`,
          ),
        ),
      CONNECT_MS,
    );
  });
  await Promise.race([client.connect(), late]).finally(() => clearTimeout(timer));
}

/** `http://host:port`, `https://…`, `ws://…` or `host:port` as the WebSocket URL that identity files carry. */
export function endpointOf(node: string): string {
  const text = /^[a-z]+:\/\//.test(node) ? node : `${isLoopback(node) ? 'ws' : 'wss'}://${node}`;
  if (!URL.canParse(text))
    throw new CliError('usage', `"${node}" is no address of a node: use https://HOST or http://127.0.0.1:8008`);
  const url = new URL(text);
  const scheme = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol];
  if (scheme === undefined) throw new CliError('usage', `"${node}" is no address of a node: use https://HOST`);
  return `${scheme}//${url.host}`;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
}

export function httpOf(endpoint: string): HttpApi {
  return new HttpApi(endpoint);
}
