/** What one client was told about one channel, in the order in which it was told. */
interface View {
  client: string;
  channel: string;
  /** `seq` of the first entry it could have seen. */
  from: number;
  seen: { seq: number; id: string }[];
}

export interface Violation {
  rule: 'lost' | 'twice' | 'order' | 'moved';
  text: string;
}

/**
 * Everything that every client saw, and the rules that no fault may break: nothing acknowledged is lost, nothing arrives twice, the
 * order of a channel is the same for all, and a message keeps the place that its author was told.
 */
export class History {
  private readonly views = new Map<string, View>();
  private readonly acked = new Map<string, { channel: string; seq: number }>();
  private hidden = 0;

  get acknowledged(): number {
    return this.acked.size;
  }

  get delivered(): number {
    return [...this.views.values()].reduce((sum, { seen }) => sum + seen.length, 0);
  }

  /** A client follows a channel and has seen everything up to `after`. */
  follows(client: string, channel: string, after: number): void {
    this.views.set(`${client} ${channel}`, { client, channel, from: after + 1, seen: [] });
  }

  saw(client: string, channel: string, seq: number, id: string): void {
    this.views.get(`${client} ${channel}`)?.seen.push({ seq, id });
  }

  wasHidden(): void {
    this.hidden++;
  }

  /** The node said that a message is ordered. */
  acknowledge(channel: string, id: string, seq: number): void {
    this.acked.set(id, { channel, seq });
  }

  /** Clients that have not seen every acknowledged message of their channels yet. */
  behind(): string[] {
    const ackedIn = Map.groupBy(this.acked, ([, { channel }]) => channel);
    return [...this.views.values()]
      .filter(({ channel, from, seen }) => {
        const ids = new Set(seen.map(({ id }) => id));
        return (ackedIn.get(channel) ?? []).some(([id, { seq }]) => seq >= from && !ids.has(id));
      })
      .map(({ client }) => client);
  }

  check(): Violation[] {
    const places = this.places();
    return [...this.views.values()].flatMap((view) => [...this.checkView(view), ...this.checkPlaces(view, places)]);
  }

  /** Every id's `seq` by channel, as the first view that knows it says. */
  private places(): Map<string, number> {
    const places = new Map<string, number>();
    for (const [id, { channel, seq }] of this.acked) places.set(`${channel} ${id}`, seq);
    for (const { channel, seen } of this.views.values()) {
      for (const { seq, id } of seen) if (!places.has(`${channel} ${id}`)) places.set(`${channel} ${id}`, seq);
    }
    return places;
  }

  private checkView({ client, channel, from, seen }: View): Violation[] {
    const faults: Violation[] = [];
    const ids = new Set(seen.map(({ id }) => id));
    if (ids.size < seen.length) faults.push({ rule: 'twice', text: `${client} saw an entry of ${channel} twice` });
    for (let i = 1; i < seen.length; i++) {
      const [before, after] = [seen[i - 1]?.seq ?? 0, seen[i]?.seq ?? 0];
      if (after <= before) faults.push({ rule: 'order', text: `${client} saw ${after} after ${before} in ${channel}` });
    }
    for (const [id, { channel: where, seq }] of this.acked) {
      if (where === channel && seq >= from && !ids.has(id)) {
        faults.push({ rule: 'lost', text: `${client} never saw ${id} (${seq}) of ${channel}, which was acknowledged` });
      }
    }
    return faults;
  }

  private checkPlaces({ client, channel, seen }: View, places: Map<string, number>): Violation[] {
    return seen
      .filter(({ id, seq }) => places.get(`${channel} ${id}`) !== seq)
      .map(({ id, seq }) => ({
        rule: 'moved',
        text: `${client} saw ${id} of ${channel} at ${seq}, others at ${places.get(`${channel} ${id}`)}`,
      }));
  }
}
