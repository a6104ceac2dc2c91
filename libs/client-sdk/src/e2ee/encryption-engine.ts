import { deriveStorageKey } from './storage-key.js';
import { toBase64, type SenderKeyStart } from '@dcp/crypto';
import { DcpError, type KeyPayload, type ServerEvent } from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { Device } from '../session/device.js';
import { SealedStorage } from '../storage/sealed-storage.js';
import type { Storage } from '../storage/storage.js';
import { Archive } from './archive.js';
import { ChannelModes } from './channel-modes.js';
import { ChannelStates } from './channel-states.js';
import { Decryptor } from './decryptor.js';
import { DeviceDirectory } from './device-directory.js';
import { liveDevices } from './device-log.js';
import { Disclosure } from './disclosure.js';
import { Encryptor } from './encryptor.js';
import { KeyAnswers } from './key-answers.js';
import { KeyBackup } from './key-backup.js';
import { KeyDesk } from './key-desk.js';
import { KeyHolders } from './key-holders.js';
import { KeyQueue } from './key-queue.js';
import { KeyRequests } from './key-requests.js';
import { sealedOf } from './decryptor.js';
import { MessageReader } from './message-reader.js';
import { MonthKeys } from './month-keys.js';
import type { NodePort } from './node-port.js';
import { OwnPrekeys } from './own-prekeys.js';
import { OwnSenderKeys, startAgain, type OwnKey } from './own-sender-keys.js';
import { PairSessions } from './pair-sessions.js';
import { PastMembers } from './past-members.js';
import { ReceivedKeys, type KeyOwner } from './received-keys.js';
import { UnreadMessages } from './unread-messages.js';
import { UserMoves } from './user-moves.js';

export interface EngineOptions {
  device: Device;
  storage: Storage;
  node: NodePort;
  events: EventHub;
  /** Off for accounts that leave no trace: nothing read is kept, nothing is backed up. */
  archive: boolean;
  /** Milliseconds since 1970; default the system's clock. */
  now?: () => number;
}

const TICK_MS = 1_000;
const UPKEEP_MS = 3_600_000;
const RESTORED = 'e2ee/restored';

/** All of a device's encryption, put together: the order of these lines is the order of dependence. */
export class EncryptionEngine {
  readonly storage: Storage;
  readonly moves: UserMoves;
  readonly directory: DeviceDirectory;
  readonly modes: ChannelModes;
  readonly states: ChannelStates;
  readonly prekeys: OwnPrekeys;
  readonly sessions: PairSessions;
  readonly received: ReceivedKeys;
  readonly own: OwnSenderKeys;
  readonly months: MonthKeys;
  readonly archive: Archive;
  readonly backup: KeyBackup;
  readonly encryptor: Encryptor;
  readonly reader: MessageReader;
  readonly queue: KeyQueue;
  readonly requests: KeyRequests;
  readonly answers: KeyAnswers;
  /** Keys of single messages, for whoever shall judge them. */
  readonly disclosure: Disclosure;
  private readonly unread: UnreadMessages;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private upkeepDue = 0;
  private takenUp = false;
  private ticked: Promise<void> | undefined;

