import { DcpError, type ErrorCode, type Mandate, MAX_VOID } from '@dcp/protocol';

/** What the nodes of its members have of a channel whose home may be lost. */
export interface HomeSurvey {
  channel: string;
  channel_id: string;
  home_node: string;
  home_epoch: number;
  /** Whether the home still says that it is the home. */
  home_answers: boolean;
  nodes: (KeptBy | { node_id: string; error: ErrorCode })[];
  /** Whom its owner trusts in his place: the newest that any of them knows. */
  mandate?: Mandate | undefined;
}

/** A node that has a channel's log from `first_seq` to `last_seq`. */
export interface KeptBy {
  node_id: string;
  first_seq: number;
  last_seq: number;
}

/** Numbers that are left out behind the last that any node has: one that is away now may have seen more. */
const VOID_MARGIN = 1_000;

/** Who goes on, and which numbers nobody gets. */
export function endAt(survey: HomeSurvey, wanted?: string): KeptBy & { void_to: number } {
  requireSilence(survey);
  const furthest = furthestOf(survey);
  const chosen = wanted === undefined ? furthest : keptOf(survey).find(({ node_id }) => node_id === wanted);
  if (chosen === undefined || furthest === undefined)
    throw new DcpError('NODE_UNREACHABLE', { node_id: wanted ?? null });
  if (furthest.last_seq >= chosen.last_seq + MAX_VOID) throw tooFarBehind(furthest);
  return { ...chosen, void_to: Math.min(furthest.last_seq + VOID_MARGIN, chosen.last_seq + MAX_VOID) };
}

interface ProposedEnd {
  to_node: string;
  last_seq: number;
  void_to: number;
}

/** Whether the numbers that somebody else proposes agree with what one hears oneself. Throws as `endAt`, and as nodes do. */
export function checkEnd(survey: HomeSurvey, { to_node, last_seq, void_to }: ProposedEnd): void {
  requireSilence(survey);
  const place = survey.nodes.find(({ node_id }) => node_id === to_node);
  if (place === undefined || ('error' in place && place.error === 'CHANNEL_NOT_FOUND'))
    throw new DcpError('CONFLICT', { reason: 'no_member', node_id: to_node });
  if ('last_seq' in place && place.last_seq !== last_seq)
    throw new DcpError('CONFLICT', { reason: 'another_end', last_seq: place.last_seq });
  const furthest = furthestOf(survey);
  if (furthest !== undefined && furthest.last_seq > void_to) throw tooFarBehind(furthest);
}

function requireSilence({ home_answers }: HomeSurvey): void {
  if (home_answers) throw new DcpError('CONFLICT', { reason: 'home_answers' });
}

function tooFarBehind({ node_id }: KeptBy): DcpError {
  return new DcpError('CONFLICT', { reason: 'too_far_behind', node_id });
}

function keptOf({ nodes }: HomeSurvey): KeptBy[] {
  return nodes.filter((node): node is KeptBy => 'last_seq' in node);
}

function furthestOf(survey: HomeSurvey): KeptBy | undefined {
  return keptOf(survey).toSorted((a, b) => b.last_seq - a.last_seq || a.first_seq - b.first_seq)[0];
}
