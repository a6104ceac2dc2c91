import { openClient, type Context } from '../context.js';
import { printable, table } from '../output.js';

interface Peer {
  node_id: string;
  name: string | null;
  endpoint: string | null;
  trust: string;
  link: string;
  last_seen: string | null;
  last_error: string | null;
  waiting: number;
  lag: number;
}

interface Check {
  check: string;
  ok: boolean;
  found: string;
  fix?: string;
}

const FEDERATION = '/admin/federation';

/** `dcp federation peers` */
export async function federationPeersCommand(context: Context): Promise<void> {
  const client = await openClient(context);
  const peers: Peer[] = [];
  for (let after: string | undefined, more = true; more;) {
    const query = after === undefined ? '' : `?after=${after}`;
    const page = await client.call<{ peers: Peer[]; next?: string }>(`${FEDERATION}/peers${query}`);
    peers.push(...page.peers);
    after = page.next;
    more = after !== undefined;
  }
  const rows = peers.map(({ node_id, name, trust, link, lag, last_error }) => [
    node_id,
    printable(name ?? ''),
    trust,
    link,
    String(lag),
    link === 'up' ? '' : printable(last_error ?? ''),
  ]);
  const head = ['NODE', 'NAME', 'TRUST', 'LINK', 'BEHIND', 'LAST ERROR'];
  context.output.result({ peers }, rows.length === 0 ? 'No other node was seen yet.' : table([head, ...rows]));
}

/** `dcp federation forget NODE` */
export async function federationForgetCommand(context: Context, node: string): Promise<void> {
  const client = await openClient(context);
  const forgotten = await client.call<object>(`${FEDERATION}/peers/${encodeURIComponent(node)}`, { method: 'DELETE' });
  context.output.result(forgotten, `The key of ${node} is forgotten: the next one that it shows is believed.`);
}

/** `dcp federation doctor [NODE]`: exit code 1 when something is wrong. */
export async function federationDoctorCommand(context: Context, node: string | undefined): Promise<void> {
  const client = await openClient(context);
  const query = node === undefined ? '' : `?node=${encodeURIComponent(node)}`;
  const { checks } = await client.call<{ checks: Check[] }>(`${FEDERATION}/doctor${query}`);
  const rows = checks.map(({ check, ok, found, fix }) => [
    ok ? 'ok' : 'FAULT',
    check,
    printable(fix === undefined ? found : `${found} - ${fix}`),
  ]);
  context.output.result({ checks }, table(rows));
  if (checks.some(({ ok }) => !ok)) process.exitCode = 1;
}
