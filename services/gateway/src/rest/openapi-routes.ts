import {
  authSuccess,
  challengeFrame,
  channelList,
  channelSummary,
  createChannel,
  ENCRYPTION_MODES,
  handOverBody,
  handoverRecord,
  mandateSchema,
  historyQuery,
  meetNode,
  messageHistory,
  messageReport,
  messageSchema,
  moveAnswer,
  moveBody,
  newDecision,
  nodeInfo,
  plainMessageSchema,
  postAnswer,
  putBackup,
  registerAnswer,
  registerBody,
  restAuthProof,
  restAuthRefresh,
  restChallengeRequest,
  timeField,
  updateChannel,
  userProfile,
} from '@dcp/protocol';
import { z } from 'zod';
import { accountBody } from './accounts.controller.js';
import { inviteBody } from './admin.controller.js';
import { backupMonth, backupPage, backupQuery, deletedAnswer, keptAnswer } from './backup.controller.js';
import { entryBody } from './channels.controller.js';
import { deviceBody, identityFileBody } from './auth.controller.js';
import { doctorQuery, peersQuery } from './federation.controller.js';
import { reportsQuery } from './reports.controller.js';
import {
  appealBody,
  decisionsQuery,
  exportQuery,
  importBody,
  levelBody,
  overrideBody,
  trustPage,
} from './trust.controller.js';

