import {
  formatKey,
  randomBytes,
  signDigest,
  toBase32,
  generateEd25519KeyPair,
  ed25519PublicKey,
  toBase64,
  fromBase64,
} from '@dcp/crypto';
import {
  asDcpError,
  DcpError,
  linkGrant,
  messageSigningInput,
  signingInput,
  type Genesis,
  type Mandate,
  type StateEntry,
  type SystemAction,
} from '@dcp/protocol';
import { newMessageId } from '../channels/compose.js';
import { formatLink } from '../links.js';
import { deviceKey, type Device } from '../session/device.js';
import { chainFromGenesis, channelIdOf, extendChain } from './channel-chain.js';
import type { ChannelStates, InviteLinkProof } from './channel-states.js';
import type { DeviceDirectory } from './device-directory.js';
import { signingKeyOf } from './device-log.js';
import type { NodePort } from './node-port.js';

/** The node's answer to a change. */
export interface Changed {
  channel: string;
  channel_id: string;
  seq: number;
  head: number;
}

export interface NewChannel {
  visibility: 'public' | 'private' | 'group';
  /** `#name`; a group's is drawn. */
  name: string;
  title?: string | undefined;
  description?: string | undefined;
  /** Of a group: the others. */
  members?: string[] | undefined;
}

/** An invite link: whoever has it may join until `expires`. The part behind `#` never reaches a server. */
export interface InviteLink {
  channelId: string;
  key: string;
  expires: string;
  url: string;
}

function textsOf({ title, description }: Pick<NewChannel, 'title' | 'description'>): {
  name?: string;
  description?: string;
} {
  return { ...(title === undefined ? {} : { name: title }), ...(description === undefined ? {} : { description }) };
}

/** Others change the channel at the same moment, or the node's copy of it is behind its home: together about six seconds. */
const MAX_ATTEMPTS = 9;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2_000;

/** Changes of `e2ee` channels: each an entry of the state chain, signed here, and made anew when somebody else's came first. */
export class StateChanges {
  constructor(
    private readonly device: Device,
    private readonly homeNode: string,
    private readonly node: NodePort,
    private readonly states: ChannelStates,
    private readonly directory: DeviceDirectory,
    private readonly now: () => number,
  ) {}

  async create(wish: NewChannel): Promise<Changed> {
    const genesis = await this.genesisOf(wish);
    const channelId = channelIdOf(genesis);
    const signature = this.signGenesis(genesis);
    const details = { identity_key: await this.ownIdentityKey() };
    const entry = this.sign(channelId, null, 'channel_created', wish.name, details);
    const request = { channel: wish.name, encryption: 'e2ee', genesis, signature, entry };
    const changed = await this.node.command<Changed>('create_channel', { ...request, ...textsOf(wish) });
    const own = (await this.directory.log(this.device.userId))?.devices[this.device.id];
    const state = chainFromGenesis(channelId, genesis, signature);
    await this.states.begin(
      extendChain(state, entry, changed.seq, () => (own === undefined ? undefined : signingKeyOf(own))),
    );
    return changed;
  }

  /** A public channel that the node reads. It has no chain; its genesis is signed here all the same: its id proves whose it is. */
  async createReadable(wish: Omit<NewChannel, 'visibility' | 'members'>): Promise<Changed> {
    const genesis = { ...(await this.genesisOf({ ...wish, visibility: 'public' })), encryption: 'node' as const };
    const request = { channel: wish.name, encryption: 'node', genesis, signature: this.signGenesis(genesis) };
    return await this.node.command<Changed>('create_channel', { ...request, ...textsOf(wish) });
  }

  private signGenesis(genesis: Genesis): string {
    return signDigest(this.device.seed, signingInput('GENESIS', genesis));
  }

  /** Joins a public channel, or one that one is invited to, or by the link. */
  async join(channelId: string, link?: string): Promise<Changed> {
    const proof = link === undefined ? undefined : this.proofOf(channelId, link);
    const details = { identity_key: await this.ownIdentityKey(), ...(proof === undefined ? {} : { link: proof }) };
    await this.states.refresh(channelId, proof);
    return await this.change('join_channel', channelId, 'user_joined', this.device.userId, details, proof);
  }

  leave(channelId: string): Promise<Changed> {
    return this.change('leave_channel', channelId, 'user_left', this.device.userId);
  }

  /** Names the identity key that one knows of him, so that the node cannot let in somebody else under his name. */
  async invite(channelId: string, userId: string): Promise<Changed> {
    const log = await this.directory.log(userId);
    if (log === undefined) throw new DcpError('USER_NOT_FOUND', { user_id: userId });
    return await this.change('invite_user', channelId, 'user_invited', userId, { identity_key: log.identityKey });
  }

  decline(channelId: string): Promise<Changed> {
    return this.change('change_state', channelId, 'invitation_revoked', this.device.userId);
  }

  withdrawInvitation(channelId: string, userId: string): Promise<Changed> {
    return this.change('change_state', channelId, 'invitation_revoked', userId);
  }

  kick(channelId: string, userId: string): Promise<Changed> {
    return this.change('kick_user', channelId, 'user_removed', userId);
  }