  constructor(private readonly options: EngineOptions) {
    const { device, node, events, archive, now = Date.now } = options;
    const storage = new SealedStorage(options.storage, deriveStorageKey(device.seed));
    this.storage = storage;
    this.moves = new UserMoves(storage, events, now);
    this.directory = new DeviceDirectory(storage, node, events, this.moves);
    const { directory } = this;
    this.modes = new ChannelModes(storage, node);
    this.states = new ChannelStates(device.userId, storage, node, directory, events);
    this.prekeys = new OwnPrekeys(device, storage, node, now, () => this.dropUsedKeys());
    this.sessions = new PairSessions(device, storage, node, directory, this.prekeys, events, now);
    this.received = new ReceivedKeys(storage, now);
    this.own = new OwnSenderKeys(storage, archive, now);
    this.backup = new KeyBackup(storage, node, archive ? device.backupKey : undefined, now);
    this.months = new MonthKeys(storage, (key) => this.backup.addMonth(key));
    this.archive = new Archive(storage, this.months, archive);
    this.unread = new UnreadMessages(storage);
    const { states, sessions, received, own, unread, backup, months } = this;
    this.disclosure = new Disclosure({ received, backup, months, archive: this.archive, now });
    const self = { userId: device.userId, device: device.id };
    const holders = new KeyHolders(self, states, directory);
    this.requests = new KeyRequests({
      own: self,
      send: (outgoing) => sessions.send(outgoing),
      holders: (owner) => holders.of(owner),
      recover: (keyIds) => this.recover(keyIds, false),
      now,
    });
    const { requests } = this;
    const onNewKey = (key: OwnKey) => this.backUpOwn(key);
    this.encryptor = new Encryptor({ device, states, directory, keys: own, sessions, onNewKey, now });
    const decryptor = new Decryptor({ userId: device.userId, states, directory, keys: received, events, now });
    this.answers = new KeyAnswers({
      self,
      own,
      states,
      past: new PastMembers(states, node),
      decryptor,
      node,
      send: (outgoing) => sessions.send(outgoing),
      handOver: (channelId) => this.encryptor.prepare(channelId),
      backedUp: async (keyId) => (await this.backup.find(this.months, [keyId]))[0],
    });
    const desk = new KeyDesk({
      states,
      received,
      answers: this.answers,
      events,
      onKey: (owner, start, shared) => this.keyCame(owner, start, shared),
      onRefusal: (keyId) => this.refused(keyId),
      isWanted: (keyId, owner) => requests.wants(keyId, owner),
    });
    this.queue = new KeyQueue({ storage, node, sessions, desk, events, now });
    this.reader = new MessageReader({
      userId: device.userId,
      storage,
      states,
      decryptor,
      keys: received,
      archive: this.archive,
      unread,
      requests,
      events,
      drainQueue: () => this.queue.drain(),
      recover: (keyIds, anew) => this.recover(keyIds, anew),
      noteAnswer: (channelId) => this.encryptor.noteAnswer(channelId),
    });
  }

  /** The socket is up. What keys need of the node is done now, or as soon as the node can. */
  async online(): Promise<void> {
    this.directory.forgetFreshness();
    this.takenUp = false;
    clearInterval(this.ticking);
    this.ticking = setInterval(() => {
      // Messages wait for nothing else that the node does not answer.
      this.reader.goOn();
      this.ticked ??= this.tick();
    }, TICK_MS);
    // A node whose keys service is away still serves its readable channels.
    await this.takeUp().catch(() => undefined);
  }

  offline(): void {
    clearInterval(this.ticking);
    this.ticking = undefined;
  }

  /** Resolves when nothing of it is under way. */
  async idle(): Promise<void> {
    await this.ticked;
    await this.queue.idle();
    await this.answers.idle();
    await this.reader.idle();
  }

  /** Publishes prekeys, takes what lies in the queue, asks again for what is missing. */
  private async takeUp(): Promise<void> {
    await this.prekeys.maintain();
    await this.restoreOnce();
    await this.queue.drain();
    await this.wantUnread();
    this.takenUp = true;
  }

  /** Events of the node that concern keys. */
  handle(event: ServerEvent): void {
    if (event.event === 'device_queue') void this.queue.drain().catch(() => undefined);
    else if (event.event === 'keys_low') void this.prekeys.maintain().catch(() => undefined);
    else if (event.event === 'devices_changed') this.devicesChanged(event.data.user_id);
    else if (event.event === 'user_moved') void this.userMoved(event.data).catch(() => undefined);
  }

  /** Checked under the key that one knows of him. What fails now is in every answer about him, too. */
  private async userMoved({ user_id, moved_to }: { user_id: string; moved_to: unknown }): Promise<void> {
    const log = (await this.directory.known(user_id)) ?? (await this.directory.log(user_id));
    if (log !== undefined) await this.moves.note(user_id, log.identityKey, moved_to);
  }

  /** This storage is an old copy (a restored backup): what it holds may have been used since, so nothing of it is used again. */
  async restored(): Promise<void> {
    await this.dropUsedKeys();
    await this.prekeys.voidStock();
  }

  private async dropUsedKeys(): Promise<void> {
    await this.sessions.clear();
    await this.own.retireAll();
    // What this device wrote since the copy was made, only the backup can open.
    await this.storage.delete(RESTORED);
  }

