// libs/client-sdk/bench/figures.ts
import {
  formatKey as formatKey6,
  generateEd25519KeyPair as generateEd25519KeyPair4,
  generateMlKemKeyPair as generateMlKemKeyPair2,
  generateX25519KeyPair as generateX25519KeyPair3,
  openMessage as openMessage2,
  randomBytes as randomBytes6,
  ready,
  sealMessage as sealMessage2,
  signDigest as signDigest6,
  verifySigned as verifySigned5,
} from '@dcp/crypto';
import { messageSigningInput as messageSigningInput6, signingInput as signingInput7 } from '@dcp/protocol';

// libs/client-sdk/src/channels/compose.ts
import { randomBytes, signDigest, toBase32 } from '@dcp/crypto';
import { checkMessageSize, messageSigningInput } from '@dcp/protocol';
function newMessageId() {
  return `msg_${toBase32(randomBytes(10))}`;
}
function writeMessage(device, channelId, draft, now = /* @__PURE__ */ new Date()) {
  const { text, format = 'plain', mentions = [], replyTo = null } = draft;
  return {
    id: newMessageId(),
    type: 'text',
    author: device.userId,
    device: device.id,
    channel_id: channelId,
    timestamp: now.toISOString(),
    content: { text, format, mentions, reply_to: replyTo },
  };
}

// libs/client-sdk/test/actor.ts
import { formatKey as formatKey5, generateEd25519KeyPair as generateEd25519KeyPair3 } from '@dcp/crypto';
import { DcpError as DcpError10 } from '@dcp/protocol';

// libs/client-sdk/src/e2ee/storage-key.ts
import { hkdf, SecretBytes, toUtf8 } from '@dcp/crypto';
function deriveStorageKey(signingSeed) {
  return new SecretBytes(hkdf(signingSeed, toUtf8('DCP-STORAGE-V1')));
}
function deriveBackupKey(identitySeed) {
  return new SecretBytes(hkdf(identitySeed, toUtf8('DCP-BACKUP-V1')));
}

// libs/client-sdk/src/e2ee/encryption-engine.ts
import { toBase64 as toBase6413 } from '@dcp/crypto';
import { DcpError as DcpError8 } from '@dcp/protocol';

// libs/client-sdk/src/storage/sealed-storage.ts
import { fromBase64, fromUtf8, openState, sealState, toBase64, toUtf8 as toUtf82 } from '@dcp/crypto';
var SealedStorage = class {
  constructor(inner, key2) {
    this.inner = inner;
    this.key = key2;
  }
  inner;
  key;
  async get(key2) {
    const sealed = await this.inner.get(key2);
    if (sealed === void 0) return void 0;
    return JSON.parse(fromUtf8(openState(this.key, key2, fromBase64(sealed))));
  }
  set(key2, value) {
    return this.apply(/* @__PURE__ */ new Map([[key2, value]]));
  }
  delete(key2) {
    return this.inner.delete(key2);
  }
  async apply(changes) {
    await this.inner.apply(
      new Map([...changes].map(([key2, value]) => [key2, value === void 0 ? void 0 : this.seal(key2, value)])),
    );
  }
  keys(prefix) {
    return this.inner.keys(prefix);
  }
  seal(key2, value) {
    return toBase64(sealState(this.key, key2, toUtf82(JSON.stringify(value))));
  }
};

// libs/client-sdk/src/e2ee/archive.ts
import { fromUtf8 as fromUtf83, toUtf8 as toUtf84 } from '@dcp/crypto';

// libs/client-sdk/src/e2ee/month-keys.ts
import {
  fromBase64 as fromBase642,
  openState as openState2,
  randomBytes as randomBytes2,
  sealState as sealState2,
  toBase32 as toBase322,
  toBase64 as toBase642,
  SecretBytes as SecretBytes2,
} from '@dcp/crypto';
var PREFIX = 'archive-key/';
var MonthKeys = class {
  constructor(storage, onNew) {
    this.storage = storage;
    this.onNew = onNew;
  }
  storage;
  onNew;
  cache = /* @__PURE__ */ new Map();
  current = /* @__PURE__ */ new Map();
  /** The key under which something of this month is kept. */
  async forMonth(month) {
    const known = this.current.get(month) ?? (await this.firstStored(month));
    const key2 = known ?? (await this.make(month));
    this.current.set(month, key2);
    return key2;
  }
  async find(id) {
    const cached = this.cache.get(id);
    if (cached !== void 0) return cached;
    const stored = await this.storage.get(PREFIX + id);
    return stored === void 0 ? void 0 : this.remember(id, new SecretBytes2(fromBase642(stored)));
  }
  /** A key of the backup. */
  async adopt(id, key2) {
    await this.storage.set(PREFIX + id, toBase642(key2));
    this.remember(id, new SecretBytes2(key2));
  }
  async seal(month, context, plaintext) {
    const { id, key: key2 } = await this.forMonth(month);
    return `${id}:${toBase642(sealState2(key2, context, plaintext))}`;
  }
  /** Undefined when the month was deleted. Throws CryptoError for anything that was not sealed so. */
  async open(sealed, context) {
    const colon = sealed.indexOf(':');
    const key2 = await this.find(sealed.slice(0, Math.max(colon, 0)));
    return key2 === void 0 ? void 0 : openState2(key2.key, context, fromBase642(sealed.slice(colon + 1)));
  }
  /** The months that have a key here. */
  async months() {
    const ids = await this.storage.keys(PREFIX);
    return [...new Set(ids.map((name) => monthOf(name.slice(PREFIX.length))))];
  }
  async delete(month) {
    const names = (await this.storage.keys(PREFIX)).filter((name) => monthOf(name.slice(PREFIX.length)) === month);
    await this.storage.apply(new Map(names.map((name) => [name, void 0])));
    for (const name of names) {
      this.cache.get(name.slice(PREFIX.length))?.key.wipe();
      this.cache.delete(name.slice(PREFIX.length));
    }
    this.current.delete(month);
  }
  async firstStored(month) {
    const [name] = await this.storage.keys(`${PREFIX}${month}.`);
    return name === void 0 ? void 0 : await this.find(name.slice(PREFIX.length));
  }
  async make(month) {
    const id = `${month}.${toBase322(randomBytes2(5))}`;
    const bytes = randomBytes2(32);
    await this.adopt(id, bytes);
    const key2 = this.remember(id, new SecretBytes2(bytes));
    await this.onNew(key2);
    return key2;
  }
  remember(id, key2) {
    const entry = { id, month: monthOf(id), key: key2 };
    this.cache.set(id, entry);
    return entry;
  }
};
function monthOf(id) {
  return id.slice(0, 7);
}
function monthAt(time) {
  return new Date(time).toISOString().slice(0, 7);
}

// libs/client-sdk/src/e2ee/search-index.ts
import { fromUtf8 as fromUtf82, toUtf8 as toUtf83 } from '@dcp/crypto';

// libs/client-sdk/src/e2ee/serial.ts
var Serial = class {
  tail = Promise.resolve();
  run(task) {
    const result = this.tail.then(task, task);
    this.tail = result.catch(() => void 0);
    return result;
  }
};
var SerialByKey = class {
  lines = /* @__PURE__ */ new Map();
  async run(key2, task) {
    const line = this.lines.get(key2) ?? { serial: new Serial(), waiting: 0 };
    this.lines.set(key2, line);
    line.waiting++;
    try {
      return await line.serial.run(task);
    } finally {
      if (--line.waiting === 0) this.lines.delete(key2);
    }
  }
};

// libs/client-sdk/src/e2ee/search-index.ts
var PREFIX2 = 'index/';
var SEGMENT_MESSAGES = 200;
var MAX_WORDS = 400;
var MAX_WORD_LENGTH = 40;
var SAVE_PAUSE_MS = 1e3;
var MAX_OPEN = 100;
var SearchIndex = class {
  constructor(storage, months) {
    this.storage = storage;
    this.months = months;
  }
  storage;
  months;
  lines = new SerialByKey();
  /** The segment that is being filled, by channel and month. */
  filling = /* @__PURE__ */ new Map();
  timer;
  /** Adding a message again does no harm. */
  async add(messages) {
    const rows = /* @__PURE__ */ new Map();
    for (const message of messages) {
      const row = `${message.channelId}/${monthAt(message.timestamp)}`;
      rows.set(row, [...(rows.get(row) ?? []), message]);
    }
    for (const [row, added] of rows) await this.lines.run(row, () => this.addTo(row, added));
  }
  /** Messages that hold every word of the query (the last one as a prefix), newest months first. */
  async search(query, { channelId, limit = 50 } = {}) {
    const words = wordsOf(query);
    if (words.length === 0) return [];
    await this.flush();
    const names = await this.storage.keys(channelId === void 0 ? PREFIX2 : `${PREFIX2}${channelId}/`);
    const hits = /* @__PURE__ */ new Map();
    for (const name of names.sort(newestFirst)) {
      const channel = name.slice(PREFIX2.length).split('/')[0] ?? '';
      for (const id of matches(await this.load(name), words)) hits.set(id, { channelId: channel, id });
      if (hits.size >= limit) break;
    }
    return [...hits.values()].slice(0, limit);
  }
  /** Writes what was added. */
  async flush() {
    clearTimeout(this.timer);
    this.timer = void 0;
    for (const [row, open] of this.filling) await this.lines.run(row, () => this.saveOpen(open));
    for (const row of [...this.filling.keys()].slice(0, Math.max(0, this.filling.size - MAX_OPEN)))
      this.filling.delete(row);
  }
  async addTo(row, messages) {
    let open = this.filling.get(row) ?? (await this.lastOf(row));
    for (const message of messages) {
      if (open.segment.ids.length >= SEGMENT_MESSAGES) {
        await this.saveOpen(open);
        open = { name: nextName(row, open.name), segment: emptySegment(), dirty: true };
      }
      place(open.segment, message);
      open.dirty = true;
    }
    this.filling.delete(row);
    this.filling.set(row, open);
    this.timer ??= setTimeout(() => void this.flush().catch(() => void 0), SAVE_PAUSE_MS);
  }
  async saveOpen(open) {
    if (!open.dirty) return;
    open.dirty = false;
    await this.save(open.name, open.segment);
  }
  async lastOf(row) {
    const last = (await this.storage.keys(`${PREFIX2}${row}/`)).at(-1);
    if (last === void 0) return { name: nextName(row), segment: emptySegment(), dirty: false };
    return { name: last, segment: await this.load(last), dirty: false };
  }
  async load(name) {
    const sealed = await this.storage.get(name);
    const bytes = sealed === void 0 ? void 0 : await this.months.open(sealed, name);
    return bytes === void 0 ? emptySegment() : JSON.parse(fromUtf82(bytes));
  }
  async save(name, segment) {
    const month = name.slice(PREFIX2.length).split('/')[1] ?? '';
    await this.storage.set(name, await this.months.seal(month, name, toUtf83(JSON.stringify(segment))));
  }
};
function wordsOf(text) {
  const found =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...new Set(found.map((word) => word.slice(0, MAX_WORD_LENGTH)))].slice(0, MAX_WORDS);
}
function place({ ids, words }, { id, text }) {
  if (ids.includes(id)) return;
  const at = ids.push(id) - 1;
  for (const word of wordsOf(text)) (Object.hasOwn(words, word) ? words[word] : (words[word] = []))?.push(at);
}
function matches({ ids, words }, query) {
  const last = query.at(-1) ?? '';
  const sets = query.map(
    (word) => new Set(word === last ? withPrefix(words, word) : Object.hasOwn(words, word) ? words[word] : []),
  );
  return ids.filter((_, at) => sets.every((set) => set.has(at))).toReversed();
}
function withPrefix(words, prefix) {
  return Object.entries(words).flatMap(([word, places]) => (word.startsWith(prefix) ? places : []));
}
function emptySegment() {
  return { ids: [], words: /* @__PURE__ */ Object.create(null) };
}
function nextName(row, after) {
  const number = after === void 0 ? 0 : Number(after.slice(after.lastIndexOf('/') + 1)) + 1;
  return `${PREFIX2}${row}/${String(number).padStart(6, '0')}`;
}
function newestFirst(a, b) {
  const key2 = (name) => name.slice(name.indexOf('/', PREFIX2.length));
  return key2(b) < key2(a) ? -1 : key2(b) > key2(a) ? 1 : 0;
}

// libs/client-sdk/src/e2ee/archive.ts
var PREFIX3 = 'archive/';
var MAX_UNARCHIVED = 1e3;
var Archive = class {
  constructor(storage, months, enabled) {
    this.storage = storage;
    this.months = months;
    this.enabled = enabled;
    this.index = new SearchIndex(storage, months);
  }
  storage;
  months;
  enabled;
  sent = /* @__PURE__ */ new Map();
  index;
  /** The record to be written together with the used-up key; undefined where nothing is kept. */
  async record(channelId, id, archived) {
    if (!this.enabled) return void 0;
    const name = nameOf(channelId, id);
    const sealed = await this.months.seal(monthAt(archived.timestamp), name, toUtf84(JSON.stringify(archived)));
    return [name, sealed];
  }
  /** What one writes oneself: no key opens it again. */
  async keepSent(channelId, id, archived) {
    const record = await this.record(channelId, id, archived);
    if (record !== void 0) return await this.storage.set(...record);
    this.sent.set(id, archived);
    const oldest = this.sent.keys().next();
    if (this.sent.size > MAX_UNARCHIVED && oldest.done !== true) this.sent.delete(oldest.value);
  }
  async find(channelId, id) {
    const sent = this.sent.get(id);
    if (sent !== void 0) return sent;
    const name = nameOf(channelId, id);
    const sealed = await this.storage.get(name);
    const bytes = sealed === void 0 ? void 0 : await this.months.open(sealed, name);
    return bytes === void 0 ? void 0 : JSON.parse(fromUtf83(bytes));
  }
  /** Makes messages findable; they are in the archive already. */
  async addToIndex(messages) {
    if (!this.enabled) return;
    const indexed = messages.map(({ channelId, id, timestamp, content }) => {
      const text = content['text'];
      return { channelId, id, timestamp, text: typeof text === 'string' ? text : '' };
    });
    await this.index.add(indexed.filter(({ text }) => text !== ''));
  }
  /** Keeps messages that the node may read too: a search covers them, and they are there without a network. */
  async keepReadable(messages) {
    if (!this.enabled) return;
    const changes = /* @__PURE__ */ new Map();
    for (const { channelId, id, ...archived } of messages) {
      const record = await this.record(channelId, id, archived);
      if (record !== void 0) changes.set(...record);
    }
    await this.storage.apply(changes);
    await this.addToIndex(messages);
  }
  /** Writes what the index holds in memory. */
  flush() {
    return this.index.flush();
  }
  /** What was read or written on this device and holds every word of the query (the last as a prefix). */
  async search(query, options = {}) {
    const found = [];
    for (const { channelId, id } of await this.index.search(query, options)) {
      const archived = await this.find(channelId, id);
      if (archived !== void 0) found.push({ ...archived, channelId, id });
    }
    return found;
  }
  /** Ids of what is kept of a channel. */
  async ids(channelId) {
    const prefix = `${PREFIX3}${channelId}/`;
    return (await this.storage.keys(prefix)).map((name) => name.slice(prefix.length));
  }
  async channels() {
    const names = await this.storage.keys(PREFIX3);
    return [...new Set(names.map((name) => name.slice(PREFIX3.length).split('/')[0] ?? ''))];
  }
  async forget(channelId) {
    const names = await this.storage.keys(`${PREFIX3}${channelId}/`);
    await this.storage.apply(new Map(names.map((name) => [name, void 0])));
  }
};
function nameOf(channelId, id) {
  return `${PREFIX3}${channelId}/${id}`;
}

// libs/client-sdk/src/e2ee/channel-modes.ts
import { DcpError as DcpError2, parseWith, signedGenesisSchema } from '@dcp/protocol';

// libs/client-sdk/src/e2ee/channel-chain.ts
import {
  formatHash as formatHash2,
  parseKey as parseKey2,
  sha256 as sha2562,
  toBase32 as toBase324,
  verifySigned as verifySigned2,
} from '@dcp/crypto';
import {
  channelIdInput,
  DcpError,
  dmChannelIdInput,
  linkGrant,
  linkKeyOf,
  messageSigningInput as messageSigningInput2,
  signingInput as signingInput3,
  stateEffect,
} from '@dcp/protocol';

// libs/client-sdk/src/e2ee/device-log.ts
import {
  formatKey as formatKey2,
  fromBase64 as fromBase644,
  parseKey,
  toBase64 as toBase644,
  verifySigned,
} from '@dcp/crypto';
import { PQ_CAPABILITY as PQ_CAPABILITY2, signingInput as signingInput2 } from '@dcp/protocol';

