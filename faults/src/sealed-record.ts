/** A message that the node has ordered. */
export interface Said {
  id: string;
  channelId: string;
  seq: number;
  text: string;
}

/** One entry of a channel, as a device told its application. */
export interface Heard {
  channelId: string;
  seq: number;
  id: string;
  /** Undefined: it could not be read, and `fault` says why. Entries of the state have neither. */
  text?: string | undefined;
  fault?: string | undefined;
  /** Grows when the device loses what it knew a moment ago: a crash, an old copy of its storage. */
  life: number;
}

/** What one device was told, in the order in which it was told. */
export interface DeviceRecord {
  name: string;
  userId: string;
  heard: Heard[];
  /** Where it began to follow a channel, as far as that is known: everything after it must come. */
  follows: { channelId: string; after: number }[];
  /** Revoked when it had heard so much: of what came then, and was under way, nothing is owed to it. */
  ended?: number;
}

/** A user was a member for every `from < seq < to`. */
export interface Stay {
  from: number;
  to: number;
}

/** By channel and user. */
export type Stays = ReadonlyMap<string, ReadonlyMap<string, readonly Stay[]>>;

export interface Violation {
  rule: 'unread' | 'lost' | 'leaked' | 'altered' | 'twice' | 'order';
  text: string;
}

/**
 * The rules of encrypted conversations that no fault may break: whoever was a member ends up with every message, with the words that were
 * said, once and in order; nobody else has them.
 */
export function checkRecords(
  said: readonly Said[],
  devices: readonly DeviceRecord[],
  stays: Stays,
  /** Texts by id: a message may be ordered, and its author's device die before it hears of it. */
  written: ReadonlyMap<string, string> = new Map(),
): Violation[] {
  const byChannel = Map.groupBy(said, ({ channelId }) => channelId);
  const byId = new Map(said.map((one) => [one.id, one]));
  return devices.flatMap((device) => [
    ...strangers(device, stays),
    ...altered(device, byId, written),
    ...disordered(device),
    ...unread(device, stays),
    ...[...byChannel].flatMap(([channelId, messages]) => missing(device, channelId, messages, stays)),
  ]);
}

function staysOf(stays: Stays, channelId: string, userId: string): readonly Stay[] {
  return stays.get(channelId)?.get(userId) ?? [];
}

function isIn({ from, to }: Stay, seq: number): boolean {
  return seq > from && seq < to;
}

function strangers({ name, userId, heard }: DeviceRecord, stays: Stays): Violation[] {
  return heard
    .filter(({ text }) => text !== undefined)
    .filter(({ channelId, seq }) => !staysOf(stays, channelId, userId).some((stay) => isIn(stay, seq)))
    .map(({ channelId, seq }) => ({
      rule: 'leaked',
      text: `${name} reads ${place(channelId, seq)}, and was no member`,
    }));
}

function altered(
  { name, heard }: DeviceRecord,
  said: ReadonlyMap<string, Said>,
  written: ReadonlyMap<string, string>,
): Violation[] {
  return heard
    .filter(({ id, seq, channelId, text }) => {
      const one = said.get(id);
      const other = one !== undefined && (one.seq !== seq || one.channelId !== channelId);
      return text !== undefined && (other || (one?.text ?? written.get(id)) !== text);
    })
    .map(({ channelId, seq }) => ({
      rule: 'altered',
      text: `${name} reads something else at ${place(channelId, seq)}`,
    }));
}

/** What a device was told of and never could read, though its user was a member: from wherever it follows the channel. */
function unread({ name, userId, heard }: DeviceRecord, stays: Stays): Violation[] {
  const last = new Map<string, Heard>();
  for (const one of heard) {
    const key = `${one.channelId} ${one.seq}`;
    if (last.get(key)?.text === undefined) last.set(key, one);
  }
  return [...last.values()]
    .filter(({ text, fault }) => text === undefined && fault !== undefined && fault !== 'hidden')
    .filter(({ channelId, seq }) => staysOf(stays, channelId, userId).some((stay) => isIn(stay, seq)))
    .map(({ channelId, seq, fault }) => ({
      rule: 'unread',
      text: `${name} was told ${place(channelId, seq)}: ${fault}`,
    }));
}

function disordered({ name, heard }: DeviceRecord): Violation[] {
  const last = new Map<string, number>();
  const faults: Violation[] = [];
  for (const { channelId, seq, life } of heard) {
    const before = last.get(`${life} ${channelId}`) ?? 0;
    if (seq === before) faults.push({ rule: 'twice', text: `${name} heard ${place(channelId, seq)} twice` });
    if (seq < before) faults.push({ rule: 'order', text: `${name} heard ${place(channelId, seq)} after ${before}` });
    last.set(`${life} ${channelId}`, seq);
  }
  return faults;
}

/** What a device should have of a channel and has not. */
function missing(device: DeviceRecord, channelId: string, said: readonly Said[], stays: Stays): Violation[] {
  const heard = device.heard.filter((one) => one.channelId === channelId);
  const read = new Map<number, Heard>();
  // The last word counts: a restored device has to read again what its old copy does not hold.
  for (const one of heard) if (read.get(one.seq)?.text === undefined || one.text !== undefined) read.set(one.seq, one);
  return staysOf(stays, channelId, device.userId).flatMap((stay) => {
    const [after, upTo] = due(device, channelId, stay, heard);
    return said
      .filter(({ seq }) => isIn(stay, seq) && seq > after && seq <= upTo)
      .filter(({ seq }) => neverHeard(read.get(seq)))
      .map(({ seq }) => miss(device.name, place(channelId, seq), { after, upTo, ...stay }));
  });
}

/** What could not be read is found by `unread`. */
function neverHeard(heard: Heard | undefined): boolean {
  return heard === undefined || (heard.text === undefined && (heard.fault === undefined || heard.fault === 'hidden'));
}

function miss(name: string, where: string, range: object): Violation {
  return { rule: 'lost', text: `${name} never heard ${where} ${JSON.stringify(range)}` };
}

/**
 * From where to where a device must have everything. One that only saw that its user has joined begins with what it heard first; one
 * whose user has left, or that was revoked, may miss what was under way at that moment.
 */
function due(device: DeviceRecord, channelId: string, stay: Stay, heard: readonly Heard[]): [number, number] {
  const seqs = heard.map(({ seq }) => seq).filter((seq) => isIn(stay, seq));
  const known = device.follows
    .filter((one) => one.channelId === channelId && one.after >= stay.from && one.after < stay.to)
    .map(({ after }) => after);
  const after = known.length > 0 ? Math.min(...known) : Math.min(...seqs) - 1;
  if (stay.to === Infinity && device.ended === undefined) return [after, Infinity];
  const inTime = device.heard
    .slice(0, device.ended)
    .filter((one) => one.channelId === channelId && isIn(stay, one.seq));
  return [after, Math.max(...inTime.map(({ seq }) => seq))];
}

function place(channelId: string, seq: number): string {
  return `${seq} of ${channelId.slice(0, 9)}`;
}