/** One REST call, as the OpenAPI document describes it. */
export interface Route {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` for parameters. */
  path: string;
  summary: string;
  /** False for what anybody may call. */
  session: boolean;
  status: number;
  query?: z.ZodType;
  body?: z.ZodType;
  answer: z.ZodType;
}

const anything = z.record(z.string(), z.unknown());
const stateChange = z.looseObject({
  channel: z.string(),
  channel_id: z.string(),
  seq: z.number().int(),
  changed: z.boolean(),
  encryption: z.enum(ENCRYPTION_MODES),
  visibility: z.string(),
  state_head: z.string().nullable(),
  epoch: z.number().int(),
});
const channelHome = z.looseObject({
  channel: z.string(),
  channel_id: z.string(),
  home_node: z.string(),
  home_epoch: z.number().int(),
  state: z.enum(['settled', 'moving']),
  handovers: z.array(handoverRecord),
  mandate: mandateSchema.optional(),
});
const homeSurvey = z.looseObject({
  channel: z.string(),
  channel_id: z.string(),
  home_node: z.string(),
  home_epoch: z.number().int(),
  home_answers: z.boolean(),
  nodes: z.array(anything),
  mandate: mandateSchema.optional(),
});
const invitation = z.looseObject({
  channel: z.string(),
  channel_id: z.string(),
  title: z.string(),
  invited_by: z.string(),
  created: timeField,
});
const invitationsList = z.looseObject({ invitations: z.array(invitation) });
const postBody = z.union([plainMessageSchema, messageSchema]);
const policy = z.looseObject({ node_info: nodeInfo, registration: z.string(), proof_of_work: anything });
const sessionsList = z.looseObject({ sessions: z.array(anything) });
const revoked = z.looseObject({ revoked: z.number().int() });
const metNode = z.looseObject({ node_id: z.string() });
const reportReceipt = z.looseObject({ id: z.string(), verified: z.boolean(), fault: z.string().nullable() });
const userAnswer = z.looseObject({ user_id: z.string() });

type Row = [Route['method'], string, string, Route['answer'], Partial<Route>?];

const FEDERATION_PATH = '/api/v1/admin/federation';
const TRUST_PATH = '/api/v1/admin/trust';

const ROWS: Row[] = [
  ['get', '/api/v1/node', 'The node, its registration policy and proof of work', policy, { session: false }],
  ['post', '/api/v1/nodes', 'Find the node at a host, as links name it (`via`)', metNode, { body: meetNode }],
  ['get', '/api/v1/openapi.json', 'This document', anything, { session: false }],
  ['get', '/.well-known/dcp/node.json', 'The signed node document', anything, { session: false }],
  ['get', '/.well-known/jwks.json', 'Keys that verify session tokens', anything, { session: false }],
  ['get', '/.well-known/security.txt', 'Where to report a vulnerability (RFC 9116)', z.string(), { session: false }],
  [
    'post',
    '/api/v1/accounts',
    'Register an identity file',
    registerAnswer,
    { session: false, status: 201, body: registerBody },
  ],
  ['get', '/api/v1/accounts/me', 'The own account', anything],
  ['get', '/api/v1/accounts/me/channels', 'The channels one is in', anything],
  ['get', '/api/v1/accounts/me/invitations', 'Channels that one is invited to', invitationsList],
  [
    'put',
    '/api/v1/accounts/me',
    'Replace the own identity file (profile, preferences, encrypted_data)',
    userAnswer,
    { body: accountBody },
  ],
  ['post', '/api/v1/accounts/me/move', 'The own account goes on at another node', moveAnswer, { body: moveBody }],
  ['delete', '/api/v1/accounts/me', 'End the own account and wipe what it wrote', userAnswer],
  [
    'post',
    '/api/v1/auth/challenge',
    'Ask for a challenge (§5.2)',
    challengeFrame,
    { session: false, body: restChallengeRequest },
  ],
  [
    'post',
    '/api/v1/auth/proof',
    'Prove the identity, get a session (§5.2)',
    authSuccess,
    { session: false, body: restAuthProof },
  ],
  [
    'post',
    '/api/v1/auth/refresh',
    'Renew a session token (§5.3)',
    authSuccess,
    { session: false, body: restAuthRefresh },
  ],
  ['get', '/api/v1/auth/sessions', 'The own sessions', sessionsList],
  ['delete', '/api/v1/auth/sessions', 'End all own sessions', revoked],
  ['delete', '/api/v1/auth/sessions/{id}', 'End one own session', revoked],
  ['post', '/api/v1/auth/devices', 'Append to the own device log', anything, { status: 201, body: deviceBody }],
  [
    'post',
    '/api/v1/auth/identity-file',
    'KDF parameters, or the identity file for a retrieval key',
    anything,
    { session: false, body: identityFileBody },
  ],
  ['get', '/api/v1/users/{user_id}', 'A user (§8.3)', userProfile],
  ['get', '/api/v1/users/{user_id}/devices', 'The device log of a user', anything],
  ['get', '/api/v1/channels', 'Public channels (§8.3)', channelList],
  [
    'post',
    '/api/v1/channels',
    'Create a channel, or open the DM with @user-id',
    stateChange,
    { status: 201, body: createChannel },
  ],
  ['get', '/api/v1/channels/{channel}', 'One channel', channelSummary],
  [
    'patch',
    '/api/v1/channels/{channel}',
    'Change title or description',
    stateChange,
    { body: updateChannel.omit({ channel: true }) },
  ],
  ['post', '/api/v1/channels/{channel}/join', 'Join', stateChange, { body: entryBody }],
  ['post', '/api/v1/channels/{channel}/leave', 'Leave', stateChange, { body: entryBody }],
  ['get', '/api/v1/channels/{channel}/members', 'Members', anything],
  ['get', '/api/v1/channels/{channel}/home', 'Where a channel has its home', channelHome],
  ['get', '/api/v1/channels/{channel}/home/survey', 'What is left of a channel whose home may be lost', homeSurvey],
  ['post', '/api/v1/channels/{channel}/home', 'Move the home of the own channel', channelHome, { body: handOverBody }],
  ['get', '/api/v1/channels/{channel}/messages', 'History (§8.3)', messageHistory, { query: historyQuery }],
  [
    'post',
    '/api/v1/channels/{channel}/messages',
    'Post a message (§8.3): plain, or signed by its author (§6.1)',
    postAnswer,
    { status: 201, body: postBody },
  ],
  ['put', '/api/v1/backup/records', 'Keep sealed backup records; what is there stays', keptAnswer, { body: putBackup }],
  [
    'get',
    '/api/v1/backup/records',
    'The own sealed backup, in pages by id, or the records that are named',
    backupPage,
    { query: backupQuery },
  ],
  ['delete', '/api/v1/backup/records', 'Delete a month of it, or all', deletedAnswer, { query: backupMonth }],
  ['post', '/api/v1/admin/users/{user_id}/suspend', 'Suspend a user', anything],
  ['post', '/api/v1/admin/users/{user_id}/unsuspend', 'Lift a suspension', anything],
  ['post', '/api/v1/admin/users/{user_id}/approve', 'Approve a registration', userAnswer],
  ['get', '/api/v1/admin/pending', 'Registrations that wait for approval', anything],
  ['get', '/api/v1/admin/invites', 'Invites', anything],
  ['post', '/api/v1/admin/invites', 'Make an invite', anything, { status: 201, body: inviteBody }],
  ['get', `${FEDERATION_PATH}/peers`, 'Other nodes that were seen, and their links', anything, { query: peersQuery }],
  ['delete', `${FEDERATION_PATH}/peers/{node_id}`, 'Forget the pinned key of a node', anything],
  ['get', `${FEDERATION_PATH}/doctor`, 'Check the way to a node, or to this one', anything, { query: doctorQuery }],
  ['get', `${TRUST_PATH}/levels`, 'Trust levels of other nodes (§10.3)', anything, { query: trustPage }],
  ['put', `${TRUST_PATH}/levels/{node_id}`, 'Set the trust level of a node', anything, { body: levelBody }],
  ['get', `${TRUST_PATH}/decisions`, 'Decisions of all nodes, newest first', anything, { query: decisionsQuery }],
  [
    'post',
    `${TRUST_PATH}/decisions`,
    'Decide, for this node and those who trust it',
    anything,
    { status: 201, body: newDecision },
  ],
  ['post', `${TRUST_PATH}/decisions/{id}/lift`, 'Take a decision of this node back', anything],
  ['post', `${TRUST_PATH}/decisions/{id}/approve`, 'Apply a decision of another node', anything],
  ['post', `${TRUST_PATH}/decisions/{id}/reject`, 'Do not apply it', anything],
  [
    'put',
    `${TRUST_PATH}/decisions/{id}/appeal`,
    'Write down what the one concerned says',
    anything,
    { body: appealBody },
  ],
  [
    'get',
    `${TRUST_PATH}/review`,
    'Decisions and flagged messages that wait for a verdict',
    anything,
    { query: trustPage },
  ],
  [
    'post',
    '/api/v1/reports',
    'Report a message to those who run the node; of an encrypted one with its key, so that they can verify it',
    reportReceipt,
    { status: 201, body: messageReport },
  ],
  ['get', `${TRUST_PATH}/reports`, 'Messages that users have reported', anything, { query: reportsQuery }],
  ['post', `${TRUST_PATH}/reports/{id}/dismiss`, 'Close a report without a decision', anything],
  ['get', `${TRUST_PATH}/overrides`, 'What holds here whatever others decide', anything, { query: trustPage }],
  ['put', `${TRUST_PATH}/overrides/{target}`, 'Never here, or always', anything, { body: overrideBody }],
  ['delete', `${TRUST_PATH}/overrides/{target}`, 'End an override', anything],
  [
    'post',
    `${TRUST_PATH}/import`,
    'Ban and block what a list names; a dry run only says what would change',
    anything,
    { body: importBody },
  ],
  ['get', `${TRUST_PATH}/export`, 'What is banned and blocked here, as JSON or CSV', anything, { query: exportQuery }],
  ['get', `${TRUST_PATH}/preview/{node_id}`, 'What would change if this node were trusted', anything],
  [
    'get',
    `${TRUST_PATH}/logs`,
    'Trust logs that are known here, and whether they can be believed',
    anything,
    { query: trustPage },
  ],
  ['post', `${TRUST_PATH}/logs/{node_id}/refollow`, 'Read a forked log anew', anything],
  ['get', `${TRUST_PATH}/proof/{seq}`, 'That an entry is in the own log (RFC 9162)', anything],
];

/** Every REST call of the gateway; a test holds this list and the router's against each other. */
export const ROUTES: readonly Route[] = ROWS.map(([method, path, summary, answer, more]) => ({
  method,
  path,
  summary,
  answer,
  session: true,
  status: 200,
  ...more,
}));