// libs/client-sdk/src/session/device.ts
import {
  formatHash,
  formatKey,
  fromBase64 as fromBase643,
  generateEd25519KeyPair,
  generateX25519KeyPair,
  ed25519PublicKey,
  randomBytes as randomBytes3,
  SecretBytes as SecretBytes3,
  sha256,
  signDigest as signDigest2,
  toBase32 as toBase323,
  toBase64 as toBase643,
  toUtf8 as toUtf85,
} from '@dcp/crypto';
import { canonicalJson, PQ_CAPABILITY, signingInput } from '@dcp/protocol';
function newDevice(identity, head, name) {
  const userId = identity.file.identity.full_id;
  const signing = generateEd25519KeyPair();
  const exchange = generateX25519KeyPair();
  const id = `dev_${toBase323(randomBytes3(10))}`;
  const entry = {
    user_id: userId,
    seq: (head?.seq ?? 0) + 1,
    prev: head === void 0 ? null : deviceEntryHash(head),
    action: 'add',
    device: id,
    name,
    signing_key: formatKey('ed25519', signing.publicKey),
    exchange_key: formatKey('x25519', exchange.publicKey),
    capabilities: ['text', PQ_CAPABILITY],
    created: /* @__PURE__ */ new Date().toISOString(),
  };
  const certificate = signEntry(identity, entry);
  const backupKey = deriveBackupKey(identity.seed);
  const device = { id, userId, seed: signing.seed, exchangeKey: exchange.privateKey, backupKey, certificate };
  return { device, entry: certificate };
}
function revocationOf(identity, head, device) {
  return signEntry(identity, {
    user_id: identity.file.identity.full_id,
    seq: head.seq + 1,
    prev: deviceEntryHash(head),
    action: 'revoke',
    device,
    created: /* @__PURE__ */ new Date().toISOString(),
  });
}
function signEntry(identity, entry) {
  return { ...entry, signature: signDigest2(identity.seed, signingInput('DEVICE', entry)) };
}
function deviceEntryHash(entry) {
  return formatHash(sha256(toUtf85(canonicalJson(entry))));
}
function deviceKey(device) {
  return formatKey('ed25519', ed25519PublicKey(device.seed));
}

// libs/client-sdk/src/e2ee/device-log.ts
var DeviceLogError = class extends Error {
  constructor(fault, userId) {
    super(`the device log of ${userId} is not believed: ${fault}`);
    this.fault = fault;
    this.userId = userId;
  }
  fault;
  userId;
  name = 'DeviceLogError';
};
function normalKey(text) {
  return formatKey2('ed25519', parseKey(text).bytes);
}
function emptyLog(userId, identityKey) {
  return { userId, identityKey, hashes: [], devices: {} };
}
function extendLog(log, entries) {
  const longer = { ...log, hashes: [...log.hashes], devices: { ...log.devices } };
  for (const entry of entries) appendEntry(longer, entry);
  return longer;
}
function appendEntry(log, entry) {
  const { userId, hashes } = log;
  if (entry.user_id !== userId) throw new DeviceLogError('bad_entry', userId);
  if (entry.seq <= hashes.length) {
    if (deviceEntryHash(entry) === hashes[entry.seq - 1]) return;
    throw new DeviceLogError('fork', userId);
  }
  if (entry.seq !== hashes.length + 1) throw new DeviceLogError('bad_entry', userId);
  if (entry.prev !== (hashes.at(-1) ?? null)) throw new DeviceLogError('fork', userId);
  if (!verifySigned(parseKey(log.identityKey).bytes, signingInput2('DEVICE', entry), entry.signature))
    throw new DeviceLogError('bad_signature', userId);
  applyEntry(log, entry);
  hashes.push(deviceEntryHash(entry));
}
function appendedAlone(userId, identityKey, entry) {
  const before = Array.from({ length: entry.seq - 1 }, () => entry.prev ?? '');
  return extendLog({ ...emptyLog(userId, identityKey), hashes: before }, [entry]);
}
function applyEntry({ userId, devices }, entry) {
  const known = devices[entry.device];
  if (entry.action === 'revoke') {
    if (known === void 0 || known.revoked !== void 0) throw new DeviceLogError('bad_entry', userId);
    devices[entry.device] = { ...known, revoked: entry.created };
    return;
  }
  if (known !== void 0) throw new DeviceLogError('bad_entry', userId);
  devices[entry.device] = {
    id: entry.device,
    name: entry.name ?? '',
    signingKey: rawKey(userId, entry.signing_key),
    exchangeKey: rawKey(userId, entry.exchange_key),
    postQuantum: entry.capabilities?.includes(PQ_CAPABILITY2) ?? false,
    added: entry.created,
  };
}
function rawKey(userId, text) {
  try {
    return toBase644(parseKey(text ?? '').bytes);
  } catch {
    throw new DeviceLogError('bad_entry', userId);
  }
}
function logHead(log) {
  return log.hashes.at(-1) ?? null;
}
function liveDevices(log) {
  return Object.values(log.devices).filter(({ revoked }) => revoked === void 0);
}
function deviceAt(log, device, timestamp) {
  const found = log.devices[device];
  if (found?.revoked !== void 0 && Date.parse(timestamp) > Date.parse(found.revoked)) return void 0;
  return found;
}
function signingKeyOf(device) {
  return fromBase644(device.signingKey);
}

// libs/client-sdk/src/e2ee/channel-chain.ts
var ChainError = class extends Error {
  constructor(fault, channelId) {
    super(`the state chain of ${channelId} is not believed: ${fault}`);
    this.fault = fault;
    this.channelId = channelId;
  }
  fault;
  channelId;
  name = 'ChainError';
};
function channelIdOf(genesis) {
  return `ch_${toBase324(sha2562(channelIdInput(genesis)))}`;
}
function dmChannelId(a, b) {
  return `ch_${toBase324(sha2562(dmChannelIdInput(a, b)))}`;
}
function chainFromGenesis(channelId, genesis, signature) {
  if (channelIdOf(genesis) !== channelId) throw new ChainError('genesis_of_another_channel', channelId);
  if (!verifySigned2(parseKey2(genesis.creator_key).bytes, signingInput3('GENESIS', genesis), signature))
    throw new ChainError('genesis_signature', channelId);
  const founders = Object.fromEntries(
    (genesis.members ?? []).map(({ user_id, identity_key }) => [user_id, normalKey(identity_key)]),
  );
  return { ...emptyState(channelId, genesis.visibility, genesis.creator), founders, title: genesis.name.slice(1) };
}
function dmState(channelId, a, b) {
  if (dmChannelId(a, b) !== channelId) throw new ChainError('not_this_pair', channelId);
  const members = Object.fromEntries([a, b].map((user) => [user, { role: 'member', identityKey: null }]));
  return { ...emptyState(channelId, 'dm', a), created: true, members };
}
function emptyState(channelId, visibility, creator) {
  return {
    channelId,
    visibility,
    creator,
    created: false,
    members: {},
    invited: {},
    banned: {},
    links: {},
    epoch: 0,
    head: null,
    seq: 0,
    title: '',
    description: '',
    founders: {},
  };
}
function stateHash(entry) {
  return formatHash2(sha2562(messageSigningInput2(entry, 'MESSAGE')));
}
function extendChain(state, entry, seq, findKey) {
  const fail = (fault) => new ChainError(fault, state.channelId);
  if (entry.channel_id !== state.channelId) throw fail('entry_of_another_channel');
  if (entry.prev_state !== state.head) throw fail('not_the_next_entry');
  const effect = effectOf(state, entry);
  checkLink(state, entry);
  const key2 = findKey(entry, authorKey(state, entry));
  if (key2 === void 0) throw fail('unknown_device');
  if (!verifySigned2(key2, messageSigningInput2(entry, 'MESSAGE'), entry.signature)) throw fail('bad_signature');
  const next = { ...state, head: stateHash(entry), seq, epoch: state.epoch + (effect.rekey ? 1 : 0) };
  return applied(next, effect, entry);
}
function effectOf(state, entry) {
  try {
    return stateEffect(entry, factsOf(state, entry));
  } catch (error) {
    if (error instanceof DcpError) throw new ChainError(String(error.details['reason']), state.channelId);
    throw error;
  }
}
function factsOf(state, entry) {
  const { visibility, created, creator } = state;
  const linkKey = linkKeyOf(entry);
  const expires = linkKey === void 0 ? void 0 : state.links[linkKey];
  const open = expires !== void 0 && Date.parse(entry.timestamp) < Date.parse(expires);
  const revoking = entry.content.action === 'link_revoked';
  return {
    visibility,
    created,
    creator,
    actor: standing(state, entry.author),
    target: standing(state, entry.content.target),
    link: linkKey !== void 0 && expires !== void 0 && (open || revoking) ? { key: linkKey } : void 0,
  };
}
function standing(state, user) {
  return {
    role: state.members[user]?.role ?? null,
    invitedKey: state.invited[user] ?? null,
    banned: state.banned[user] === true,
  };
}
function checkLink(state, entry) {
  if (entry.content.action !== 'user_joined') return;
  const link = entry.content.details['link'];
  if (link === void 0) return;
  const grant = signingInput3('GRANT', linkGrant(state.channelId, entry.author));
  const good = typeof link.key === 'string' && typeof link.proof === 'string';
  if (!good || !verifySigned2(parseKey2(String(link.key)).bytes, grant, String(link.proof)))
    throw new ChainError('link_proof', state.channelId);
}
function authorKey(state, { author, content }) {
  const named = content.details['identity_key'];
  if (content.action === 'channel_created' || content.action === 'user_joined') return String(named ?? '');
  return state.members[author]?.identityKey ?? state.invited[author] ?? null;
}
function applied(state, effect, entry) {
  switch (effect.kind) {
    case 'created':
      return { ...state, created: true, members: foundingMembers(state, entry) };
    case 'joined':
      return {
        ...state,
        members: { ...state.members, [effect.user]: { role: 'member', identityKey: effect.identityKey } },
        invited: without(state.invited, effect.user),
      };
    case 'left':
    case 'removed':
      return { ...state, members: without(state.members, effect.user) };
    case 'banned':
      return {
        ...state,
        members: without(state.members, effect.user),
        invited: without(state.invited, effect.user),
        banned: { ...state.banned, [effect.user]: true },
      };
    case 'unbanned':
      return { ...state, banned: without(state.banned, effect.user) };
    case 'invited':
      return { ...state, invited: { ...state.invited, [effect.user]: effect.identityKey } };
    case 'uninvited':
      return { ...state, invited: without(state.invited, effect.user) };
    case 'linked':
      return { ...state, links: { ...state.links, [effect.key]: effect.expires } };
    case 'unlinked':
      return { ...state, links: without(state.links, effect.key) };
    case 'settings':
      return {
        ...state,
        title: effect.title ?? state.title,
        description: effect.description ?? state.description,
      };
  }
}
function foundingMembers(state, { author, content }) {
  const creatorKey = String(content.details['identity_key'] ?? '');
  const founder = state.founders[author];
  if (founder !== void 0 && founder !== creatorKey) throw new ChainError('other_identity_key', state.channelId);
  const others = Object.entries(state.founders).map(([user, identityKey]) => [user, { role: 'member', identityKey }]);
  return { ...Object.fromEntries(others), [author]: { role: 'owner', identityKey: creatorKey } };
}
function without(record, key2) {
  const { [key2]: _gone, ...rest } = record;
  return rest;
}

// libs/client-sdk/src/e2ee/channel-modes.ts
var PREFIX4 = 'mode/';
var ChannelModes = class {
  constructor(storage, node) {
    this.storage = storage;
    this.node = node;
  }
  storage;
  node;
  proven = /* @__PURE__ */ new Set();
  /** Throws CONFLICT `mode_not_proven` unless the channel's genesis says `node`. */
  async requireReadable(channelId) {
    if (this.proven.has(channelId)) return;
    if ((await this.storage.get(PREFIX4 + channelId)) !== true) {
      await this.prove(channelId);
      await this.storage.set(PREFIX4 + channelId, true);
    }
    this.proven.add(channelId);
  }
  async prove(channelId) {
    const page = await this.node.command('get_state', {
      channel: channelId,
    });
    const { genesis } = parseWith(signedGenesisSchema, { genesis: page.genesis, signature: page.genesis_signature });
    if (channelIdOf(genesis) === channelId && genesis.encryption === 'node') return;
    throw new DcpError2(
      'CONFLICT',
      { reason: 'mode_not_proven', channel_id: channelId },
      'The node calls this channel readable, but its genesis does not: nothing was sent',
    );
  }
};

// libs/client-sdk/src/e2ee/channel-states.ts
import {
  DcpError as DcpError3,
  parseWith as parseWith2,
  signedGenesisSchema as signedGenesisSchema2,
  stateEntrySchema,
} from '@dcp/protocol';
var PREFIX5 = 'e2ee/channel/';
var MAX_CACHED = 1e3;
var ChannelStates = class {
  constructor(userId, storage, node, directory, events) {
    this.userId = userId;
    this.storage = storage;
    this.node = node;
    this.directory = directory;
    this.events = events;
  }
  userId;
  storage;
  node;
  directory;
  events;
  cache = /* @__PURE__ */ new Map();
  lines = new SerialByKey();
  /** The state as far as it is known here; read whole from the node the first time. Throws ChainError, DcpError. */
  async get(channelId) {
    return (await this.load(channelId)) ?? (await this.refresh(channelId));
  }
  /** Reads on from where the state was known, and checks. */
  async refresh(channelId, link) {
    return await this.lines.run(channelId, () => this.read(channelId, link));
  }
  /** A state entry that came with the channel's stream, in its order. Answers the state after it. */
  async accept(entry) {
    const channelId = entry.channel_id;
    return await this.lines.run(channelId, async () => {
      const state = await this.load(channelId);
      if (state === void 0) return await this.read(channelId);
      if (entry.node.seq <= state.seq) return state;
      if (entry['prev_state'] !== state.head) return await this.read(channelId);
      return await this.extend(state, [entry]);
    });
  }
  /**
   * A member speaks under a later epoch than we know: somebody was removed, and the node has not said so. If it does not when asked, the
   * channel is marked, and nothing is sent there until it does.
   */
  async noteEpoch(channelId, epoch) {
    let state = await this.get(channelId);
    if (epoch > state.epoch) state = await this.refresh(channelId);
    if (epoch <= state.epoch) return state;
    return await this.lines.run(channelId, async () => {
      const marked = { ...((await this.load(channelId)) ?? state), seenEpoch: epoch };
      await this.keep(marked);
      this.events.emit('channelConflict', { channelId, reason: 'hidden_change' });
      return marked;
    });
  }
  /** The state to send by. Throws ChainError `hidden_change` while the node hides one. */
  async forSending(channelId) {
    let state = await this.get(channelId);
    if ((state.seenEpoch ?? 0) > state.epoch) state = await this.refresh(channelId);
    if ((state.seenEpoch ?? 0) > state.epoch) throw new ChainError('hidden_change', channelId);
    return state;
  }
  /** A channel that one made oneself: the node has accepted this genesis and first entry. */
  async begin(state) {
    await this.keep(state);
  }
  async openDm(channelId, other) {
    const state = dmState(channelId, this.userId, other);
    await this.keep(state);
    return state;
  }
  async forget(channelId) {
    this.cache.delete(channelId);
    await this.storage.delete(PREFIX5 + channelId);
  }
  async read(channelId, link) {
    try {
      let state = await this.load(channelId);
      for (;;) {
        const page = await this.node.command('get_state', {
          channel: channelId,
          after: state?.seq ?? 0,
          ...(link === void 0 ? {} : { link }),
        });
        state ??= this.start(channelId, page);
        state = await this.extend(state, page.entries);
        if (!page.has_more) break;
      }
      await this.keep(state);
      return state;
    } catch (error) {
      if (error instanceof ChainError) this.events.emit('channelConflict', { channelId, reason: error.fault });
      throw error;
    }
  }
  start(channelId, page) {
    if (page.visibility === 'dm') return dmState(channelId, this.userId, page.channel.slice(1));
    const signed = parseWith2(signedGenesisSchema2, { genesis: page.genesis, signature: page.genesis_signature });
    return chainFromGenesis(channelId, signed.genesis, signed.signature);
  }
  async extend(state, entries) {
    const parsed = entries.map((entry) => ({ entry: parseEntry(state.channelId, entry), seq: entry.node.seq }));
    const logs = await this.directory.logs([...new Set(parsed.map(({ entry }) => entry.author))]);
    let current = state;
    for (const { entry, seq } of parsed) {
      const log = await this.logOf(entry, logs);
      const gone = log === void 0 && (await this.directory.conflict(entry.author)) === void 0;
      current = extendChain(current, entry, seq, (one, identityKey) =>
        gone ? certifiedKey(one, identityKey) : keyFrom(log, one, identityKey),
      );
    }
    if (parsed.length > 0) await this.keep(current);
    return current;
  }
  /** The log may have grown since it was last compared: a device that is not in it is asked for once more. */
  async logOf(entry, logs) {
    const log = logs.get(entry.author);
    if (log?.devices[entry.device] !== void 0) return log;
    const reread = await this.directory.reread(entry.author);
    if (reread !== void 0) logs.set(entry.author, reread);
    return reread;
  }
  async load(channelId) {
    const cached = this.cache.get(channelId);
    if (cached !== void 0) return cached;
    const stored = await this.storage.get(PREFIX5 + channelId);
    if (stored !== void 0) this.remember(stored);
    return stored;
  }
  async keep(state) {
    await this.storage.set(PREFIX5 + state.channelId, state);
    this.remember(state);
  }
  remember(state) {
    this.cache.delete(state.channelId);
    this.cache.set(state.channelId, state);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED && oldest.done !== true) this.cache.delete(oldest.value);
  }
};
function parseEntry(channelId, message) {
  const { channel: _channel, node: _node, ...entry } = message;
  try {
    return parseWith2(stateEntrySchema, entry);
  } catch (error) {
    if (error instanceof DcpError3) throw new ChainError('malformed_entry', channelId);
    throw error;
  }
}
function keyFrom(log, entry, identityKey) {
  if (log === void 0 || (identityKey !== null && log.identityKey !== identityKey)) return void 0;
  const device = deviceAt(log, entry.device, entry.timestamp);
  return device === void 0 ? void 0 : signingKeyOf(device);
}
function certifiedKey({ certificate, author, device }, identityKey) {
  if (certificate === void 0 || identityKey === null) return void 0;
  try {
    const log = appendedAlone(author, identityKey, certificate);
    return log.devices[device] === void 0 ? void 0 : signingKeyOf(log.devices[device]);
  } catch (error) {
    if (error instanceof DeviceLogError) return void 0;
    throw error;
  }
}

