import { types } from 'node:util';

/** True for errors of other realms too (vm contexts, as test runners use them), which `instanceof` does not know. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}
