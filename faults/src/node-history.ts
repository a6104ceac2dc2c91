/** An entry as somebody was told of it. */
export interface Place {
  seq: number;
  id: string;
}

/** What one client was told about one channel, in the order in which it was told. */
interface View {
  client: string;
  channel: string;
  /** `seq` of the first entry that it must see. */
  from: number;
  seen: Place[];
  ids: Set<string>;
  /** `seq` of what it could not read. */
  unread: Set<number>;
}

/** What a node shows of a channel. */
interface Log {
  places: readonly Place[];
  /** By id. */
  seqs: ReadonlyMap<string, number>;
}

/** What became of a post. */
interface Post {
  channel: string;
  author: string;
  /** Where the node said it stands; undefined: it was only said to be queued. */
  seq?: number;
  refused?: string;
}

export type Rule = 'lost' | 'unresolved' | 'contradicted' | 'twice' | 'order' | 'gap' | 'diverged' | 'moved' | 'unread';

export interface Violation {
  rule: Rule;
  text: string;
}

const fault = (rule: Rule, text: string): Violation => ({ rule, text });

/**
 * Everything that the clients of several nodes were told, and the logs that the nodes show in the end. Nothing acknowledged is lost; what
 * was queued is ordered or refused in the end, and not both; nothing comes twice; all clients and all nodes have one order without gaps.
 */
export class NodeHistory {
  readonly #views = new Map<string, View>();
  readonly #posts = new Map<string, Post>();
  /** Where an id stands, as whoever was told first says; it matters for what was only said to be queued. */
  readonly #heardAt = new Map<string, number>();
  /** By channel and node. */
  readonly #logs = new Map<string, Map<string, Log>>();
  #queued = 0;
  readonly #lateKeys = new Map<string, number>();

  get acknowledged(): number {
    return this.#posts.size;
  }

  /** Posts that were said to be queued at first. */
  get queued(): number {
    return this.#queued;
  }

  /** Deliveries whose key was not there yet, by author. */
  get lateKeys(): ReadonlyMap<string, number> {
    return this.#lateKeys;
  }