// libs/client-sdk/src/e2ee/decryptor.ts
import { CryptoError as CryptoError2, verifySigned as verifySigned3 } from '@dcp/crypto';
import { messageSigningInput as messageSigningInput3 } from '@dcp/protocol';

// libs/client-sdk/src/e2ee/decrypt-fault.ts
var DecryptError = class extends Error {
  constructor(fault) {
    super(`the message cannot be read: ${fault}`);
    this.fault = fault;
  }
  fault;
  name = 'DecryptError';
};

// libs/client-sdk/src/e2ee/device-heads.ts
import { fromHex, parseHash, sha256 as sha2563, toHex, toUtf8 as toUtf86 } from '@dcp/crypto';
var TAG_BYTES = 4;
var HEAD_BYTES = 8;
var ENTRY_BYTES = TAG_BYTES + HEAD_BYTES;
var READERS_A_MESSAGE = 3;
function userTag(userId) {
  return toHex(sha2563(toUtf86(userId)).subarray(0, TAG_BYTES));
}
function shortHead(hash) {
  return toHex(parseHash(hash).subarray(0, HEAD_BYTES));
}
function writeHeads(heads2) {
  return fromHex(heads2.map(({ userId, hash }) => userTag(userId) + shortHead(hash)).join(''));
}
function readHeads(bytes) {
  const count = Math.min(64, Math.floor(bytes.length / ENTRY_BYTES));
  return Array.from({ length: count }, (_, i) => {
    const entry = bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES);
    return { tag: toHex(entry.subarray(0, TAG_BYTES)), head: toHex(entry.subarray(TAG_BYTES)) };
  });
}
function readersFor(members, author, n) {
  const readers = members.filter((user) => user !== author).sort();
  const first = readers.length === 0 ? 0 : (n * READERS_A_MESSAGE) % readers.length;
  return [...readers.slice(first), ...readers.slice(0, first)].slice(0, READERS_A_MESSAGE);
}
var tagsOf = /* @__PURE__ */ new WeakMap();
function membersByTag(state) {
  let tags = tagsOf.get(state);
  if (tags === void 0) {
    tags = new Map(Object.keys(state.members).map((user) => [userTag(user), user]));
    tagsOf.set(state, tags);
  }
  return tags;
}

// libs/client-sdk/src/e2ee/message-form.ts
import {
  CryptoError,
  fromBase64 as fromBase645,
  fromUtf8 as fromUtf84,
  openMessage,
  packContent,
  sealMessage,
  toBase64 as toBase645,
  toUtf8 as toUtf87,
  unpackContent,
} from '@dcp/crypto';
import { canonicalJson as canonicalJson2, sealedContent, parseJson } from '@dcp/protocol';
function additionalData(frame) {
  return toUtf87(canonicalJson2({ ...frame, algorithm: 'chacha20-poly1305' }));
}
function sealContent(conversationKey, frame, content, heads2) {
  const plaintext = packContent(toUtf87(canonicalJson2({ ...content, heads: toBase645(heads2) })));
  const { nonce, ciphertext } = sealMessage(conversationKey, plaintext, additionalData(frame));
  const { key_id, device, epoch, n } = frame;
  return {
    encryption: { algorithm: 'chacha20-poly1305', key_id, nonce: toBase645(nonce), device, epoch, n },
    content: { ciphertext: toBase645(ciphertext) },
  };
}
function openContent(conversationKey, frame, nonce, content) {
  const parsed = sealedContent.safeParse(content);
  if (!parsed.success) throw new DecryptError('malformed');
  const padded = decrypt(conversationKey, frame, nonce, parsed.data.ciphertext);
  try {
    const { heads: heads2 = '', ...opened } = parseJson(fromUtf84(unpackContent(padded)));
    return { content: opened, heads: fromBase645(String(heads2)) };
  } catch {
    throw new DecryptError('malformed');
  }
}
function decrypt(key2, frame, nonce, ciphertext) {
  try {
    return openMessage(key2, fromBase645(nonce), fromBase645(ciphertext), additionalData(frame));
  } catch (error) {
    if (error instanceof CryptoError && error.code === 'decryption_failed') throw new DecryptError('tampered');
    throw new DecryptError('malformed');
  }
}

// libs/client-sdk/src/e2ee/decryptor.ts
var Decryptor = class {
  constructor(parts) {
    this.parts = parts;
  }
  parts;
  /** Throws DecryptError. `live`: it came in its order, so its author must be a member now. */
  async open(message, live) {
    const sealed = sealedOf(message);
    const { frame } = sealed;
    const state = live ? await this.parts.states.get(frame.channel_id) : void 0;
    if (state !== void 0 && state.members[frame.author] === void 0) throw new DecryptError('not_a_member');
    const device = await this.deviceOf(frame, state);
    if (!verifySigned3(signingKeyOf(device), messageSigningInput3(message), sealed.signature))
      throw new DecryptError('bad_signature');
    const owner = { channelId: frame.channel_id, userId: frame.author, device: frame.device };
    const key2 = await this.parts.keys.require(frame.key_id, owner);
    const { content, heads: heads2 } = this.use(key2, sealed);
    if (state !== void 0) {
      if (frame.epoch > state.epoch) await this.parts.states.noteEpoch(frame.channel_id, frame.epoch);
      await this.checkHeads(state, frame.author, readHeads(heads2));
    }
    return { content, keyId: frame.key_id, key: key2 };
  }
  async deviceOf(frame, state) {
    const { directory } = this.parts;
    let log = (await directory.known(frame.author)) ?? (await directory.log(frame.author));
    if (log?.devices[frame.device] === void 0) log = await directory.reread(frame.author);
    const pinned = state?.members[frame.author]?.identityKey;
    if (log !== void 0 && pinned !== void 0 && pinned !== null && pinned !== log.identityKey)
      throw new DecryptError('unknown_device');
    const device = log === void 0 ? void 0 : deviceAt(log, frame.device, frame.timestamp);
    if (device === void 0) throw new DecryptError('unknown_device');
    return device;
  }
  use(key2, { frame, nonce, content }) {
    try {
      return key2.chain.open(frame.n, this.parts.now(), (conversationKey) =>
        openContent(conversationKey, frame, nonce, content),
      );
    } catch (error) {
      if (!(error instanceof CryptoError2)) throw error;
      throw new DecryptError(FAULTS[error.code] ?? 'malformed');
    }
  }
  /** What others are shown of the device logs, against what we are shown (profile §5). */
  async checkHeads(state, author, heads2) {
    const byTag = membersByTag(state);
    for (const { tag, head } of heads2) {
      const userId = byTag.get(tag);
      if (userId === void 0 || (await this.knows(userId, head))) continue;
      if (tag === userTag(author)) await this.parts.directory.raise(author, 'unknown_head');
      else this.parts.events.emit('headMismatch', { userId, seenBy: author });
    }
  }
  async knows(userId, head) {
    const { directory } = this.parts;
    const holds = (hashes) => hashes === void 0 || hashes.some((hash) => shortHead(hash) === head);
    return holds((await directory.known(userId))?.hashes) || holds((await directory.reread(userId))?.hashes);
  }
};
var FAULTS = {
  replayed: 'replayed',
  too_old: 'no_key',
  too_many_skipped: 'malformed',
};
function sealedOf(message) {
  const { id, type, timestamp, author, device, channel_id, content, signature } = message;
  const { algorithm, key_id, nonce, device: keyDevice, epoch, n } = message.encryption;
  if (algorithm !== 'chacha20-poly1305' || device === void 0 || keyDevice !== device)
    throw new DecryptError('malformed');
  if (epoch === void 0 || n === void 0) throw new DecryptError('malformed');
  const frame = { channel_id, id, type, timestamp, author, device, key_id, epoch, n };
  return { frame, nonce, content, signature };
}

// libs/client-sdk/src/e2ee/device-directory.ts
import { DcpError as DcpError4, MAX_DEVICE_LOGS } from '@dcp/protocol';
var PREFIX6 = 'e2ee/devices/';
var MAX_CACHED2 = 4e3;
var DeviceDirectory = class {
  constructor(storage, node, events) {
    this.storage = storage;
    this.node = node;
    this.events = events;
  }
  storage;
  node;
  events;
  cache = /* @__PURE__ */ new Map();
  /** Whose log was compared with the node's since the last reconnect. */
  checked = /* @__PURE__ */ new Set();
  fetching = new Serial();
  /** After a reconnect: what happened meanwhile is unknown. */
  forgetFreshness() {
    this.checked = /* @__PURE__ */ new Set();
  }
  /** Somebody's log has grown: it is read before it is used again. */
  noteChange(userId) {
    this.checked.delete(userId);
  }
  /** What is known without asking. */
  async known(userId) {
    return (await this.load(userId))?.log;
  }
  /** Fresh logs; users who do not exist (any more) or whose log is in conflict are not in the answer. */
  async logs(users) {
    const stale = users.filter((user) => !this.checked.has(user));
    if (stale.length > 0) await this.fetching.run(() => this.fetchStale(stale));
    const logs = /* @__PURE__ */ new Map();
    for (const user of users) {
      const stored = await this.load(user);
      if (stored !== void 0 && stored.conflict === void 0 && stored.gone !== true) logs.set(user, stored.log);
    }
    return logs;
  }
  async log(userId) {
    return (await this.logs([userId])).get(userId);
  }
  /** Reads a log again even if it was just read: a message named a device or a head that is not in it. */
  async reread(userId) {
    this.checked.delete(userId);
    return await this.log(userId);
  }
  async conflict(userId) {
    return (await this.load(userId))?.conflict;
  }
  async isVerified(userId) {
    return (await this.load(userId))?.verified === true;
  }
  /** The user compared the safety number. */
  async markVerified(userId) {
    const stored = await this.load(userId);
    if (stored === void 0) throw new DcpError4('USER_NOT_FOUND');
    await this.keep(userId, { ...stored, verified: true });
  }
  /** A log that cannot be believed: sending to this user stops, with a warning. */
  async raise(userId, conflict) {
    const stored = await this.load(userId);
    if (stored === void 0 || stored.conflict === conflict) return;
    await this.keep(userId, { ...stored, conflict, verified: false });
    this.events.emit('deviceConflict', { userId, reason: conflict });
  }
  /** The user has settled it (a new identity was confirmed out of band): the log is read anew and pinned again. */
  async forget(userId) {
    this.cache.delete(userId);
    this.checked.delete(userId);
    await this.storage.delete(PREFIX6 + userId);
  }
  async fetchStale(users) {
    const wanted = users.filter((user) => !this.checked.has(user));
    for (let at = 0; at < wanted.length; at += MAX_DEVICE_LOGS)
      await this.fetch(wanted.slice(at, at + MAX_DEVICE_LOGS));
  }
  async fetch(users) {
    for (let left = [...users]; left.length > 0;) {
      const asked = await Promise.all(
        left.map(async (user_id) => ({ user_id, after: (await this.load(user_id))?.log.hashes.length ?? 0 })),
      );
      const { logs } = await this.node.command('get_devices', { users: asked });
      for (const answered2 of logs) await this.take(answered2);
      const answered = new Set(logs.map(({ user_id }) => user_id));
      for (const { user_id } of asked) await this.noteGone(user_id, !answered.has(user_id));
      for (const { user_id } of asked) this.checked.add(user_id);
      left = logs.filter(({ has_more, entries }) => has_more && entries.length > 0).map(({ user_id }) => user_id);
    }
  }
  async noteGone(userId, gone) {
    const stored = await this.load(userId);
    if (stored !== void 0 && (stored.gone === true) !== gone) await this.keep(userId, { ...stored, gone });
  }
  async take({ user_id: userId, public_key, entries }) {
    const identityKey = normalKey(public_key);
    const stored = (await this.load(userId)) ?? { log: emptyLog(userId, identityKey) };
    try {
      if (identityKey !== stored.log.identityKey) throw new DeviceLogError('identity_changed', userId);
      const log = extendLog(stored.log, entries);
      if (logHead(log) !== logHead(stored.log) || !this.cache.has(userId)) await this.keep(userId, { ...stored, log });
    } catch (error) {
      if (!(error instanceof DeviceLogError)) throw error;
      await this.keep(userId, stored);
      await this.raise(userId, error.fault);
    }
  }
  async load(userId) {
    const cached = this.cache.get(userId);
    if (cached !== void 0) return cached;
    const stored = await this.storage.get(PREFIX6 + userId);
    if (stored !== void 0) this.remember(userId, stored);
    return stored;
  }
  async keep(userId, stored) {
    await this.storage.set(PREFIX6 + userId, stored);
    this.remember(userId, stored);
  }
  remember(userId, stored) {
    this.cache.delete(userId);
    this.cache.set(userId, stored);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED2 && oldest.done !== true) this.cache.delete(oldest.value);
  }
};

// libs/client-sdk/src/e2ee/encryptor.ts
import { signDigest as signDigest3, toBase64 as toBase648, wipe } from '@dcp/crypto';
import {
  checkMessageSize as checkMessageSize2,
  DcpError as DcpError7,
  messageSigningInput as messageSigningInput4,
} from '@dcp/protocol';

// libs/client-sdk/src/e2ee/own-sender-keys.ts
import { fromBase64 as fromBase647, SenderKey, toBase64 as toBase647 } from '@dcp/crypto';

