/**
 * Where random bytes come from. Only tests put something else in place, to make transcripts that can be published; it is
 * not exported from the package.
 */
export type RandomSource = (into: Uint8Array<ArrayBuffer>) => void;

const platform: RandomSource = (into) => {
  globalThis.crypto.getRandomValues(into);
};

let current: RandomSource = platform;

export function fillRandom(into: Uint8Array<ArrayBuffer>): void {
  current(into);
}

/** Without an argument: back to the platform. */
export function useRandom(source: RandomSource = platform): void {
  current = source;
}