  get delivered(): number {
    return [...this.#views.values()].reduce((sum, { seen }) => sum + seen.length, 0);
  }

  /** A client follows a channel and must see everything after `after`. */
  follows(client: string, channel: string, after: number): void {
    const view = this.#view(client, channel);
    view.from = after + 1;
    // What was there before one follows a channel is history, not news.
    view.seen = view.seen.filter(({ seq }) => seq > after);
    view.ids = new Set(view.seen.map(({ id }) => id));
  }

  /** News may be quicker than the answer that says from where on one follows. */
  #view(client: string, channel: string): View {
    const key = `${client} ${channel}`;
    const view = this.#views.get(key) ?? {
      client,
      channel,
      from: 1,
      seen: [],
      ids: new Set<string>(),
      unread: new Set<number>(),
    };
    this.#views.set(key, view);
    return view;
  }

  /** `keyOf`: the author whose key was not there yet; without: it could be read. */
  saw(client: string, channel: string, place: Place, keyOf?: string): void {
    const view = this.#view(client, channel);
    if (place.seq < view.from) return;
    view.seen.push(place);
    view.ids.add(place.id);
    if (!this.#heardAt.has(place.id)) this.#heardAt.set(place.id, place.seq);
    if (keyOf === undefined) return;
    this.#lateKeys.set(keyOf, (this.#lateKeys.get(keyOf) ?? 0) + 1);
    view.unread.add(place.seq);
  }

  /** What could not be read at first can be read now. */
  read(client: string, channel: string, seq: number): void {
    this.#views.get(`${client} ${channel}`)?.unread.delete(seq);
  }

  ordered(author: string, channel: string, { id, seq }: Place): void {
    this.#posts.set(id, { channel, author, seq });
  }

  wasQueued(author: string, channel: string, id: string): void {
    this.#queued++;
    if (!this.#posts.has(id)) this.#posts.set(id, { channel, author });
  }

  refused(author: string, channel: string, id: string, reason: string): void {
    this.#posts.set(id, { ...(this.#posts.get(id) ?? { channel, author }), refused: reason });
  }

  /** What a node shows of a channel from its first entry on, when all is quiet. */
  log(node: string, channel: string, places: Place[]): void {
    const seqs = new Map(places.map(({ id, seq }) => [id, seq]));
    this.#logs.set(channel, this.#logsOf(channel).set(node, { places, seqs }));
  }

  /** What clients still have to be told before the run can be judged. */
  pending(): string[] {
    const open = [...this.#posts].filter(([, { refused }]) => refused === undefined);
    const posts = Map.groupBy(open, ([, { channel }]) => channel);
    return [...this.#views.values()].flatMap(({ client, channel, from, ids, unread }) => {
      const own = posts.get(channel) ?? [];
      const missing = own.filter(
        ([id, { seq }]) => (seq ?? this.#heardAt.get(id) ?? from) >= from && !ids.has(id),
      ).length;
      const told = `${client} in ${channel.slice(0, 12)}`;
      return missing + unread.size === 0 ? [] : [`${told} misses ${missing}, cannot read ${unread.size}`];
    });
  }

  check(): Violation[] {
    return [
      ...[...this.#posts].flatMap(([id, post]) => this.#checkPost(id, post)),
      ...[...this.#logs].flatMap(([channel, logs]) => checkLogs(channel, logs)),
      ...[...this.#views.values()].flatMap((view) => this.#checkView(view)),
    ];
  }

  #logsOf(channel: string): Map<string, Log> {
    return this.#logs.get(channel) ?? new Map<string, Log>();
  }

  #checkPost(id: string, { channel, author, seq, refused }: Post): Violation[] {
    const faults: Violation[] = [];
    const logs = this.#logsOf(channel);
    if (logs.size === 0) return [fault('lost', `nobody has read back ${channel}, where ${author} posted ${id}`)];
    for (const [node, { seqs }] of logs) {
      const at = seqs.get(id);
      if (at !== undefined && refused !== undefined)
        faults.push(fault('contradicted', `${id} of ${author} stands at ${at} and was refused: ${refused}`));
      else if (at === undefined && refused === undefined && seq === undefined)
        faults.push(fault('unresolved', `${id} of ${author} was queued, and is neither at ${node} nor refused`));
      else if (at === undefined && seq !== undefined)
        faults.push(fault('lost', `${id} of ${author} was ordered at ${seq} and is not at ${node}`));
      else if (at !== undefined && seq !== undefined && at !== seq)
        faults.push(fault('moved', `${id} of ${author} was ordered at ${seq} and stands at ${at} at ${node}`));
    }
    return faults;
  }

  #checkView({ client, channel, from, seen, ids, unread }: View): Violation[] {
    const faults: Violation[] = [];
    const told = `${client} in ${channel}`;
    if (ids.size < seen.length) faults.push(fault('twice', `${told}: an id came twice`));
    let next = from;
    for (const { seq } of seen) {
      if (seq < next) faults.push(fault('order', `${told}: ${seq} came when ${next} was due`));
      else if (seq > next) faults.push(fault('gap', `${told}: ${seq} came when ${next} was due`));
      next = Math.max(next, seq + 1);
    }
    for (const seq of unread) faults.push(fault('unread', `${told}: ${seq} could never be read`));
    const [log] = this.#logsOf(channel).values();
    return [...faults, ...compareView(told, { from, seen }, log?.places ?? [])];
  }
}

/** A client has seen what stands in the log, all of it. */
function compareView(told: string, { from, seen }: Pick<View, 'from' | 'seen'>, log: readonly Place[]): Violation[] {
  const places = new Map(seen.map(({ seq, id }) => [seq, id]));
  const lost = log
    .filter(({ seq }) => seq >= from && !places.has(seq))
    .map(({ seq, id }) => fault('lost', `${told}: never saw ${id} at ${seq}`));
  const ids = new Map(log.map(({ seq, id }) => [seq, id]));
  const moved = seen
    .filter(({ seq, id }) => ids.get(seq) !== id)
    .map(({ seq, id }) => fault('moved', `${told}: saw ${id} at ${seq}, where the log has ${ids.get(seq)}`));
  return [...lost, ...moved];
}

function checkLogs(channel: string, logs: ReadonlyMap<string, Log>): Violation[] {
  const faults: Violation[] = [];
  const [[first, { places: model }] = ['', { places: [] }]] = logs;
  for (const [node, { places: log, seqs }] of logs) {
    const hole = log.findIndex(({ seq }, at) => seq !== at + 1);
    if (hole >= 0) faults.push(fault('gap', `${node} has ${log[hole]?.seq} in ${channel} where ${hole + 1} is due`));
    if (seqs.size < log.length) faults.push(fault('twice', `${node} has an id twice in ${channel}`));
    const other = log.findIndex(({ seq, id }, at) => model[at]?.seq !== seq || model[at].id !== id);
    if (other >= 0 || log.length !== model.length)
      faults.push(
        fault(
          'diverged',
          `${node} (${log.length}) and ${first} (${model.length}) differ in ${channel} at ${other + 1}`,
        ),
      );
  }
  return faults;
}