// libs/client-sdk/src/e2ee/pair-sessions.ts
import {
  CryptoError as CryptoError3,
  fromBase64 as fromBase646,
  fromUtf8 as fromUtf85,
  PairSession,
  parseKey as parseKey3,
  randomBytes as randomBytes4,
  readEnvelope,
  toBase32 as toBase325,
  toBase64 as toBase646,
  toUtf8 as toUtf88,
  verifySigned as verifySigned4,
  ed25519PublicKey as ed25519PublicKey2,
  x25519PublicKey,
} from '@dcp/crypto';
import {
  DcpError as DcpError5,
  MAX_CLAIM_DEVICES,
  MAX_SEND_KEYS,
  parseKeyPayload,
  signingInput as signingInput4,
} from '@dcp/protocol';
var PREFIX7 = 'e2ee/session/';
var MAX_SESSIONS = 4;
var MAX_CACHED3 = 2e3;
var MAX_SENT_BYTES = 128 * 1024;
var MAX_OWED = 20;
var QueueError = class extends Error {
  constructor(fault) {
    super(`the key message cannot be opened: ${fault}`);
    this.fault = fault;
  }
  fault;
  name = 'QueueError';
};
var PairSessions = class {
  constructor(device, storage, node, directory, prekeys, events, now) {
    this.storage = storage;
    this.node = node;
    this.directory = directory;
    this.prekeys = prekeys;
    this.events = events;
    this.now = now;
    this.own = {
      userId: device.userId,
      device: device.id,
      signingKey: ed25519PublicKey2(device.seed),
      exchangeKey: x25519PublicKey(device.exchangeKey),
      exchangeSecret: device.exchangeKey,
      postQuantum: true,
    };
  }
  storage;
  node;
  directory;
  prekeys;
  events;
  now;
  cache = /* @__PURE__ */ new Map();
  /** Sessions that are no longer used for sending. */
  stale = /* @__PURE__ */ new Set();
  line = new Serial();
  own;
  /**
   * Encrypts each payload for its device and puts it into that device's queue. Resolves with those that are there now; a device that has
   * no prekeys, or a full queue, is left out. Rejects when the node cannot take them.
   */
  async send(outgoing) {
    const parties = await this.partiesOf(outgoing);
    const messages = await this.line.run(() => this.encrypt(outgoing, parties));
    const refused = /* @__PURE__ */ new Set();
    for (const chunk of chunks(messages)) {
      const { unknown, full } = await this.node.command('send_keys', { messages: chunk });
      for (const { user_id, device } of [...unknown, ...full]) refused.add(addressKey({ userId: user_id, device }));
    }
    return messages
      .map(({ user_id, device }) => ({ userId: user_id, device }))
      .filter((address) => !refused.has(addressKey(address)));
  }
  /** Throws away what one has with a device and begins anew: its next message opens a fresh session. */
  async reset(address) {
    await this.line.run(async () => {
      const sessions = await this.load(address);
      for (const session of sessions) this.stale.add(session.id);
    });
  }
  /** Everything, after a restored backup: the other copy may have gone on with these keys. */
  async clear() {
    await this.line.run(async () => {
      this.cache.clear();
      const keys = await this.storage.keys(PREFIX7);
      await this.storage.apply(new Map(keys.map((key2) => [key2, void 0])));
    });
  }
  /** Opens one item of the queue. Nothing is kept until the caller has written `changes`; then `commit`. Throws QueueError. */
  async open(item) {
    return await this.line.run(() => this.openItem(item));
  }
  /** What was opened could not be written down: the storage's older state holds again. */
  async discard(address) {
    await this.line.run(async () => void this.cache.delete(addressKey(address)));
  }
  async partiesOf(addresses) {
    const logs = await this.directory.logs([...new Set(addresses.map(({ userId }) => userId))]);
    const parties = /* @__PURE__ */ new Map();
    for (const log of logs.values())
      for (const device of liveDevices(log))
        parties.set(addressKey({ userId: log.userId, device: device.id }), partyOf(log.userId, device));
    return parties;
  }
  async encrypt(outgoing, parties) {
    await this.openMissing(outgoing, parties);
    const changes = /* @__PURE__ */ new Map();
    const messages = [];
    for (const { userId, device, payload } of outgoing) {
      const address = { userId, device };
      const session = parties.has(addressKey(address)) ? this.sending(await this.load(address)) : void 0;
      if (session === void 0) continue;
      const body = toBase646(session.encrypt(toUtf88(JSON.stringify(payload)), this.now()));
      changes.set(storeKey(address), serialized(await this.load(address)));
      messages.push({ user_id: userId, device, id: `k_${toBase325(randomBytes4(10))}`, body });
    }
    await this.storage.apply(changes);
    return messages;
  }
  sending(sessions) {
    return sessions.find(({ id }) => !this.stale.has(id));
  }
  /** First contact with every device that there is no session with yet. */
  async openMissing(outgoing, parties) {
    const missing = [];
    for (const { userId, device } of outgoing) {
      const address = { userId, device };
      if (parties.has(addressKey(address)) && this.sending(await this.load(address)) === void 0) missing.push(address);
    }
    for (let at = 0; at < missing.length; at += MAX_CLAIM_DEVICES) {
      const devices = missing
        .slice(at, at + MAX_CLAIM_DEVICES)
        .map(({ userId, device }) => ({ user_id: userId, device }));
      const { bundles } = await this.node.command('claim_keys', { devices });
      for (const bundle of bundles) await this.beginOrTell(bundle, parties);
    }
  }
  /** A device with bad prekeys gets nothing; the others of the channel must not suffer from it. */
  async beginOrTell(bundle, parties) {
    try {
      await this.begin(bundle, parties);
    } catch (error) {
      if (!(error instanceof CryptoError3) && !(error instanceof DcpError5)) throw error;
      const reason = error instanceof CryptoError3 ? error.code : 'bad_prekey';
      this.events.emit('keyFault', { userId: bundle.user_id, device: bundle.device, reason });
    }
  }
  async begin(bundle, parties) {
    const address = { userId: bundle.user_id, device: bundle.device };
    const peer = parties.get(addressKey(address));
    if (peer === void 0) return;
    const session = PairSession.initiate(this.own, peer, openBundle(bundle, peer), this.now());
    await this.adopt(address, session);
  }
  /** The newest session comes first: it is the one that is used for sending. */
  async adopt(address, session) {
    const sessions = [session, ...(await this.load(address))];
    for (const old of sessions.splice(MAX_SESSIONS)) old.wipe();
    this.remember(address, sessions);
  }
  async openItem(item) {
    const address = { userId: item.from_user, device: item.from_device };
    const message = decodeBody(item.body);
    const changes = /* @__PURE__ */ new Map();
    const opened = (await this.tryKnown(address, message)) ?? (await this.accept(address, message, changes));
    const { session, plaintext } = opened;
    const payload = parsePayload(plaintext);
    changes.set(storeKey(address), serialized(await this.load(address)));
    return { payload, changes, owesReply: session.owesReply >= MAX_OWED };
  }
  async tryKnown(address, message) {
    const sessions = await this.load(address);
    for (const session of sessions) {
      try {
        const plaintext = session.decrypt(message, this.now());
        this.remember(address, [session, ...sessions.filter((one) => one !== session)]);
        this.stale.delete(session.id);
        return { session, plaintext };
      } catch (error) {
        if (!(error instanceof CryptoError3)) throw error;
        if (error.code === 'replayed') throw new QueueError('replayed');
      }
    }
    return void 0;
  }
  async accept(address, message, changes) {
    const envelope = readOrRefuse(message);
    if (envelope.kind !== 'initial') throw new QueueError('undecryptable');
    const peer = await this.peer(address);
    const secrets = await this.prekeys.secrets();
    try {
      const { session, plaintext, used } = PairSession.accept(
        this.own,
        peer,
        this.prekeys.epoch,
        secrets,
        message,
        this.now(),
      );
      if ((await this.load(address)).some(({ id }) => id === session.id)) throw new QueueError('replayed');
      changes.set(...(await this.prekeys.spend(used)));
      await this.adopt(address, session);
      return { session, plaintext };
    } catch (error) {
      if (!(error instanceof CryptoError3)) throw error;
      throw new QueueError(error.code === 'downgrade' ? 'downgrade' : 'no_prekey');
    }
  }
  async peer({ userId, device }) {
    const known = (await this.directory.log(userId))?.devices[device];
    const found = known ?? (await this.directory.reread(userId))?.devices[device];
    if (found === void 0 || found.revoked !== void 0) throw new QueueError('unknown_device');
    return partyOf(userId, found);
  }
  async load(address) {
    const key2 = addressKey(address);
    const cached = this.cache.get(key2);
    if (cached !== void 0) return cached;
    const stored = (await this.storage.get(storeKey(address))) ?? [];
    const sessions = stored.map((text) => PairSession.deserialize(fromBase646(text)));
    this.remember(address, sessions);
    return sessions;
  }
  remember(address, sessions) {
    const key2 = addressKey(address);
    this.cache.delete(key2);
    this.cache.set(key2, sessions);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED3 && oldest.done !== true) this.cache.delete(oldest.value);
  }
};
function addressKey({ userId, device }) {
  return `${userId}/${device}`;
}
function storeKey(address) {
  return PREFIX7 + addressKey(address);
}
function serialized(sessions) {
  return sessions.map((session) => toBase646(session.serialize()));
}
function partyOf(userId, device) {
  return {
    userId,
    device: device.id,
    signingKey: fromBase646(device.signingKey),
    exchangeKey: fromBase646(device.exchangeKey),
    postQuantum: device.postQuantum,
  };
}
function openBundle(bundle, peer) {
  const open = (prekey, ...kinds) => {
    const own = prekey.user_id === peer.userId && prekey.device === peer.device && prekey.epoch === bundle.epoch;
    const signed = verifySigned4(peer.signingKey, signingInput4('PREKEY', prekey), prekey.signature);
    if (!own || !signed || !kinds.includes(prekey.kind))
      throw new DcpError5('INVALID_MESSAGE_FORMAT', { reason: 'bad_prekey', device: peer.device });
    return { id: prekey.id, key: parseKey3(prekey.key).bytes };
  };
  return {
    epoch: bundle.epoch,
    signed: open(bundle.signed, 'signed'),
    oneTime: bundle.one_time === void 0 ? void 0 : open(bundle.one_time, 'one-time'),
    kem: bundle.kem === void 0 ? void 0 : open(bundle.kem, 'kem', 'kem-last-resort'),
  };
}
function decodeBody(body) {
  try {
    return fromBase646(body);
  } catch {
    throw new QueueError('malformed');
  }
}
function readOrRefuse(message) {
  try {
    return readEnvelope(message);
  } catch {
    throw new QueueError('malformed');
  }
}
function parsePayload(plaintext) {
  try {
    return parseKeyPayload(fromUtf85(plaintext));
  } catch {
    throw new QueueError('malformed');
  }
}
function* chunks(messages) {
  let chunk = [];
  let bytes = 0;
  for (const message of messages) {
    if (chunk.length === MAX_SEND_KEYS || (chunk.length > 0 && bytes + message.body.length > MAX_SENT_BYTES)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(message);
    bytes += message.body.length;
  }
  if (chunk.length > 0) yield chunk;
}

// libs/client-sdk/src/e2ee/own-sender-keys.ts
var PREFIX8 = 'e2ee/own/';
var OLD_PREFIX = 'e2ee/own-old/';
var KEEP_OLD_MS = 7 * 864e5;
var OwnSenderKeys = class {
  constructor(storage, keepStart, now) {
    this.storage = storage;
    this.keepStart = keepStart;
    this.now = now;
  }
  storage;
  keepStart;
  now;
  cache = /* @__PURE__ */ new Map();
  async current(channelId) {
    let key2 = this.cache.get(channelId);
    if (key2 === void 0) {
      key2 = (await this.storage.get(PREFIX8 + channelId)) ?? null;
      this.cache.set(channelId, key2);
    }
    return key2 ?? void 0;
  }
  /** A new key; the old one is put aside. Nothing has it yet. */
  async rotate(channelId, epoch) {
    const old = await this.current(channelId);
    const chain = SenderKey.create(this.now());
    const key2 = {
      channelId,
      keyId: chain.keyId,
      epoch,
      created: this.now(),
      state: toBase647(chain.serialize()),
      starts: this.keepStart ? { 0: toBase647(chain.start().chainKey) } : {},
      handed: {},
      owed: {},
    };
    chain.wipe();
    const changes = /* @__PURE__ */ new Map([[PREFIX8 + channelId, key2]]);
    if (old !== void 0) changes.set(OLD_PREFIX + old.keyId, old);
    await this.storage.apply(changes);
    this.cache.set(channelId, key2);
    return key2;
  }
  /** Notes from which message on who has the key, and who should have it but could not be reached. */
  async handedTo(key2, given, reached) {
    for (const [address, n2] of given) {
      if (reached.has(address)) {
        key2.handed[address] = n2;
        delete key2.owed[address];
      } else key2.owed[address] = n2;
    }
    const { n, chainKey } = chainOf(key2).start();
    if (this.keepStart && [...given.values()].includes(n)) key2.starts[n] = toBase647(chainKey);
    await this.save(key2);
  }
  async save(key2) {
    await this.storage.set(PREFIX8 + key2.channelId, key2);
    this.cache.set(key2.channelId, key2);
  }
  /** Not used again; those who had it can still ask for it. */
  async retire(channelId) {
    const old = await this.current(channelId);
    this.cache.set(channelId, null);
    if (old === void 0) return;
    const changes = [
      [PREFIX8 + channelId, void 0],
      [OLD_PREFIX + old.keyId, old],
    ];
    await this.storage.apply(new Map(changes));
  }
  /** By id, the replaced ones of the last week included. */
  async byId(channelId, keyId) {
    const current = await this.current(channelId);
    if (current?.keyId === keyId) return current;
    const old = await this.storage.get(OLD_PREFIX + keyId);
    return old?.channelId === channelId ? old : void 0;
  }
  /** Old keys go after a week. */
  async sweep() {
    const changes = /* @__PURE__ */ new Map();
    for (const name of await this.storage.keys(OLD_PREFIX)) {
      const old = await this.storage.get(name);
      if (old !== void 0 && this.now() - old.created > KEEP_OLD_MS + 864e5) changes.set(name, void 0);
    }
    await this.storage.apply(changes);
  }
  /** After a restored backup: no key of the other copy is used again. */
  async clear() {
    this.cache.clear();
    const keys = await this.storage.keys(PREFIX8);
    await this.storage.apply(new Map(keys.map((key2) => [key2, void 0])));
  }
};
function chainOf(key2) {
  return SenderKey.deserialize(fromBase647(key2.state));
}
function startAgain(key2, n) {
  const chain = key2.starts[n];
  return chain === void 0 ? void 0 : { keyId: key2.keyId, n, chainKey: fromBase647(chain) };
}
function entitledFrom(key2, userId) {
  const all = [...Object.entries(key2.handed), ...Object.entries(key2.owed)];
  const own = all.filter(([address]) => address.startsWith(`${userId}/`)).map(([, n]) => n);
  return own.length === 0 ? void 0 : Math.min(...own);
}
function hasKey(key2, address) {
  return key2.handed[addressKey(address)] !== void 0;
}

// libs/client-sdk/src/e2ee/recipients.ts
import { DcpError as DcpError6 } from '@dcp/protocol';
async function recipientsOf(state, own, directory) {
  const members = Object.keys(state.members);
  const logs = await directory.logs(members);
  const devices = [];
  for (const userId of members) {
    const log = logs.get(userId);
    if (log === void 0) await refuseConflict(directory, userId);
    else devices.push(...devicesOf(state, log, own));
  }
  return { devices, logs };
}
async function refuseConflict(directory, userId) {
  const reason = await directory.conflict(userId);
  if (reason !== void 0) throw new DcpError6('CONFLICT', { reason: 'device_conflict', user_id: userId, fault: reason });
}
function devicesOf(state, log, own) {
  const pinned = state.members[log.userId]?.identityKey ?? log.identityKey;
  if (pinned !== log.identityKey)
    throw new DcpError6('CONFLICT', { reason: 'device_conflict', user_id: log.userId, fault: 'identity_changed' });
  return liveDevices(log)
    .map(({ id }) => ({ userId: log.userId, device: id }))
    .filter(({ userId, device }) => userId !== own.userId || device !== own.device);
}

// libs/client-sdk/src/e2ee/encryptor.ts
var Encryptor = class {
  constructor(parts) {
    this.parts = parts;
    this.own = { userId: parts.device.userId, device: parts.device.id };
  }
  parts;
  lines = new SerialByKey();
  own;
  /**
   * The message of §6.1 for the node. When this resolves, every device that the node can reach has the key in its queue, and the chain has
   * been moved on in the storage. Rejects with DcpError (CONFLICT `device_conflict`, the node's own), ChainError.
   */
  encrypt(plain) {
    return this.lines.run(plain.channelId, () => this.encryptNext(plain));
  }
  /** Makes and hands over the key for what will be sent next, so that the next message does not wait for it. */
  prepare(channelId) {
    return this.lines.run(channelId, async () => void (await this.readyKey(channelId)));
  }
  /** The DM's other side has written: our next message gets a new key (profile §5). */
  async noteAnswer(channelId) {
    await this.lines.run(channelId, async () => {
      const key2 = await this.parts.keys.current(channelId);
      if (key2 === void 0 || key2.answered === true || chainOf(key2).n === 0) return;
      await this.parts.keys.save({ ...key2, answered: true });
    });
  }
  /** The channel's key is not used again. */
  async rotate(channelId) {
    await this.lines.run(channelId, () => this.parts.keys.retire(channelId));
  }
  async encryptNext(plain) {
    const { key: key2, state, recipients } = await this.readyKey(plain.channelId);
    const chain = chainOf(key2);
    const { n, conversationKey } = chain.next();
    await this.parts.keys.save({ ...key2, answered: false, state: toBase648(chain.serialize()) });
    chain.wipe();
    try {
      return this.seal(
        plain,
        { keyId: key2.keyId, epoch: key2.epoch, n, stateHead: state.head },
        conversationKey,
        heads(state, recipients, this.own, n),
      );
    } finally {
      wipe(conversationKey);
    }
  }
  seal(plain, { keyId, epoch, n, stateHead }, conversationKey, headBytes) {
    const { device } = this.parts;
    const { id, type, timestamp, channelId } = plain;
    const base = { id, type, timestamp, author: device.userId, device: device.id, channel_id: channelId };
    const frame = { ...base, key_id: keyId, epoch, n };
    const sealed = sealContent(conversationKey, frame, plain.content, headBytes);
    const state = stateHead === null ? {} : { state: stateHead };
    const unsigned = { ...base, ...sealed, encryption: { ...sealed.encryption, ...state }, metadata: {} };
    const message = { ...unsigned, signature: signDigest3(device.seed, messageSigningInput4(unsigned)) };
    checkMessageSize2(message);
    return message;
  }
  /** The key for the next message, in the hands of everybody who may read it. */
  async readyKey(channelId) {
    const { states, keys, directory, onNewKey } = this.parts;
    const state = await states.forSending(channelId);
    if (state.members[this.own.userId] === void 0)
      throw new DcpError7('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member' });
    const recipients = await recipientsOf(state, this.own, directory);
    let key2 = await keys.current(channelId);
    if (key2 === void 0 || this.mustRotate(key2, state, recipients)) {
      key2 = await keys.rotate(channelId, state.epoch);
      await onNewKey(key2);
    }
    return { key: await this.handOver(key2, recipients), state, recipients };
  }
  /** 1,000 messages or 24 h; a new epoch; a device that had the key may read no longer; the DM changed its direction. */
  mustRotate(key2, state, { devices }) {
    const chain = chainOf(key2);
    const expired = chain.expired(this.parts.now());
    chain.wipe();
    if (expired || key2.epoch !== state.epoch) return true;
    if (state.visibility === 'dm' && key2.answered === true) return true;
    const allowed = new Set(devices.map(({ userId, device }) => `${userId}/${device}`));
    return Object.keys(key2.handed).some((address) => !allowed.has(address));
  }
  async handOver(key2, { devices }) {
    const missing = devices.filter((address) => !hasKey(key2, address));
    if (missing.length === 0) return key2;
    const starts = missing.map((address) => ({ address, start: startFor(key2, address.userId) }));
    const outgoing = starts.map(({ address, start }) => ({ ...address, payload: payloadOf(key2, start) }));
    const reached = await this.parts.sessions.send(outgoing);
    const given = new Map(starts.map(({ address, start }) => [addressKey(address), start.n]));
    await this.parts.keys.handedTo(key2, given, new Set(reached.map(addressKey)));
    return key2;
  }
};
function startFor(key2, userId) {
  const n = entitledFrom(key2, userId);
  return (n === void 0 ? void 0 : startAgain(key2, n)) ?? chainOf(key2).start();
}
function payloadOf({ channelId, epoch, keyId }, { n, chainKey }) {
  return { t: 'key', channel_id: channelId, epoch, key_id: keyId, n, chain: toBase648(chainKey) };
}
function heads(state, { logs }, own, n) {
  const users = [own.userId, ...readersFor(Object.keys(state.members), own.userId, n)];
  return writeHeads(
    users.flatMap((userId) => {
      const log = logs.get(userId);
      const hash = log === void 0 ? null : logHead(log);
      return hash === null ? [] : [{ userId, hash }];
    }),
  );
}

