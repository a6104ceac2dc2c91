/** When both nodes dial at once, both must keep the same link of the two. */
const AT_ONCE_MS = 10_000;

export interface StandingLink {
  /** The node that dialled it. */
  dialler: string;
  upMs: number;
}

/**
 * Whether a link that comes up now takes the place of the one that stands. Who dials has none, or thinks so: then his is right, unless both
 * have dialled in the same moment; then the one that the smaller node id has dialled stays.
 */
export function replaces(standing: StandingLink, dialler: string, other: string): boolean {
  if (standing.dialler === dialler || standing.upMs > AT_ONCE_MS) return true;
  return dialler < other;
}