  /**
   * Lets a member read what was written before he came, as far as one can read it oneself: hands him the keys of the backup. Answers how
   * many. A false key opens nothing: every message is signed by its author.
   */
  async shareHistory(channelId: string, userId: string): Promise<number> {
    await this.backup.flush();
    const log = await this.directory.log(userId);
    const state = await this.states.forSending(channelId);
    if (log === undefined || state.members[userId] === undefined)
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member', user_id: userId });
    const keys = (await this.backup.read(this.months)).filter(({ owner }) => owner.channelId === channelId);
    const outgoing = liveDevices(log).flatMap(({ id }) =>
      keys.map(({ owner, start }) => ({ userId, device: id, payload: sharePayload(owner, start, state.epoch) })),
    );
    await this.sessions.send(outgoing);
    return keys.length;
  }

  /** A month's messages become unreadable here and in the backup; the other devices do the same on their own. */
  async forgetMonth(month: string): Promise<void> {
    await this.backup.delete(month);
    await this.months.delete(month);
  }

  private devicesChanged(userId: string): void {
    this.directory.noteChange(userId);
    this.options.events.emit('devicesChanged', { userId });
  }

  private async restoreOnce(): Promise<void> {
    if (!this.backup.enabled || (await this.storage.get<boolean>(RESTORED)) === true) return;
    await this.backup.restore(this.months, this.received);
    await this.storage.set(RESTORED, true);
  }

  private async wantUnread(): Promise<void> {
    for (const { message } of await this.unread.all()) {
      const { frame } = sealedOf(message);
      const owner = { channelId: frame.channel_id, userId: frame.author, device: frame.device };
      this.requests.want(frame.key_id, owner, frame.n, message.node.seq);
      // It may have come in a way that told nobody: a restore.
      await this.reader.keyArrived(frame.channel_id, frame.key_id);
    }
  }

  private async tick(): Promise<void> {
    try {
      if (!this.takenUp) await this.takeUp();
      await this.requests.tick();
      await this.backup.flush();
      await this.upkeep();
    } catch {
      // The node is away or full: the next tick tries again.
    } finally {
      this.ticked = undefined;
    }
  }

  private async upkeep(): Promise<void> {
    if (Date.now() < this.upkeepDue) return;
    this.upkeepDue = Date.now() + UPKEEP_MS;
    await this.prekeys.maintain();
    await this.received.sweep();
    await this.own.sweep();
  }

  private async backUpOwn(key: OwnKey): Promise<void> {
    const start = startAgain(key, 0);
    const { userId, id } = this.options.device;
    if (start === undefined) return;
    await this.backup.add(this.months, { channelId: key.channelId, userId, device: id }, start);
    // Before anything is said under it: a device that is lost in a moment leaves nothing unreadable. A full backup stops nobody.
    await this.backup.flush().catch(() => undefined);
  }

  /** Keys that another device of this user has backed up. */
  private async recover(keyIds: string[], anew: boolean): Promise<boolean> {
    let found = false;
    for (const { owner, start } of await this.backup.find(this.months, keyIds)) {
      if (!(anew ? await this.received.renew(owner, start) : await this.received.put(owner, start))) continue;
      found = true;
      // Not waited for: whoever reads now holds the channel.
      void this.reader.keyArrived(owner.channelId, start.keyId).catch(() => undefined);
    }
    return found;
  }

  private async keyCame(owner: KeyOwner, start: SenderKeyStart, shared: boolean): Promise<void> {
    // The backup keeps what is there: a false share must not take the owner's place in it.
    if (!shared) await this.backup.add(this.months, owner, start);
    // Not waited for: the queue goes on while messages are read.
    void this.reader.keyArrived(owner.channelId, start.keyId).catch(() => undefined);
  }

  private async refused(keyId: string): Promise<void> {
    this.requests.settle(keyId);
    await this.reader.keyRefused(keyId);
  }
}

function sharePayload(
  { channelId, userId, device }: KeyOwner,
  { keyId, n, chainKey }: SenderKeyStart,
  epoch: number,
): KeyPayload {
  const chain = toBase64(chainKey);
  return { t: 'share', channel_id: channelId, user_id: userId, device, epoch, key_id: keyId, n, chain };
}
