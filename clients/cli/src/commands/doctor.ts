import { describeNode, SocketLink } from '@dcp/client-sdk';
import { stat } from 'node:fs/promises';
import { failureOf } from '../cli-error.js';
import { httpOf, openClient, type Context } from '../context.js';
import { table } from '../output.js';

interface Finding {
  check: string;
  ok: boolean;
  /** What was found, or what to do. */
  text: string;
}

const MAX_SKEW_MS = 5 * 60_000;

/** `dcp doctor`: checks what can go wrong between this machine and the node, and says what to do. Exit code 1 when something is wrong. */
export async function doctorCommand(context: Context): Promise<void> {
  const findings: Finding[] = [];
  const check = async (name: string, work: () => Promise<string>) => {
    try {
      findings.push({ check: name, ok: true, text: await work() });
    } catch (error) {
      findings.push({ check: name, ok: false, text: failureOf(error).message });
    }
  };
  await check('profile', () => checkProfile(context));
  await check('identity', async () => (await context.profile.identity()).identity.full_id);
  await check('node', () => checkNode(context));
  await check('clock', () => checkClock(context));
  await check('login', () => checkLogin(context));
  await check('socket', () => checkSocket(context));
  const rows = findings.map(({ check: name, ok, text }) => [ok ? 'ok' : 'FAULT', name, text]);
  context.output.result({ findings }, table(rows));
  if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function checkProfile({ profile }: Context): Promise<string> {
  const { mode } = await stat(profile.folder).catch(() => {
    throw new Error(`There is no profile "${profile.name}" yet. Make one with: dcp identity create NAME`);
  });
  if ((mode & 0o077) !== 0) throw new Error(`Others may read ${profile.folder}. Run: chmod 700 ${profile.folder}`);
  return profile.folder;
}

async function endpointOfProfile({ profile }: Context): Promise<string> {
  return (await profile.identity()).home_node.endpoint;
}

async function checkNode(context: Context): Promise<string> {
  const { node_info: node, registration } = await describeNode(httpOf(await endpointOfProfile(context)));
  const file = await context.profile.identity();
  if (node.id !== file.identity.home_node_id) throw new Error(`Another node (${node.id}) answers at this address`);
  return `${node.name} (${node.id}, ${node.version}), registration: ${registration}`;
}

async function checkClock(context: Context): Promise<string> {
  const started = Date.now();
  const response = await fetch(`${new URL(await endpointOfProfile(context)).href.replace(/^ws/, 'http')}api/v1/node`);
  const told = Date.parse(response.headers.get('date') ?? '');
  const skew = told - (started + Date.now()) / 2;
  if (Number.isNaN(skew)) return 'the node does not tell its time';
  if (Math.abs(skew) > MAX_SKEW_MS)
    throw new Error(`This machine's clock is off by ${Math.round(skew / 1000)} s: set it, or messages are refused`);
  return `within ${Math.max(1, Math.round(Math.abs(skew) / 1000))} s of the node's`;
}

async function checkLogin(context: Context): Promise<string> {
  const client = await openClient(context);
  const session = await client.sessions.fresh();
  return `session until ${new Date(session.expires).toISOString()}`;
}

async function checkSocket(context: Context): Promise<string> {
  const client = await openClient(context);
  const { token } = await client.sessions.fresh();
  const link = await SocketLink.open(client.endpoint, token, { onEvent: () => undefined, onClose: () => undefined });
  link.close();
  return 'opens with the session token';
}