// libs/client-sdk/src/e2ee/key-backup.ts
import {
  CryptoError as CryptoError4,
  fromBase64 as fromBase648,
  fromUtf8 as fromUtf86,
  openState as openState3,
  sealState as sealState3,
  toBase64 as toBase649,
  toUtf8 as toUtf89,
} from '@dcp/crypto';
import { MAX_BACKUP_RECORDS } from '@dcp/protocol';
var WAITING = 'e2ee/backup/';
var KEY_RECORD = 'mk:';
var KeyBackup = class {
  constructor(storage, node, backupKey, now) {
    this.storage = storage;
    this.node = node;
    this.backupKey = backupKey;
    this.now = now;
  }
  storage;
  node;
  backupKey;
  now;
  line = new Serial();
  /** The node keeps no backup for this kind of account. */
  refused = false;
  get enabled() {
    return this.backupKey !== void 0 && !this.refused;
  }
  /** Puts a sender key on the list of what the backup lacks. */
  async add(months, owner, start) {
    if (!this.enabled) return;
    const month = monthAt(this.now());
    const { channelId, userId, device } = owner;
    const kept = { channelId, userId, device, n: start.n, chain: toBase649(start.chainKey) };
    const body = await months.seal(month, start.keyId, toUtf89(JSON.stringify(kept)));
    await this.wait({ id: start.keyId, month, body: toBase649(toUtf89(body)) });
  }
  async addMonth({ id, month, key: key2 }) {
    if (this.backupKey === void 0) return;
    const body = toBase649(sealState3(this.backupKey, KEY_RECORD + id, key2.reveal()));
    await this.wait({ id: KEY_RECORD + id, month, body });
  }
  wait(record) {
    return this.storage.set(WAITING + record.id, record);
  }
  /** Sends what waits; what the node has already stays as it is there. Rejects when it cannot now; nothing is lost then. */
  flush() {
    return this.line.run(async () => {
      for (;;) {
        const names = (await this.storage.keys(WAITING)).slice(0, MAX_BACKUP_RECORDS);
        if (names.length === 0) return;
        const records = await Promise.all(names.map((name) => this.storage.get(name)));
        const body = { records: records.filter((record) => record !== void 0) };
        await this.node.rest('/backup/records', { method: 'PUT', body }).catch((error) => this.noteRefusal(error));
        await this.storage.apply(new Map(names.map((name) => [name, void 0])));
      }
    });
  }
  /** Reads everything back into a new device. Answers how many sender keys came. */
  async restore(months, keys) {
    let restored = 0;
    for (const { owner, start } of await this.read(months)) if (await keys.put(owner, start)) restored++;
    return restored;
  }
  /** Every sender key of the backup that can be opened. */
  async read(months) {
    if (!this.enabled) return [];
    const records = await this.records();
    for (const record of records) if (record.id.startsWith(KEY_RECORD)) await this.readMonth(months, record);
    const keys = [];
    for (const record of records) {
      const key2 = record.id.startsWith(KEY_RECORD) ? void 0 : await this.readKey(months, record);
      if (key2 !== void 0) keys.push(key2);
    }
    return keys;
  }
  async records() {
    const records = [];
    for (let after = ''; after !== null;) {
      const query = after === '' ? '' : `?after=${encodeURIComponent(after)}`;
      const page = await this.node.rest(`/backup/records${query}`).catch((error) => this.noteRefusal(error));
      if (page === void 0) return [];
      records.push(...page.records);
      after = page.next;
    }
    return records;
  }
  /** Other accounts than standard ones have none: that is no failure. */
  noteRefusal(error) {
    if (error.details?.reason !== 'not_for_account_type') throw error;
    this.refused = true;
    return void 0;
  }
  async readMonth(months, { id, body }) {
    const key2 = this.backupKey;
    if (key2 === void 0) return;
    const opened = readable(() => openState3(key2, id, fromBase648(body)));
    if (opened !== void 0) await months.adopt(id.slice(KEY_RECORD.length), opened);
  }
  async readKey(months, { id, body }) {
    const sealed = readable(() => fromUtf86(fromBase648(body)));
    const opened = sealed === void 0 ? void 0 : await months.open(sealed, id).catch(onlyCryptoErrors);
    if (opened === void 0) return void 0;
    const { n, chain, ...owner } = JSON.parse(fromUtf86(opened));
    return { owner, start: { keyId: id, n, chainKey: fromBase648(chain) } };
  }
  /** A month's records are deleted at the node; what waits of them here too. Without a month: all. */
  async delete(month) {
    for (const name of await this.storage.keys(WAITING)) {
      const record = await this.storage.get(name);
      if (month === void 0 || record?.month === month) await this.storage.delete(name);
    }
    await this.node.rest(`/backup/records${month === void 0 ? '' : `?month=${month}`}`, { method: 'DELETE' });
  }
};
function readable(read) {
  try {
    return read();
  } catch (error) {
    return onlyCryptoErrors(error);
  }
}
function onlyCryptoErrors(error) {
  if (error instanceof CryptoError4) return void 0;
  throw error;
}

// libs/client-sdk/src/e2ee/key-desk.ts
import { fromBase64 as fromBase649, toBase64 as toBase6410 } from '@dcp/crypto';
var KeyDesk = class {
  constructor(parts) {
    this.parts = parts;
  }
  parts;
  /** What it kept is in the storage when this resolves. Throws only when something can be tried again. */
  async handle(from, payload) {
    switch (payload.t) {
      case 'key':
        return await this.take(from, payload, { channelId: payload.channel_id, ...from }, false);
      case 'share':
        return await this.takeShared(from, payload);
      case 'ask':
        return await this.answer(from, payload);
      case 'deny':
        return await this.refused(from, payload);
      case 'ping':
        return;
    }
  }
  async takeShared(from, payload) {
    const { channel_id: channelId, user_id: userId, device } = payload;
    await this.take(from, payload, { channelId, userId, device }, true);
  }
  /** A key is worth something only from a member; a share from one's own device or a member. */
  async take(from, payload, owner, shared) {
    const wanted = this.parts.isWanted(payload.key_id, { ...owner, ...from });
    if (!wanted && !(await this.isMember(from, owner.channelId))) return this.fault(from, 'not_a_member');
    const start = { keyId: payload.key_id, n: payload.n, chainKey: fromBase649(payload.chain) };
    if (start.chainKey.length !== 32) return this.fault(from, 'malformed');
    if (!(await this.parts.received.put(owner, start, shared))) return this.fault(from, 'foreign_key_id');
    await this.parts.onKey(owner, start);
  }
  async isMember({ userId }, channelId) {
    const has = (state) => state?.members[userId] !== void 0;
    if (has(await this.parts.states.get(channelId).catch(() => void 0))) return true;
    return has(await this.parts.states.refresh(channelId).catch(() => void 0));
  }
  /** Who had the key gets it again, from where he had it; who is a member now gets it from now on; others are refused. */
  async answer(from, { channel_id: channelId, key_id: keyId }) {
    const key2 = await this.parts.own.byId(channelId, keyId);
    const n = key2 === void 0 ? void 0 : entitledFrom(key2, from.userId);
    const start = key2 === void 0 || n === void 0 ? void 0 : startAgain(key2, n);
    if (key2 !== void 0 && start !== void 0) {
      const chain = toBase6410(start.chainKey);
      const payload = { t: 'key', channel_id: channelId, epoch: key2.epoch, key_id: keyId, n: start.n, chain };
      return void (await this.parts.send([{ ...from, payload }]));
    }
    const current = await this.parts.own.current(channelId);
    if (current !== void 0 && !hasKey(current, from)) await this.parts.handOver(channelId).catch(() => void 0);
    await this.parts.send([{ ...from, payload: { t: 'deny', channel_id: channelId, key_id: keyId } }]);
  }
  /** Only the key's owner can refuse it. */
  async refused(from, { key_id: keyId }) {
    const known = await this.parts.received.find(keyId);
    if (known !== void 0 && (known.userId !== from.userId || known.device !== from.device)) return;
    await this.parts.onRefusal(keyId);
  }
  fault({ userId, device }, reason) {
    this.parts.events.emit('keyFault', { userId, device, reason });
  }
};

// libs/client-sdk/src/e2ee/key-queue.ts
var PAGE = 64;
var RESET_PAUSE_MS = 2e3;
var MAX_RESET_PAUSE_MS = 6e5;
var MAX_REMEMBERED = 5e3;
var KeyQueue = class {
  constructor(parts) {
    this.parts = parts;
  }
  parts;
  running;
  again = false;
  resets = /* @__PURE__ */ new Map();
  /** Reads the queue to its end. Resolves when what lay there at the time of the call has been dealt with. */
  drain() {
    if (this.running !== void 0) this.again = true;
    this.running ??= this.run().finally(() => {
      this.running = void 0;
    });
    return this.running;
  }
  async run() {
    do {
      this.again = false;
      while (await this.readPage());
    } while (this.again);
  }
  async readPage() {
    const { node, storage } = this.parts;
    const page = await node.command('fetch_keys', { after: 0, limit: PAGE });
    const last = page.items.at(-1);
    if (last === void 0) return false;
    const changes = /* @__PURE__ */ new Map();
    const answers = [];
    for (const item of page.items) await this.take(item, changes, answers);
    try {
      await storage.apply(changes);
    } catch (error) {
      for (const item of page.items) await this.parts.sessions.discard(senderOf(item));
      throw error;
    }
    await node.command('ack_keys', { up_to: last.seq });
    if (answers.length > 0) await this.parts.sessions.send(answers).catch(() => void 0);
    return page.has_more;
  }
  async take(item, changes, answers) {
    const from = senderOf(item);
    const opened = await this.open(item, answers);
    if (opened === void 0) return;
    await this.parts.desk.handle(from, opened.payload);
    for (const [key2, value] of opened.changes) changes.set(key2, value);
    this.resets.delete(keyOf(from));
    if (opened.owesReply) answers.push({ ...from, payload: { t: 'ping' } });
  }
  /** What cannot be opened is told, and the session begun anew; what was lost is asked for by whoever misses it. */
  async open(item, answers) {
    try {
      return await this.parts.sessions.open(item);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      const from = senderOf(item);
      if (error.fault === 'replayed') return void 0;
      this.parts.events.emit('keyFault', { ...from, reason: error.fault });
      const broken = error.fault === 'undecryptable' || error.fault === 'no_prekey';
      if (broken && this.mayReset(from)) await this.beginAnew(from, answers);
      return void 0;
    }
  }
  async beginAnew(from, answers) {
    await this.parts.sessions.reset(from);
    answers.push({ ...from, payload: { t: 'ping' } });
    this.parts.events.emit('sessionReset', from);
  }
  mayReset(from) {
    const key2 = keyOf(from);
    const now = this.parts.now();
    const known = this.resets.get(key2) ?? { count: 0, next: 0 };
    if (known.next > now) return false;
    const pause = Math.min(MAX_RESET_PAUSE_MS, RESET_PAUSE_MS * 2 ** known.count);
    this.resets.set(key2, { count: known.count + 1, next: now + pause });
    const oldest = this.resets.keys().next();
    if (this.resets.size > MAX_REMEMBERED && oldest.done !== true) this.resets.delete(oldest.value);
    return true;
  }
};
function senderOf({ from_user, from_device }) {
  return { userId: from_user, device: from_device };
}
function keyOf({ userId, device }) {
  return `${userId}/${device}`;
}

// libs/client-sdk/src/e2ee/key-requests.ts
var FIRST_MS = 2e3;
var MAX_MS = 3e5;
var MAX_WANTED = 2e3;
var KeyRequests = class {
  constructor(ask, now) {
    this.ask = ask;
    this.now = now;
  }
  ask;
  now;
  wanted = /* @__PURE__ */ new Map();
  get size() {
    return this.wanted.size;
  }
  want(keyId, owner, n) {
    const known = this.wanted.get(keyId);
    if (known !== void 0) known.n = Math.min(known.n, n);
    else if (this.wanted.size < MAX_WANTED) this.wanted.set(keyId, { ...owner, n, attempts: 0, next: this.now() });
  }
  /** Whether this key of this device is being waited for. */
  wants(keyId, owner) {
    const known = this.wanted.get(keyId);
    return known !== void 0 && known.userId === owner.userId && known.device === owner.device;
  }
  settle(keyId) {
    this.wanted.delete(keyId);
  }
  /** Asks for what is due. Called every second or so while one is online. */
  async tick() {
    const now = this.now();
    const due = [...this.wanted].filter(([, { next }]) => next <= now).slice(0, 64);
    for (const [, wanted] of due) wanted.next = now + Math.min(MAX_MS, FIRST_MS * 2 ** wanted.attempts++);
    if (due.length === 0) return;
    await this.ask(
      due.map(([keyId, { channelId, userId, device, n }]) => ({
        userId,
        device,
        payload: { t: 'ask', channel_id: channelId, key_id: keyId, n },
      })),
    );
  }
};

// libs/client-sdk/src/e2ee/message-reader.ts
import { asDcpError } from '@dcp/protocol';
var BATCH = 100;
var MessageReader = class {
  constructor(parts) {
    this.parts = parts;
  }
  parts;
  lines = /* @__PURE__ */ new Map();
  accept(event) {
    const channelId = event.data.channel_id;
    const line = this.lines.get(channelId) ?? { channelId, waiting: [], reading: 0, running: void 0 };
    this.lines.set(channelId, line);
    line.waiting.push(event);
    line.running ??= this.run(line);
  }
  /** The first `seq` that is not done yet; undefined: none waits. */
  pendingSeq(channelId) {
    const line = this.lines.get(channelId);
    return line === void 0 ? void 0 : line.reading || line.waiting[0]?.data.seq;
  }
  /** Resolves when everything that has come so far was read. */
  async idle() {
    await Promise.all([...this.lines.values()].map(({ running }) => running));
  }
  /** A key has come: what it unlocks is read now. */
  async keyArrived(keyId) {
    for (const { channel, message } of await this.parts.unread.under(keyId)) {
      const read = await this.readAgain(message);
      if (read === void 0) continue;
      const { channel_id: channelId, node } = message;
      await this.write([read]);
      await this.index([read]);
      await this.parts.unread.remove(message);
      this.parts.events.emit('decrypted', { channel, channelId, seq: node.seq, message: read.message ?? message });
    }
    if ((await this.parts.unread.under(keyId)).length === 0) this.parts.requests.settle(keyId);
  }
  /** The owner will not give this key: what waits for it stays unreadable. */
  async keyRefused(keyId) {
    for (const { channel, message } of await this.parts.unread.under(keyId)) {
      await this.parts.unread.remove(message);
      const { channel_id: channelId, node } = message;
      this.parts.events.emit('refused', { channel, channelId, seq: node.seq, id: message.id });
    }
  }
  /** History: from the archive, else with whatever keys are there; missing ones are asked for, and `decrypted` follows. */
  async readPage(messages) {
    const outcomes = [];
    for (const message of messages) outcomes.push(await this.readOne(message, false));
    await this.write(outcomes);
    await this.index(outcomes);
    for (const { message, fault } of outcomes) if (fault === 'no_key') await this.askFor(message);
    return outcomes.map(({ message, fault }) =>
      fault === void 0 ? message : { ...message, content: {}, undecryptable: { reason: fault } },
    );
  }
  async run(line) {
    while (line.waiting.length > 0) {
      const batch = line.waiting.splice(0, BATCH);
      line.reading = batch[0]?.data.seq ?? 0;
      await this.readBatch(batch).catch((error) => this.parts.events.emit('fault', { error: asDcpError(error) }));
    }
    this.lines.delete(line.channelId);
  }
  async readBatch(batch) {
    const outcomes = [];
    for (const event of batch)
      outcomes.push(event.event === 'message' ? await this.readLive(event.data.message) : event);
    const read = outcomes.filter((one) => 'message' in one);
    await this.write(read);
    await this.index(read);
    for (const outcome of outcomes) this.tell(outcome);
  }
  async readLive(message) {
    if (message.type === 'system') return await this.readState(message);
    let outcome = await this.readOne(message, true);
    if (outcome.fault === 'no_key') {
      await this.parts.drainQueue().catch(() => void 0);
      outcome = await this.readOne(message, true);
    }
    if (outcome.fault === 'no_key') await this.askFor(message);
    if (message.author !== this.parts.userId) await this.noteDm(message.channel_id);
    return outcome;
  }
  async readState(message) {
    try {
      await this.parts.states.accept(message);
      return { message, changes: [] };
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      return { message, fault: 'malformed', changes: [] };
    }
  }
  async readOne(message, live) {
    if (message.encryption.algorithm === 'none') return { message, changes: [] };
    const archived = await this.parts.archive.find(message.channel_id, message.id);
    if (archived !== void 0) return { message: { ...message, content: archived.content }, changes: [] };
    try {
      const { content, keyId, key: key2 } = await this.parts.decryptor.open(message, live);
      const { author, timestamp } = message;
      const record = await this.parts.archive.record(message.channel_id, message.id, { content, author, timestamp });
      return { message: { ...message, content }, changes: record === void 0 ? [] : [record], used: [keyId, key2] };
    } catch (error) {
      if (error instanceof DecryptError) return { message, fault: error.fault, changes: [] };
      if (error instanceof ChainError) return { message, fault: 'not_a_member', changes: [] };
      throw error;
    }
  }
  async readAgain(message) {
    const outcome = await this.readOne(message, false);
    return outcome.fault === void 0 ? outcome : void 0;
  }
  async askFor(message) {
    await this.parts.unread.add(message);
    const { frame } = sealedOf(message);
    this.parts.requests.want(
      frame.key_id,
      { channelId: frame.channel_id, userId: frame.author, device: frame.device },
      frame.n,
    );
  }
  async noteDm(channelId) {
    const state = await this.parts.states.get(channelId).catch(() => void 0);
    if (state?.visibility === 'dm') await this.parts.noteAnswer(channelId);
  }
  /** A search that misses a message is no reason to lose it. */
  async index(outcomes) {
    const read = outcomes.filter(({ message, fault }) => fault === void 0 && message.type !== 'system');
    const messages = read.map(({ message: { channel_id: channelId, id, author, timestamp, content } }) => {
      return { channelId, id, author, timestamp, content };
    });
    await this.parts.archive.addToIndex(messages).catch(() => void 0);
  }
  async write(outcomes) {
    const changes = new Map(outcomes.flatMap((outcome) => outcome.changes));
    const used = new Map(outcomes.flatMap((outcome) => (outcome.used === void 0 ? [] : [outcome.used])));
    for (const [keyId, key2] of used) changes.set(...this.parts.keys.entry(keyId, key2));
    if (changes.size === 0) return;
    try {
      await this.parts.storage.apply(changes);
    } catch (error) {
      this.parts.keys.discard(used.keys());
      throw error;
    }
  }
  tell(outcome) {
    const { events } = this.parts;
    if (!('changes' in outcome)) {
      const { channel: channel2, channel_id: channelId2, seq } = outcome.data;
      return events.emit('hidden', { channel: channel2, channelId: channelId2, seq });
    }
    const { message, fault } = outcome;
    const { channel, channel_id: channelId, node } = message;
    if (fault === void 0) return events.emit('message', { channel, channelId, seq: node.seq, message });
    const unreadable = { ...message, content: {} };
    events.emit('message', {
      channel,
      channelId,
      seq: node.seq,
      message: unreadable,
      undecryptable: { reason: fault },
    });
  }
};

