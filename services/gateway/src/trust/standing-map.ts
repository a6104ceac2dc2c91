import type { UserStanding } from '@dcp/contracts';

/** Far above the users of one node that somebody has decided about; the oldest are forgotten first. */
const MAX_STANDINGS = 500_000;

/** What holds for users of this node (§10.3). Empty on most nodes: a look costs nothing. */
export class StandingMap {
  private current = new Map<string, UserStanding>();
  /** The map that is being read, and who was spoken of meanwhile: a page on its way may be older than that. */
  private reading: { map: Map<string, UserStanding>; told: Set<string> } | undefined;

  constructor(
    private readonly ownNode: () => string | undefined,
    private readonly maxStandings = MAX_STANDINGS,
  ) {}

  get size(): number {
    return this.current.size;
  }

  of(userId: string): UserStanding | undefined {
    return this.current.get(userId);
  }

  /** What was heard holds at once, and in what is being read. */
  hear(standing: UserStanding): void {
    this.put(this.current, standing);
    if (this.reading === undefined) return;
    this.put(this.reading.map, standing);
    this.reading.told.add(standing.user_id);
  }

  /** Begins to read everything anew; what is there holds until `finish`. */
  begin(): void {
    this.reading = { map: new Map(), told: new Set() };
  }

  read(standings: readonly UserStanding[]): void {
    if (this.reading === undefined) return;
    const { map, told } = this.reading;
    for (const standing of standings) if (!told.has(standing.user_id)) this.put(map, standing);
  }

  finish(): void {
    if (this.reading !== undefined) this.current = this.reading.map;
    this.reading = undefined;
  }

  private put(map: Map<string, UserStanding>, standing: UserStanding): void {
    const { user_id, banned_until, rate } = standing;
    map.delete(user_id);
    if (banned_until === undefined && rate === undefined) return;
    // Users of other nodes do not log in here.
    const node = this.ownNode();
    if (node !== undefined && !user_id.startsWith(`${node}.`)) return;
    if (map.size >= this.maxStandings) map.delete(map.keys().next().value ?? '');
    map.set(user_id, standing);
  }
}
