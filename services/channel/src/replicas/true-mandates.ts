import { type Genesis, genesisSchema, type Mandate, mandateSchema } from '@dcp/protocol';
import type { HandoverChecks } from '../handover/handover-checks.js';
import type { OrderedEntry } from './ordered-entry.js';

/** By the `seq` of the entry that brought it. */
export type Mandates = ReadonlyMap<number, Mandate>;
export const NO_MANDATES: Mandates = new Map();

type Checks = Pick<HandoverChecks, 'judgeMandate'>;

/**
 * The mandates that entries carry, but for those that the owner has not signed: the greatest number stays for good, so a home that lies must
 * not be able to give one away. What cannot be checked now counts for now; whoever uses it checks it again.
 */
export async function trueMandates(
  checks: Checks,
  genesis: string,
  channelId: string,
  entries: OrderedEntry[],
): Promise<Mandates> {
  const told = entries.flatMap((entry) => {
    const mandate = mandateIn(entry, channelId);
    return mandate === undefined ? [] : [[entry.seq, mandate] as const];
  });
  if (told.length === 0 || genesis === '') return NO_MANDATES;
  const owner = genesisSchema.parse(JSON.parse(genesis));
  const judged = await Promise.all(told.map(([, mandate]) => checks.judgeMandate(mandate, owner)));
  return new Map(told.filter((_, i) => judged[i] !== 'false'));
}

/** Of a channel that is new here the one that counts. */
export async function newestMandate(
  checks: Checks,
  owner: Genesis,
  channelId: string,
  chain: OrderedEntry[],
  told: Mandate | undefined,
): Promise<Mandate | undefined> {
  const all = chain.flatMap((entry) => mandateIn(entry, channelId) ?? []);
  if (told?.channel_id === channelId) all.push(told);
  for (const mandate of all.toSorted((a, b) => b.serial - a.serial))
    if ((await checks.judgeMandate(mandate, owner)) !== 'false') return mandate;
  return undefined;
}

/** Few entries do: nothing else is looked at for the others. */
export function tellsMandate(entry: OrderedEntry): boolean {
  return toldBy(entry) !== undefined;
}

function mandateIn(entry: OrderedEntry, channelId: string): Mandate | undefined {
  const mandate = mandateSchema.safeParse(toldBy(entry)).data;
  return mandate?.channel_id === channelId ? mandate : undefined;
}

function toldBy({ type, message }: OrderedEntry): unknown {
  if (type !== 'system') return undefined;
  return (message?.['content'] as { details?: { mandate?: unknown } } | null | undefined)?.details?.mandate;
}