// libs/client-sdk/src/e2ee/own-prekeys.ts
import {
  formatKey as formatKey3,
  fromBase64 as fromBase6410,
  generateMlKemKeyPair,
  generateX25519KeyPair as generateX25519KeyPair2,
  signDigest as signDigest4,
  toBase64 as toBase6411,
} from '@dcp/crypto';
import { LOW_PREKEYS, signingInput as signingInput5 } from '@dcp/protocol';
var STORE_KEY = 'e2ee/prekeys';
var FULL_STOCK = 60;
var MAX_KEPT = 300;
var WEEK_MS = 7 * 864e5;
var GRACE_MS = 3 * WEEK_MS;
var PUBLISHED_AT_ONCE = 24;
var OwnPrekeys = class {
  constructor(device, storage, node, now) {
    this.device = device;
    this.storage = storage;
    this.node = node;
    this.now = now;
  }
  device;
  storage;
  node;
  now;
  stored;
  line = new Serial();
  /** Compares with the node's stock and publishes what is missing or due. */
  maintain() {
    return this.line.run(async () => {
      const prekeys = await this.load();
      const stock = await this.stockOrNewEpoch(prekeys);
      const fresh = [...this.rotate(prekeys, stock), ...this.refill(prekeys, stock)];
      if (fresh.length === 0) return;
      await this.save(prekeys);
      for (let at = 0; at < fresh.length; at += PUBLISHED_AT_ONCE)
        await this.publish(prekeys.epoch, fresh.slice(at, at + PUBLISHED_AT_ONCE));
    });
  }
  /** A restored backup: the private halves of the old stock may be in two places, so all of it is void. */
  voidStock() {
    return this.line.run(async () => this.renew(await this.load()));
  }
  async renew(prekeys, atLeast = 0) {
    Object.assign(prekeys, { ...emptyPrekeys(), epoch: Math.max(prekeys.epoch + 1, atLeast), nextId: prekeys.nextId });
    await this.save(prekeys);
  }
  get epoch() {
    return this.stored?.epoch ?? 0;
  }
  /** For a first message that names this epoch; another epoch's prekeys are gone. */
  async secrets() {
    const { signed, kemLastResort, oneTime, kem } = await this.load();
    const reusable = (list, id) => list.find((one) => one.id === id)?.secret;
    const bytes = (text) => (text === void 0 ? void 0 : fromBase6410(text));
    return {
      signed: (id) => bytes(reusable(signed, id)),
      oneTime: (id) => bytes(oneTime[id]),
      kem: (id) => bytes(kem[id] ?? reusable(kemLastResort, id)),
    };
  }
  /** The private halves that a first message used up. Returns the record to be written with the session. */
  async spend(used) {
    const prekeys = await this.load();
    if (used.oneTime !== void 0) delete prekeys.oneTime[used.oneTime];
    if (used.kem !== void 0) delete prekeys.kem[used.kem];
    return [STORE_KEY, prekeys];
  }
  /** The node knows a later epoch than this storage: the storage is an old copy, so its stock is void. */
  async stockOrNewEpoch(prekeys) {
    const stock = await this.publish(prekeys.epoch, []).catch((error) => {
      const later = error.details;
      if (later?.reason !== 'old_epoch') throw error;
      return { epoch: Number(later.epoch), one_time: 0, kem: 0 };
    });
    if (stock.epoch > prekeys.epoch) {
      await this.renew(prekeys, stock.epoch + 1);
      return await this.publish(prekeys.epoch, []);
    }
    return stock;
  }
  publish(epoch, prekeys) {
    return this.node.command('publish_keys', { epoch, prekeys });
  }
  /** Weekly: a new signed prekey and a new last resort; those that nobody can hold any more are deleted. */
  rotate(prekeys, stock) {
    const now = this.now();
    const newest = Math.max(...prekeys.signed.map(({ created }) => created), 0);
    if (now - newest < WEEK_MS && stock.epoch === prekeys.epoch && prekeys.signed.length > 0) return [];
    prekeys.signed = prekeys.signed.filter(({ created }) => now - created < GRACE_MS);
    prekeys.kemLastResort = prekeys.kemLastResort.filter(({ created }) => now - created < GRACE_MS);
    const signed = this.make(prekeys, 'signed');
    const kem = this.make(prekeys, 'kem-last-resort');
    prekeys.signed.push({ id: signed.prekey.id, secret: signed.secret, created: now });
    prekeys.kemLastResort.push({ id: kem.prekey.id, secret: kem.secret, created: now });
    return [signed.prekey, kem.prekey];
  }
  refill(prekeys, stock) {
    return [
      ...this.fill(prekeys, 'one-time', prekeys.oneTime, stock.one_time),
      ...this.fill(prekeys, 'kem', prekeys.kem, stock.kem),
    ];
  }
  fill(prekeys, kind, kept, there) {
    if (there >= LOW_PREKEYS) return [];
    dropOldest(kept);
    return Array.from({ length: FULL_STOCK - there }, () => {
      const { prekey, secret } = this.make(prekeys, kind);
      kept[prekey.id] = secret;
      return prekey;
    });
  }
  make(prekeys, kind) {
    const { key: key2, secret } = kind.startsWith('kem') ? newKem() : newX25519();
    const unsigned = {
      user_id: this.device.userId,
      device: this.device.id,
      epoch: prekeys.epoch,
      kind,
      id: prekeys.nextId++,
      key: key2,
      created: new Date(this.now()).toISOString(),
    };
    const signature = signDigest4(this.device.seed, signingInput5('PREKEY', unsigned));
    return { prekey: { ...unsigned, signature }, secret };
  }
  async load() {
    this.stored ??= (await this.storage.get(STORE_KEY)) ?? emptyPrekeys();
    return this.stored;
  }
  save(prekeys) {
    return this.storage.set(STORE_KEY, prekeys);
  }
};
function dropOldest(kept) {
  const ids = Object.keys(kept).sort((a, b) => Number(a) - Number(b));
  for (const id of ids.slice(0, Math.max(0, ids.length - MAX_KEPT))) delete kept[id];
}
function emptyPrekeys() {
  return { epoch: 0, nextId: 1, signed: [], kemLastResort: [], oneTime: {}, kem: {} };
}
function newX25519() {
  const { publicKey, privateKey } = generateX25519KeyPair2();
  return { key: formatKey3('x25519', publicKey), secret: toBase6411(privateKey.reveal()) };
}
function newKem() {
  const { publicKey, seed } = generateMlKemKeyPair();
  return { key: formatKey3('ml-kem-768', publicKey), secret: toBase6411(seed.reveal()) };
}

// libs/client-sdk/src/e2ee/received-keys.ts
import { fromBase64 as fromBase6411, ReceivedSenderKey, toBase64 as toBase6412 } from '@dcp/crypto';
var PREFIX9 = 'e2ee/received/';
var MAX_CACHED4 = 4e3;
var UNUSED_MS = 30 * 864e5;
var ReceivedKeys = class {
  constructor(storage, now) {
    this.storage = storage;
    this.now = now;
  }
  storage;
  now;
  cache = /* @__PURE__ */ new Map();
  async find(keyId) {
    const cached = this.cache.get(keyId);
    if (cached !== void 0) return cached;
    const stored = await this.storage.get(PREFIX9 + keyId);
    if (stored === void 0) return void 0;
    const { state, ...owner } = stored;
    const key2 = { ...owner, chain: ReceivedSenderKey.deserialize(fromBase6411(state)) };
    this.remember(keyId, key2);
    return key2;
  }
  /**
   * Takes a hand-over; the storage holds it when this resolves. Answers false for a key that belongs to another device already: nobody
   * can put his chain in the place of somebody else's.
   */
  async put(owner, start, shared = false) {
    const found = await this.find(start.keyId);
    const known = found?.shared === true && !shared ? void 0 : found;
    if (known !== void 0 && !sameOwner(known, owner)) return false;
    const fresh = { ...owner, used: this.now(), ...(shared ? { shared } : {}) };
    const key2 = known ?? { ...fresh, chain: ReceivedSenderKey.from(start, this.now()) };
    known?.chain.extend(start, this.now());
    this.remember(start.keyId, key2);
    await this.storage.set(...this.entry(start.keyId, key2));
    return true;
  }
  /** Uses one key of a chain; what has to be written afterwards comes with `entry`. Throws DecryptError. */
  async require(keyId, owner) {
    const key2 = await this.find(keyId);
    if (key2 === void 0) throw new DecryptError('no_key');
    if (!sameOwner(key2, owner)) throw new DecryptError('malformed');
    return key2;
  }
  /** The record of a key as it is now, for a write together with what it opened. */
  entry(keyId, { chain, ...owner }) {
    return [PREFIX9 + keyId, { ...owner, used: this.now(), state: toBase6412(chain.serialize()) }];
  }
  /** The storage could not take it: its older state holds again. */
  discard(keyIds) {
    for (const keyId of keyIds) this.cache.delete(keyId);
  }
  /** Drops keys that were not used for a month, and skipped message keys after a week. */
  async sweep() {
    const changes = /* @__PURE__ */ new Map();
    for (const name of await this.storage.keys(PREFIX9)) {
      const keyId = name.slice(PREFIX9.length);
      const key2 = await this.find(keyId);
      if (key2 === void 0) continue;
      key2.chain.dropOld(this.now());
      const unused = this.now() - key2.used > UNUSED_MS;
      if (unused) this.cache.delete(keyId);
      changes.set(name, unused ? void 0 : { ...this.entry(keyId, key2)[1], used: key2.used });
    }
    await this.storage.apply(changes);
  }
  remember(keyId, key2) {
    this.cache.delete(keyId);
    this.cache.set(keyId, key2);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED4 && oldest.done !== true) this.cache.delete(oldest.value);
  }
};
function sameOwner(a, b) {
  return a.channelId === b.channelId && a.userId === b.userId && a.device === b.device;
}

// libs/client-sdk/src/e2ee/unread-messages.ts
var PREFIX10 = 'e2ee/unread/';
var MAX_UNREAD = 5e3;
var UnreadMessages = class {
  constructor(storage) {
    this.storage = storage;
  }
  storage;
  byKey;
  async add(message) {
    const byKey = await this.load();
    const unread = { channel: message.channel, message };
    await this.storage.set(nameOf2(message), unread);
    place2(byKey, nameOf2(message), unread);
    if (this.count(byKey) > MAX_UNREAD) await this.dropOldest(byKey);
  }
  async remove(message) {
    const byKey = await this.load();
    await this.storage.delete(nameOf2(message));
    const same = byKey.get(message.encryption.key_id);
    same?.delete(nameOf2(message));
    if (same?.size === 0) byKey.delete(message.encryption.key_id);
  }
  /** What waits for a key, in order. */
  async under(keyId) {
    const waiting = [...((await this.load()).get(keyId)?.values() ?? [])];
    return waiting.sort((a, b) => a.message.node.seq - b.message.node.seq);
  }
  async all() {
    return [...(await this.load()).values()].flatMap((same) => [...same.values()]);
  }
  async load() {
    if (this.byKey !== void 0) return this.byKey;
    const byKey = /* @__PURE__ */ new Map();
    for (const name of await this.storage.keys(PREFIX10)) {
      const unread = await this.storage.get(name);
      if (unread !== void 0) place2(byKey, name, unread);
    }
    this.byKey ??= byKey;
    return this.byKey;
  }
  count(byKey) {
    let count = 0;
    for (const same of byKey.values()) count += same.size;
    return count;
  }
  async dropOldest(byKey) {
    const oldest = byKey.values().next().value?.values().next().value;
    if (oldest !== void 0) await this.remove(oldest.message);
  }
};
function place2(byKey, name, unread) {
  const keyId = unread.message.encryption.key_id;
  const same = byKey.get(keyId) ?? /* @__PURE__ */ new Map();
  byKey.set(keyId, same.set(name, unread));
}
function nameOf2({ channel_id, node }) {
  return `${PREFIX10}${channel_id}/${String(node.seq).padStart(12, '0')}`;
}