  ban(channelId: string, userId: string): Promise<Changed> {
    return this.change('ban_user', channelId, 'user_banned', userId);
  }

  unban(channelId: string, userId: string): Promise<Changed> {
    return this.change('ban_user', channelId, 'user_unbanned', userId);
  }

  async describe(
    channelId: string,
    settings: { name?: string; description?: string; mandate?: Mandate },
  ): Promise<Changed> {
    const { channel } = await this.nameOf(channelId);
    return await this.change('change_state', channelId, 'settings_changed', channel, settings);
  }

  /** Throws CONFLICT `old_mandate` where the chain had one that counts before this: nodes take the entry all the same. */
  async appoint(channelId: string, mandate: Mandate): Promise<void> {
    await this.describe(channelId, { mandate });
    const { mandate: counted = mandate } = await this.states.get(channelId);
    if (counted.serial < mandate.serial || counted.signature === mandate.signature) return;
    throw new DcpError('CONFLICT', { reason: 'old_mandate', serial: counted.serial });
  }

  async createLink(channelId: string, host: string, lifeMs: number): Promise<InviteLink> {
    const { publicKey, seed } = generateEd25519KeyPair();
    const key = formatKey('ed25519', publicKey);
    const expires = new Date(this.now() + lifeMs).toISOString();
    await this.change('invite_user', channelId, 'link_created', this.device.userId, { key, expires });
    const secret = toBase64(seed.reveal()).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    seed.wipe();
    return { channelId, key, expires, url: formatLink({ kind: 'channel', channelId, via: host, secret }) };
  }

  revokeLink(channelId: string, key: string): Promise<Changed> {
    return this.change('invite_user', channelId, 'link_revoked', this.device.userId, { key });
  }

  /** The state may have moved on: it is read, checked, and the entry made again. */
  private async change(
    command: string,
    channelId: string,
    action: SystemAction,
    target: string,
    details: Record<string, unknown> = {},
    proof?: InviteLinkProof,
  ): Promise<Changed> {
    for (let attempt = 1; ; attempt++) {
      const state = await this.states.get(channelId);
      const entry = this.sign(channelId, state.head, action, target, details);
      try {
        return await this.node.command<Changed>(command, { channel: channelId, entry });
      } catch (thrown) {
        const error = asDcpError(thrown);
        if (error.details['reason'] !== 'stale_state' || attempt === MAX_ATTEMPTS) throw error;
        const head = (await this.states.refresh(channelId, proof)).head;
        if (head === state.head || attempt > 2) await pause(attempt);
      }
    }
  }

  private sign(
    channelId: string,
    prevState: string | null,
    action: SystemAction,
    target: string,
    details: Record<string, unknown>,
  ): StateEntry {
    const unsigned = {
      id: newMessageId(),
      type: 'system' as const,
      timestamp: new Date(this.now()).toISOString(),
      author: this.device.userId,
      device: this.device.id,
      channel_id: channelId,
      prev_state: prevState,
      ...(this.device.certificate === undefined ? {} : { certificate: this.device.certificate }),
      content: { action, actor: this.device.userId, target, details },
      encryption: { algorithm: 'none' as const, key_id: 'state', nonce: '' as const },
      metadata: {},
    };
    return { ...unsigned, signature: signDigest(this.device.seed, messageSigningInput(unsigned)) };
  }

  private async genesisOf({ visibility, name, members = [] }: NewChannel): Promise<Genesis> {
    const genesis = {
      version: '1.0' as const,
      name,
      home_node: this.homeNode,
      encryption: 'e2ee' as const,
      visibility,
      creator: this.device.userId,
      creator_key: deviceKey(this.device),
      created: new Date(this.now()).toISOString(),
      random: toBase32(randomBytes(20)),
    };
    if (visibility !== 'group') return genesis;
    const everybody = [...new Set([this.device.userId, ...members])];
    const logs = await this.directory.logs(everybody);
    return {
      ...genesis,
      members: everybody.map((user_id) => {
        const log = logs.get(user_id);
        if (log === undefined) throw new DcpError('USER_NOT_FOUND', { user_id });
        return { user_id, identity_key: log.identityKey };
      }),
    };
  }

  private async ownIdentityKey(): Promise<string> {
    const log = await this.directory.log(this.device.userId);
    if (log === undefined) throw new DcpError('USER_NOT_FOUND', { user_id: this.device.userId });
    return log.identityKey;
  }

  private async nameOf(channelId: string): Promise<{ channel: string }> {
    return await this.node.command<{ channel: string }>('subscribe', { channel: channelId });
  }

  private proofOf(channelId: string, link: string): InviteLinkProof {
    const secret = fromBase64(link.slice(link.lastIndexOf('#') + 1));
    const proof = signDigest(secret, signingInput('GRANT', linkGrant(channelId, this.device.userId)));
    return { key: formatKey('ed25519', ed25519PublicKey(secret)), proof };
  }
}

/** `#dm/` and 12 random base32 characters (§9.2). */
export function newGroupName(): string {
  return `#dm/${toBase32(randomBytes(8)).slice(0, 12)}`;
}

/** Longer each time, and not the same for all who wait. */
function pause(attempt: number): Promise<void> {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
  return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
}
