import * as z from 'zod';
import { base64Field, deviceIdField, ed25519KeyField, signatureField, timeField, userIdField } from './fields.js';

/** §5.2 and profile §3: a challenge lives five minutes, a session eight hours from its proof, a token wants refreshing after four. */
export const CHALLENGE_LIFETIME_MS = 5 * 60_000;
export const SESSION_LIFETIME_MS = 8 * 3_600_000;
export const REFRESH_AFTER_MS = 4 * 3_600_000;

export const clientInfo = z.looseObject({
  name: z.string().max(100),
  version: z.string().max(50),
  capabilities: z.array(z.string().max(40)).max(40).optional(),
});
export type ClientInfo = z.infer<typeof clientInfo>;

export const challengeRequest = z.looseObject({
  type: z.literal('auth_challenge_request'),
  user_id: userIdField,
  device: deviceIdField.optional(),
  client_info: clientInfo.optional(),
});

export const challengeFrame = z.looseObject({
  type: z.literal('auth_challenge'),
  challenge: base64Field.max(1_024),
  timestamp: timeField,
  expires: timeField,
});
export type ChallengeFrame = z.infer<typeof challengeFrame>;

export const authProof = z.looseObject({
  type: z.literal('auth_proof'),
  challenge: base64Field.max(1_024),
  signature: signatureField,
  public_key: ed25519KeyField,
});

/** Renews a token on an open socket; the answer is `auth_success` again. */
export const authRefresh = z.looseObject({ type: z.literal('auth_refresh'), session_token: z.string().max(4_096) });

export const nodeInfo = z.looseObject({
  id: z.string().max(8),
  name: z.string().max(200),
  version: z.string().max(50),
  features: z.array(z.string().max(40)).max(100),
});
export type NodeInfo = z.infer<typeof nodeInfo>;

export const authSuccess = z.looseObject({
  type: z.literal('auth_success'),
  session_token: z.string().max(4_096),
  expires: timeField,
  refresh_after: timeField.optional(),
  session_id: z.string().max(64).optional(),
  user_id: userIdField.optional(),
  node_info: nodeInfo,
});
export type AuthSuccess = z.infer<typeof authSuccess>;

/** What a client may say before and about its session. */
export const authFrame = z.discriminatedUnion('type', [challengeRequest, authProof, authRefresh]);
export type AuthFrame = z.infer<typeof authFrame>;

/** The same three over REST carry no `type`. */
export const restChallengeRequest = challengeRequest.omit({ type: true });
export const restAuthProof = authProof.omit({ type: true }).extend({ client_info: clientInfo.optional() });
export const restAuthRefresh = authRefresh.omit({ type: true });