// libs/client-sdk/src/e2ee/encryption-engine.ts
var TICK_MS = 1e3;
var UPKEEP_MS = 36e5;
var RESTORED = 'e2ee/restored';
var EncryptionEngine = class {
  constructor(options) {
    this.options = options;
    const { device, node, events, archive, now = Date.now } = options;
    const storage = new SealedStorage(options.storage, deriveStorageKey(device.seed));
    this.storage = storage;
    this.directory = new DeviceDirectory(storage, node, events);
    const { directory } = this;
    this.modes = new ChannelModes(storage, node);
    this.states = new ChannelStates(device.userId, storage, node, directory, events);
    this.prekeys = new OwnPrekeys(device, storage, node, now);
    this.sessions = new PairSessions(device, storage, node, directory, this.prekeys, events, now);
    this.received = new ReceivedKeys(storage, now);
    this.own = new OwnSenderKeys(storage, archive, now);
    this.backup = new KeyBackup(storage, node, archive ? device.backupKey : void 0, now);
    this.months = new MonthKeys(storage, (key2) => this.backup.addMonth(key2));
    this.archive = new Archive(storage, this.months, archive);
    this.unread = new UnreadMessages(storage);
    this.requests = new KeyRequests((outgoing) => this.sessions.send(outgoing), now);
    const { states, sessions, received, own, requests, unread } = this;
    const onNewKey = (key2) => this.backUpOwn(key2);
    this.encryptor = new Encryptor({ device, states, directory, keys: own, sessions, onNewKey, now });
    const desk = new KeyDesk({
      userId: device.userId,
      states,
      received,
      own,
      events,
      send: (outgoing) => sessions.send(outgoing),
      handOver: (channelId) => this.encryptor.prepare(channelId),
      onKey: (owner, start) => this.keyCame(owner, start),
      onRefusal: (keyId) => this.refused(keyId),
      isWanted: (keyId, owner) => requests.wants(keyId, owner),
    });
    this.queue = new KeyQueue({ storage, node, sessions, desk, events, now });
    this.reader = new MessageReader({
      userId: device.userId,
      storage,
      states,
      decryptor: new Decryptor({ userId: device.userId, states, directory, keys: received, events, now }),
      keys: received,
      archive: this.archive,
      unread,
      requests,
      events,
      drainQueue: () => this.queue.drain(),
      noteAnswer: (channelId) => this.encryptor.noteAnswer(channelId),
    });
  }
  options;
  storage;
  directory;
  modes;
  states;
  prekeys;
  sessions;
  received;
  own;
  months;
  archive;
  backup;
  encryptor;
  reader;
  queue;
  requests;
  unread;
  ticking;
  upkeepDue = 0;
  takenUp = false;
  tickRunning = false;
  /** The socket is up. What keys need of the node is done now, or as soon as the node can. */
  async online() {
    this.directory.forgetFreshness();
    this.takenUp = false;
    clearInterval(this.ticking);
    this.ticking = setInterval(() => void this.tick(), TICK_MS);
    await this.takeUp().catch(() => void 0);
  }
  offline() {
    clearInterval(this.ticking);
    this.ticking = void 0;
  }
  /** Publishes prekeys, takes what lies in the queue, asks again for what is missing. */
  async takeUp() {
    await this.prekeys.maintain();
    await this.restoreOnce();
    await this.queue.drain();
    await this.wantUnread();
    this.takenUp = true;
  }
  /** Events of the node that concern keys. */
  handle(event) {
    if (event.event === 'device_queue') void this.queue.drain().catch(() => void 0);
    else if (event.event === 'keys_low') void this.prekeys.maintain().catch(() => void 0);
    else if (event.event === 'devices_changed') this.devicesChanged(event.data.user_id);
  }
  /** This storage is an old copy (a restored backup): what it holds may have been used since, so nothing of it is used again. */
  async restored() {
    await this.sessions.clear();
    await this.own.clear();
    await this.prekeys.voidStock();
  }
  /**
   * Lets a member read what was written before he came, as far as one can read it oneself: hands him the keys of the backup. Answers how
   * many. A false key opens nothing: every message is signed by its author.
   */
  async shareHistory(channelId, userId) {
    await this.backup.flush();
    const log = await this.directory.log(userId);
    const state = await this.states.forSending(channelId);
    if (log === void 0 || state.members[userId] === void 0)
      throw new DcpError8('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member', user_id: userId });
    const keys = (await this.backup.read(this.months)).filter(({ owner }) => owner.channelId === channelId);
    const outgoing = liveDevices(log).flatMap(({ id }) =>
      keys.map(({ owner, start }) => ({ userId, device: id, payload: sharePayload(owner, start, state.epoch) })),
    );
    await this.sessions.send(outgoing);
    return keys.length;
  }
  /** A month's messages become unreadable here and in the backup; the other devices do the same on their own. */
  async forgetMonth(month) {
    await this.backup.delete(month);
    await this.months.delete(month);
  }
  devicesChanged(userId) {
    this.directory.noteChange(userId);
    this.options.events.emit('devicesChanged', { userId });
  }
  async restoreOnce() {
    if (!this.backup.enabled || (await this.storage.get(RESTORED)) === true) return;
    await this.backup.restore(this.months, this.received);
    await this.storage.set(RESTORED, true);
  }
  async wantUnread() {
    for (const { message } of await this.unread.all()) {
      const { frame } = sealedOf(message);
      const owner = { channelId: frame.channel_id, userId: frame.author, device: frame.device };
      this.requests.want(frame.key_id, owner, frame.n);
      await this.reader.keyArrived(frame.key_id);
    }
  }
  async tick() {
    if (this.tickRunning) return;
    this.tickRunning = true;
    try {
      if (!this.takenUp) await this.takeUp();
      await this.requests.tick();
      await this.backup.flush();
      await this.upkeep();
    } catch {
    } finally {
      this.tickRunning = false;
    }
  }
  async upkeep() {
    if (Date.now() < this.upkeepDue) return;
    this.upkeepDue = Date.now() + UPKEEP_MS;
    await this.prekeys.maintain();
    await this.received.sweep();
    await this.own.sweep();
  }
  async backUpOwn(key2) {
    const start = startAgain(key2, 0);
    const { userId, id } = this.options.device;
    if (start !== void 0) await this.backup.add(this.months, { channelId: key2.channelId, userId, device: id }, start);
  }
  async keyCame(owner, start) {
    await this.backup.add(this.months, owner, start);
    void this.reader.keyArrived(start.keyId).catch(() => void 0);
  }
  async refused(keyId) {
    this.requests.settle(keyId);
    await this.reader.keyRefused(keyId);
  }
};
function sharePayload({ channelId, userId, device }, { keyId, n, chainKey }, epoch) {
  const chain = toBase6413(chainKey);
  return { t: 'share', channel_id: channelId, user_id: userId, device, epoch, key_id: keyId, n, chain };
}

// libs/client-sdk/src/e2ee/state-changes.ts
import {
  formatKey as formatKey4,
  randomBytes as randomBytes5,
  signDigest as signDigest5,
  toBase32 as toBase326,
  generateEd25519KeyPair as generateEd25519KeyPair2,
  ed25519PublicKey as ed25519PublicKey3,
  toBase64 as toBase6414,
  fromBase64 as fromBase6412,
} from '@dcp/crypto';
import {
  asDcpError as asDcpError2,
  DcpError as DcpError9,
  linkGrant as linkGrant2,
  messageSigningInput as messageSigningInput5,
  signingInput as signingInput6,
} from '@dcp/protocol';
var MAX_ATTEMPTS = 5;
var StateChanges = class {
  constructor(device, homeNode, node, states, directory, now) {
    this.device = device;
    this.homeNode = homeNode;
    this.node = node;
    this.states = states;
    this.directory = directory;
    this.now = now;
  }
  device;
  homeNode;
  node;
  states;
  directory;
  now;
  async create(wish) {
    const genesis = await this.genesisOf(wish);
    const channelId = channelIdOf(genesis);
    const signature = signDigest5(this.device.seed, signingInput6('GENESIS', genesis));
    const details = { identity_key: await this.ownIdentityKey() };
    const entry = this.sign(channelId, null, 'channel_created', wish.name, details);
    const request = { channel: wish.name, encryption: 'e2ee', genesis, signature, entry };
    const texts = {
      ...(wish.title === void 0 ? {} : { name: wish.title }),
      ...(wish.description === void 0 ? {} : { description: wish.description }),
    };
    const changed = await this.node.command('create_channel', { ...request, ...texts });
    const own = (await this.directory.log(this.device.userId))?.devices[this.device.id];
    const state = chainFromGenesis(channelId, genesis, signature);
    await this.states.begin(
      extendChain(state, entry, changed.seq, () => (own === void 0 ? void 0 : signingKeyOf(own))),
    );
    return changed;
  }
  /** Joins a public channel, or one that one is invited to, or by the link. */
  async join(channelId, link) {
    const proof = link === void 0 ? void 0 : this.proofOf(channelId, link);
    const details = { identity_key: await this.ownIdentityKey(), ...(proof === void 0 ? {} : { link: proof }) };
    await this.states.refresh(channelId, proof);
    return await this.change('join_channel', channelId, 'user_joined', this.device.userId, details, proof);
  }
  leave(channelId) {
    return this.change('leave_channel', channelId, 'user_left', this.device.userId);
  }
  /** Names the identity key that one knows of him, so that the node cannot let in somebody else under his name. */
  async invite(channelId, userId) {
    const log = await this.directory.log(userId);
    if (log === void 0) throw new DcpError9('USER_NOT_FOUND', { user_id: userId });
    return await this.change('invite_user', channelId, 'user_invited', userId, { identity_key: log.identityKey });
  }
  decline(channelId) {
    return this.change('change_state', channelId, 'invitation_revoked', this.device.userId);
  }
  withdrawInvitation(channelId, userId) {
    return this.change('change_state', channelId, 'invitation_revoked', userId);
  }
  kick(channelId, userId) {
    return this.change('kick_user', channelId, 'user_removed', userId);
  }
  ban(channelId, userId) {
    return this.change('ban_user', channelId, 'user_banned', userId);
  }
  unban(channelId, userId) {
    return this.change('ban_user', channelId, 'user_unbanned', userId);
  }
  async describe(channelId, settings) {
    const { channel } = await this.nameOf(channelId);
    return await this.change('change_state', channelId, 'settings_changed', channel, settings);
  }
  async createLink(channelId, host, lifeMs) {
    const { publicKey, seed } = generateEd25519KeyPair2();
    const key2 = formatKey4('ed25519', publicKey);
    const expires = new Date(this.now() + lifeMs).toISOString();
    await this.change('invite_user', channelId, 'link_created', this.device.userId, { key: key2, expires });
    const secret = toBase6414(seed.reveal()).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    seed.wipe();
    return { channelId, key: key2, expires, url: `dcp://join/${channelId}?via=${encodeURIComponent(host)}#${secret}` };
  }
  revokeLink(channelId, key2) {
    return this.change('invite_user', channelId, 'link_revoked', this.device.userId, { key: key2 });
  }
  /** The state may have moved on: it is read, checked, and the entry made again. */
  async change(command, channelId, action, target, details = {}, proof) {
    for (let attempt = 1; ; attempt++) {
      const state = await this.states.get(channelId);
      const entry = this.sign(channelId, state.head, action, target, details);
      try {
        return await this.node.command(command, { channel: channelId, entry });
      } catch (thrown) {
        const error = asDcpError2(thrown);
        if (error.details['reason'] !== 'stale_state' || attempt === MAX_ATTEMPTS) throw error;
        await this.states.refresh(channelId, proof);
      }
    }
  }
  sign(channelId, prevState, action, target, details) {
    const unsigned = {
      id: newMessageId(),
      type: 'system',
      timestamp: new Date(this.now()).toISOString(),
      author: this.device.userId,
      device: this.device.id,
      channel_id: channelId,
      prev_state: prevState,
      ...(this.device.certificate === void 0 ? {} : { certificate: this.device.certificate }),
      content: { action, actor: this.device.userId, target, details },
      encryption: { algorithm: 'none', key_id: 'state', nonce: '' },
      metadata: {},
    };
    return { ...unsigned, signature: signDigest5(this.device.seed, messageSigningInput5(unsigned)) };
  }
  async genesisOf({ visibility, name, members = [] }) {
    const genesis = {
      version: '1.0',
      name,
      home_node: this.homeNode,
      encryption: 'e2ee',
      visibility,
      creator: this.device.userId,
      creator_key: deviceKey(this.device),
      created: new Date(this.now()).toISOString(),
      random: toBase326(randomBytes5(20)),
    };
    if (visibility !== 'group') return genesis;
    const everybody = [.../* @__PURE__ */ new Set([this.device.userId, ...members])];
    const logs = await this.directory.logs(everybody);
    return {
      ...genesis,
      members: everybody.map((user_id) => {
        const log = logs.get(user_id);
        if (log === void 0) throw new DcpError9('USER_NOT_FOUND', { user_id });
        return { user_id, identity_key: log.identityKey };
      }),
    };
  }
  async ownIdentityKey() {
    const log = await this.directory.log(this.device.userId);
    if (log === void 0) throw new DcpError9('USER_NOT_FOUND', { user_id: this.device.userId });
    return log.identityKey;
  }
  async nameOf(channelId) {
    return await this.node.command('subscribe', { channel: channelId });
  }
  proofOf(channelId, link) {
    const secret = fromBase6412(link.slice(link.lastIndexOf('#') + 1));
    const proof = signDigest5(secret, signingInput6('GRANT', linkGrant2(channelId, this.device.userId)));
    return { key: formatKey4('ed25519', ed25519PublicKey3(secret)), proof };
  }
};
function newGroupName() {
  return `#dm/${toBase326(randomBytes5(8)).slice(0, 12)}`;
}

// libs/client-sdk/src/events.ts
var EventHub = class {
  listeners = /* @__PURE__ */ new Map();
  /** Returns the function that removes the listener. */
  on(event, listener) {
    const set = this.listeners.get(event) ?? /* @__PURE__ */ new Set();
    this.listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  }
  /** Resolves with the next event that `matches`. */
  next(event, matches2 = () => true) {
    return new Promise((resolve) => {
      const off = this.on(event, (payload) => {
        if (!matches2(payload)) return;
        off();
        resolve(payload);
      });
    });
  }
  emit(event, payload) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        listener(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
};

// libs/client-sdk/src/storage/storage.ts
var MemoryStorage = class {
  values = /* @__PURE__ */ new Map();
  async get(key2) {
    const text = this.values.get(key2);
    return text === void 0 ? void 0 : JSON.parse(text);
  }
  set(key2, value) {
    return this.apply(/* @__PURE__ */ new Map([[key2, value]]));
  }
  delete(key2) {
    return this.apply(/* @__PURE__ */ new Map([[key2, void 0]]));
  }
  async apply(changes) {
    const texts = [...changes].map(([key2, value]) => [key2, JSON.stringify(value)]);
    for (const [key2, text] of texts) {
      if (text === void 0) this.values.delete(key2);
      else this.values.set(key2, text);
    }
  }
  async keys(prefix) {
    return [...this.values.keys()].filter((key2) => key2.startsWith(prefix)).sort();
  }
};

// libs/client-sdk/test/actor.ts
var NODE_ID = 'n0000000';
var Person = class {
  constructor(node, name) {
    this.node = node;
    this.userId = `${NODE_ID}.${name}`;
    const { publicKey, seed } = generateEd25519KeyPair3();
    this.identity = identityOf(this.userId, formatKey5('ed25519', publicKey), seed);
    node.accounts.set(this.userId, { publicKey: formatKey5('ed25519', publicKey), log: [] });
  }
  node;
  userId;
  identity;
  get log() {
    return this.node.accounts.get(this.userId)?.log ?? [];
  }
  /** A new device, online. */
  async device(options = {}) {
    const { device, entry } = newDevice(this.identity, this.log.at(-1), 'test');
    this.log.push(entry);
    this.announce();
    const actor2 = new Actor(this, device, options);
    await actor2.engine.online();
    return actor2;
  }
  revoke(device) {
    const head = this.log.at(-1);
    if (head === void 0) return;
    this.log.push(revocationOf(this.identity, head, device.id));
    this.announce();
  }
  announce() {
    const data = { user_id: this.userId, seq: this.log.length, hash: '' };
    for (const one of this.node.listeners) one.notify({ event: 'devices_changed', data });
  }
};
var Actor = class {
  constructor(person, keys, { archive = true, storage = new MemoryStorage(), now = Date.now } = {}) {
    this.person = person;
    this.keys = keys;
    const { node } = person;
    this.storage = storage;
    const port = node.port(person.userId, keys.id);
    this.engine = new EncryptionEngine({ device: keys, storage, node: port, events: this.events, archive, now });
    this.changes = new StateChanges(keys, NODE_ID, port, this.engine.states, this.engine.directory, now);
    node.listeners.add(this);
    this.listen();
  }
  person;
  keys;
  events = new EventHub();
  engine;
  changes;
  heard = [];
  faults = [];
  /** Messages that could not be read when they came, whatever became of them. */
  unreadAtFirst = [];
  storage;
  get userId() {
    return this.person.userId;
  }
  get device() {
    return this.keys.id;
  }
  listen() {
    this.events.on('message', ({ message, undecryptable }) => {
      if (message.type !== 'system') this.heard.push(heardOf(message, undecryptable?.reason));
      if (undecryptable !== void 0) this.unreadAtFirst.push(message.id);
    });
    this.events.on('decrypted', ({ message }) => {
      const at = this.heard.findIndex(({ id }) => id === message.id);
      this.heard[at] = heardOf(message, void 0);
    });
    for (const event of ['deviceConflict', 'channelConflict', 'keyFault', 'headMismatch'])
      this.events.on(event, (data) => this.faults.push(faultText(event, data)));
  }
  hear(message) {
    const { channel, channel_id, node } = message;
    this.engine.reader.accept({ event: 'message', data: { channel, channel_id, seq: node.seq, message } });
  }
  notify(event) {
    this.engine.handle(event);
  }
  async createPrivate(...others) {
    const { channel_id } = await this.changes.create({ visibility: 'private', name: '#secret' });
    for (const other of others) {
      await this.changes.invite(channel_id, other.userId);
      await other.changes.join(channel_id);
    }
    return channel_id;
  }
  async createGroup(...others) {
    const members = others.map(({ userId }) => userId);
    return (await this.changes.create({ visibility: 'group', name: newGroupName(), members })).channel_id;
  }
  async dm(other) {
    await this.person.node.port(this.userId, this.device).command('create_channel', { channel: `@${other.userId}` });
    const channelId = dmChannelId(this.userId, other.userId);
    await this.engine.states.openDm(channelId, other.userId);
    return channelId;
  }
  /** Encrypts and posts; answers the message's id. */
  async say(channelId, text) {
    const written = writeMessage(this.keys, channelId, { text });
    const { content, author, timestamp, id } = written;
    await this.engine.archive.keepSent(channelId, id, { content, author, timestamp });
    for (let attempt = 1; ; attempt++) {
      const message = await this.engine.encryptor.encrypt({ ...written, channelId });
      try {
        this.person.node.post(message);
        return id;
      } catch (error) {
        if (!(error instanceof DcpError10) || attempt === 3) throw error;
        await this.engine.states.refresh(channelId);
      }
    }
  }
  /** Everything that has come was read. */
  async settled() {
    for (let round = 0; round < 3; round++) {
      await this.engine.queue.drain();
      await this.engine.reader.idle();
    }
  }
  texts() {
    return this.heard.map(({ text, fault }) => text ?? `<${fault}>`);
  }
  stop() {
    this.engine.offline();
    void this.engine.archive.flush();
    this.person.node.listeners.delete(this);
  }
};
function heardOf(message, fault) {
  const text = message.content['text'];
  return { id: message.id, author: message.author, text, ...(fault === void 0 ? {} : { fault }) };
}
function faultText(event, data) {
  const { reason = '', userId = '' } = data;
  return [event, reason, userId.slice(9)].filter((part) => part !== '').join(' ');
}
function identityOf(userId, publicKey, seed) {
  const identity = { full_id: userId, home_node_id: NODE_ID, username: userId.slice(9), public_key: publicKey };
  return { file: { identity }, seed };
}

// libs/client-sdk/test/scripted-node.ts
import { parseKey as parseKey4 } from '@dcp/crypto';
import { DcpError as DcpError11 } from '@dcp/protocol';
var key = (userId, device) => `${userId}/${device}`;
var ScriptedNode = class {
  accounts = /* @__PURE__ */ new Map();
  channels = /* @__PURE__ */ new Map();
  backups = /* @__PURE__ */ new Map();
  prekeys = /* @__PURE__ */ new Map();
  queues = /* @__PURE__ */ new Map();
  listeners = /* @__PURE__ */ new Set();
  /** Every one-time prekey that was handed out. */
  handedOut = [];
  /** Why posts were refused. */
  refused = [];
  interference = {};
  /** Set: every command fails with this. */
  down;
  calls = {};
  port(userId, device) {
    return {
      command: async (command, data) => {
        await Promise.resolve();
        if (this.down !== void 0) throw this.down;
        this.calls[command] = (this.calls[command] ?? 0) + 1;
        return structuredClone(this.run(command, data, userId, device));
      },
      rest: async (path, request) => {
        await Promise.resolve();
        if (this.down !== void 0) throw this.down;
        return this.rest(path, request, userId);
      },
    };
  }
  run(command, given, userId, device) {
    const data = given;
    switch (command) {
      case 'get_devices':
        return this.devices(data.users, userId);
      case 'publish_keys':
        return this.publish(data, key(userId, device));
      case 'claim_keys':
        return this.claim(data.devices, userId);
      case 'send_keys':
        return this.sendKeys(data.messages, userId, device);
      case 'fetch_keys':
        return this.fetch(userId, device);
      case 'ack_keys':
        return this.acknowledge(key(userId, device), data.up_to);
      case 'get_state':
        return this.stateOf(data.channel, data.after, userId);
      case 'create_channel':
        return this.create(data, userId);
      case 'send_message':
        return this.post(given);
      default:
        return this.changeState(data.channel, data.entry);
    }
  }
  devices(users, viewer) {
    const logs = users.flatMap(({ user_id, after }) => {
      const account = this.accounts.get(user_id);
      if (account === void 0) return [];
      const log = this.interference.log?.(account.log, user_id, viewer) ?? account.log;
      const public_key = this.interference.identityKey?.(account.publicKey, user_id, viewer) ?? account.publicKey;
      return [{ user_id, public_key, entries: log.slice(after), has_more: false }];
    });
    return { logs };
  }
  publish({ epoch, prekeys }, owner) {
    let stock = this.prekeys.get(owner);
    if (stock !== void 0 && epoch < stock.epoch)
      throw new DcpError11('CONFLICT', { reason: 'old_epoch', epoch: stock.epoch });
    if (stock === void 0 || epoch > stock.epoch) this.prekeys.set(owner, (stock = { epoch, keys: [] }));
    stock.keys.push(...prekeys);
    if (!this.queues.has(owner)) this.queues.set(owner, { next: 1, items: [] });
    const count = (kind) => stock.keys.filter((one) => one.kind === kind).length;
    return { epoch: stock.epoch, one_time: count('one-time'), kem: count('kem') };
  }
  claim(devices, viewer) {
    const bundles = [];
    const missing = [];
    for (const { user_id, device } of devices) {
      const stock = this.prekeys.get(key(user_id, device));
      const signed = stock?.keys.findLast(({ kind }) => kind === 'signed');
      if (stock === void 0 || signed === void 0) {
        missing.push({ user_id, device });
        continue;
      }
      const take = (kind) => {
        const at = stock.keys.findIndex((one) => one.kind === kind);
        const [taken] = at < 0 ? [] : stock.keys.splice(at, 1);
        if (taken !== void 0) this.handedOut.push(`${device} ${kind} ${taken.id}`);
        return taken;
      };
      const kem = take('kem') ?? stock.keys.findLast(({ kind }) => kind === 'kem-last-resort');
      const bundle = { user_id, device, epoch: stock.epoch, signed, one_time: take('one-time'), kem };
      bundles.push(this.interference.bundle?.(bundle, viewer) ?? bundle);
    }
    return { bundles, missing };
  }
  sendKeys(messages, from_user, from_device) {
    const unknown = [];
    for (const { user_id, device, id, body } of messages) {
      const queue = this.queues.get(key(user_id, device));
      if (queue === void 0) unknown.push({ user_id, device });
      else {
        const received_at = /* @__PURE__ */ new Date().toISOString();
        queue.items.push({ seq: queue.next++, id, from_user, from_device, received_at, body });
        this.notify(user_id, device, { event: 'device_queue', data: { head: queue.next - 1 } });
      }
    }
    return { unknown, full: [] };
  }
  notify(userId, device, event) {
    for (const one of this.listeners) if (one.userId === userId && one.device === device) one.notify(event);
  }
  fetch(userId, device) {
    const items = this.queues.get(key(userId, device))?.items ?? [];
    const shown = this.interference.queue?.(items, userId) ?? items;
    return { items: shown.slice(0, 64), has_more: shown.length > 64 };
  }
  acknowledge(owner, upTo) {
    const queue = this.queues.get(owner);
    if (queue !== void 0) queue.items = queue.items.filter(({ seq }) => seq > upTo);
    return { left: queue?.items.length ?? 0 };
  }
  stateOf(channelId, after, viewer) {
    const channel = this.channel(channelId);
    const { genesis, signature, state, log } = channel;
    const chain = log.filter(({ type, node }) => type === 'system' && node.seq > after);
    return {
      channel: this.nameFor(channel, viewer),
      visibility: state.visibility,
      genesis,
      genesis_signature: signature,
      entries: this.interference.state?.(chain, viewer) ?? chain,
      has_more: false,
    };
  }
  create(data, userId) {
    const name = data.channel;
    if (name.startsWith('@')) return this.openDm(userId, name.slice(1));
    const { genesis, signature } = data;
    const channelId = channelIdOf(genesis);
    const state = chainFromGenesis(channelId, genesis, signature);
    this.channels.set(channelId, { name, genesis, signature, log: [], state });
    return this.changeState(channelId, data.entry);
  }
  openDm(a, b) {
    const channelId = dmChannelId(a, b);
    if (!this.channels.has(channelId)) {
      const name = `@${[a, b].sort().join(',')}`;
      this.channels.set(channelId, { name, genesis: null, signature: null, log: [], state: dmState(channelId, a, b) });
    }
    return { channel: `@${b}`, channel_id: channelId, seq: 0, head: 0 };
  }
  changeState(channelId, entry) {
    const channel = this.channel(channelId);
    if (entry.prev_state !== channel.state.head)
      throw new DcpError11('CONFLICT', { reason: 'stale_state', state_head: channel.state.head });
    const seq = channel.log.length + 1;
    const keyOf2 = () => {
      const added = this.accounts.get(entry.author)?.log.find(({ device }) => device === entry.device);
      return added?.signing_key === void 0 ? void 0 : parseKey4(added.signing_key).bytes;
    };
    channel.state = extendChain(channel.state, entry, seq, keyOf2);
    this.append(channel, entry);
    return { channel: channel.name, channel_id: channelId, seq, head: seq };
  }
  /** As the node does: the epoch is checked, the entry numbered and delivered. */
  post(message) {
    const channel = this.channel(message.channel_id ?? '');
    const { epoch, head } = channel.state;
    if ((message.encryption.epoch ?? 0) < epoch) throw this.refusal('stale_epoch', { epoch });
    if (message.encryption.state !== void 0 && message.encryption.state !== head)
      throw this.refusal('stale_state', { state_head: head, epoch });
    const seq = this.append(channel, message);
    return { message_id: message.id, seq, timestamp: message.timestamp, state: 'ordered' };
  }
  refusal(reason, details) {
    this.refused.push(reason);
    return new DcpError11('CONFLICT', { reason, ...details });
  }
  append(channel, message) {
    const seq = channel.log.length + 1;
    const node = { seq, received_at: /* @__PURE__ */ new Date().toISOString() };
    const delivered = { ...message, channel: channel.name, channel_id: channel.state.channelId, node };
    channel.log.push(delivered);
    this.deliver(channel, delivered);
    return seq;
  }
  deliver(channel, message) {
    for (const one of this.listeners) {
      if (channel.state.members[one.userId] === void 0) continue;
      const seen = { ...message, channel: this.nameFor(channel, one.userId) };
      for (const copy of this.interference.deliver?.(seen, one.userId) ?? [seen]) one.hear(structuredClone(copy));
    }
  }
  /** Gives a listener what it has missed. */
  replay(listener, channelId, after) {
    const channel = this.channel(channelId);
    for (const message of channel.log) {
      if (message.node.seq > after)
        listener.hear(structuredClone({ ...message, channel: this.nameFor(channel, listener.userId) }));
    }
  }
  nameFor({ name }, viewer) {
    if (!name.startsWith('@')) return name;
    const [a = '', b = ''] = name.slice(1).split(',');
    return `@${a === viewer ? b : a}`;
  }
  channel(channelId) {
    const channel = this.channels.get(channelId);
    if (channel === void 0) throw new DcpError11('CHANNEL_NOT_FOUND');
    return channel;
  }
  rest(path, request, userId) {
    const records = this.backups.get(userId) ?? /* @__PURE__ */ new Map();
    this.backups.set(userId, records);
    if (request?.method === 'PUT') {
      for (const record of request.body.records) if (!records.has(record.id)) records.set(record.id, record);
      return { kept: [] };
    }
    if (request?.method === 'DELETE') {
      const month = new URLSearchParams(path.split('?')[1]).get('month');
      for (const [id, record] of records) if (month === null || record.month === month) records.delete(id);
      return { deleted: 0 };
    }
    return { records: [...records.values()], next: null };
  }
};

// libs/client-sdk/bench/figures.ts
var MESSAGES = 500;
var ROUNDS = 5;
async function measureAll(options) {
  await ready();
  await bareReference(options);
  await perMessage(options);
  await firstContact(options);
  await openingAChannel(options);
  await largeChannel(options);
}
async function actor(node, name, { storage }, archive = true) {
  const own = storage === void 0 ? {} : { storage: await storage(name) };
  return await new Person(node, name).device({ archive, ...own });
}
async function bareReference({ print }) {
  const { seed, publicKey } = generateEd25519KeyPair4();
  const [key2, plaintext] = [randomBytes6(32), randomBytes6(256)];
  const [out, back] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const made = [];
    const sent = await timed(async () => {
      for (let i = 0; i < MESSAGES; i++) {
        const sealed = sealMessage2(key2, plaintext, plaintext);
        made.push({ sealed, signature: signDigest6(seed, sealed.ciphertext) });
      }
    });
    const read = await timed(async () => {
      for (const { sealed, signature } of made) {
        if (!verifySigned5(publicKey, sealed.ciphertext, signature)) throw new Error('not verified');
        openMessage2(key2, sealed.nonce, sealed.ciphertext, plaintext);
      }
    });
    out.push((sent / MESSAGES) * 1e3);
    back.push((read / MESSAGES) * 1e3);
  }
  print(`reference: seal and sign, bare       ${summary(out)} \xB5s`);
  print(`reference: verify and open, bare     ${summary(back)} \xB5s`);
}
async function perMessage(options) {
  const [out, back] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const node = new ScriptedNode();
    const [alice, bob] = [await actor(node, 'alice', options), await actor(node, 'bob', options)];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'warm up');
    await bob.settled();
    node.listeners.delete(bob);
    const sent = await timed(async () => {
      for (let i = 0; i < MESSAGES; i++) await alice.say(room, `message ${i}`);
    });
    const messages = posts(node, room).slice(1);
    const read = await timed(async () => {
      for (const message of messages) bob.hear(message);
      await bob.engine.reader.idle();
    });
    if (bob.texts().length !== MESSAGES + 1) throw new Error(`only ${bob.texts().length} were read`);
    out.push((sent / MESSAGES) * 1e3);
    back.push((read / MESSAGES) * 1e3);
    stop(alice, bob);
  }
  options.print(`encrypt and sign, a message          ${summary(out)} \xB5s`);
  options.print(`verify and decrypt, a message        ${summary(back)} \xB5s`);
}
async function firstContact(options) {
  const node = new ScriptedNode();
  const alice = await actor(node, 'alice', options);
  const peers = [];
  for (let i = 0; i < 20; i++) peers.push(await actor(node, `peer${i}`, options));
  const [there, read] = [[], []];
  for (const peer of peers) {
    node.listeners.delete(peer);
    const dm = await alice.dm(peer);
    there.push(await timed(() => alice.say(dm, 'hello').then(() => void 0)));
    read.push(
      await timed(async () => {
        for (const message of posts(node, dm)) peer.hear(message);
        await peer.settled();
      }),
    );
    if (peer.texts()[0] !== 'hello') throw new Error('the first message was not read');
  }
  options.print(`first contact, sender                ${summary(there)} ms`);
  options.print(`first contact, receiver              ${summary(read)} ms`);
  stop(alice, ...peers);
}
async function openingAChannel(options) {
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const node = new ScriptedNode();
    const [alice, bob] = [await actor(node, 'alice', options), await actor(node, 'bob', options)];
    const room = await alice.createPrivate(bob);
    await bob.settled();
    node.listeners.delete(bob);
    for (let i = 0; i < MESSAGES; i++) await alice.say(room, `message ${i}`);
    await bob.settled();
    const messages = posts(node, room);
    let read = 0;
    times.push(await timed(async () => void (read = (await bob.engine.reader.readPage(messages)).length)));
    if (read !== MESSAGES) throw new Error('not all were read');
    stop(alice, bob);
  }
  options.print(`opening ${MESSAGES} unread messages         ${summary(times)} ms`);
}
async function largeChannel(options) {
  const { members, print } = options;
  const node = new ScriptedNode();
  const owner = await actor(node, 'owner', options);
  const room = (await owner.changes.create({ visibility: 'public', name: '#large' })).channel_id;
  owner.engine.offline();
  node.listeners.delete(owner);
  for (let i = 1; i < members; i++) joinLightly(node, new Person(node, `member${i}`), room);
  const learnt = await timed(() => owner.engine.states.refresh(room).then(() => void 0));
  print(`${members} members: chain and device logs   ${learnt.toFixed(0)} ms`);
  const cold = await timed(() => owner.say(room, 'first').then(() => void 0));
  print(`${members} members: first message, cold      ${cold.toFixed(0)} ms`);
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    await owner.engine.encryptor.rotate(room);
    const sent = node.calls['send_keys'] ?? 0;
    times.push(await timed(() => owner.say(room, `after rotation ${round}`).then(() => void 0)));
    if ((node.calls['send_keys'] ?? 0) === sent) throw new Error('nothing was handed over');
  }
  print(`${members} members: after a rotation         ${summary(times)} ms`);
  const queued = [...node.queues.values()].filter(({ next }) => next > ROUNDS).length;
  print(`devices reached each time            ${queued}`);
  stop(owner);
}
function joinLightly(node, person, room) {
  const { device, entry } = newDevice(person.identity, void 0, 'light');
  person.log.push(entry);
  const keys = [lastingPrekey(device, 'signed'), lastingPrekey(device, 'kem-last-resort')];
  node.prekeys.set(`${person.userId}/${device.id}`, { epoch: 0, keys });
  node.queues.set(`${person.userId}/${device.id}`, { next: 1, items: [] });
  const unsigned = {
    id: newMessageId(),
    type: 'system',
    timestamp: /* @__PURE__ */ new Date().toISOString(),
    author: person.userId,
    device: device.id,
    channel_id: room,
    prev_state: node.channel(room).state.head,
    certificate: entry,
    content: {
      action: 'user_joined',
      actor: person.userId,
      target: person.userId,
      details: { identity_key: person.identity.file.identity.public_key },
    },
    encryption: { algorithm: 'none', key_id: 'state', nonce: '' },
    metadata: {},
  };
  const signed = { ...unsigned, signature: signDigest6(device.seed, messageSigningInput6(unsigned)) };
  node.changeState(room, signed);
}
function lastingPrekey(device, kind) {
  const key2 =
    kind === 'signed'
      ? formatKey6('x25519', generateX25519KeyPair3().publicKey)
      : formatKey6('ml-kem-768', generateMlKemKeyPair2().publicKey);
  const created = /* @__PURE__ */ new Date().toISOString();
  const unsigned = { user_id: device.userId, device: device.id, epoch: 0, kind, id: 1, key: key2, created };
  return { ...unsigned, signature: signDigest6(device.seed, signingInput7('PREKEY', unsigned)) };
}
function posts(node, room) {
  return structuredClone(node.channel(room).log.filter(({ type }) => type === 'text'));
}
async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const digits = (sorted.at(-1) ?? 0) < 100 ? 1 : 0;
  const [low, median, high] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${median?.toFixed(digits)} (${low?.toFixed(digits)} to ${high?.toFixed(digits)})`;
}
function stop(...actors) {
  for (const one of actors) one.stop();
}
export { measureAll };
