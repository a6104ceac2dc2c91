/**
 * Freezes a JSON value to its last member, so that a test finds whoever changes a payload after publishing it; values that would
 * not survive JSON (and so break on NATS only) are refused.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'function' || typeof value === 'bigint' || typeof value === 'symbol')
    throw notJson(typeof value);
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype as object) !== null) {
    throw notJson(value.constructor.name);
  }
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

function notJson(what: string): TypeError {
  return new TypeError(`bus payloads are JSON values, not ${what}`);
}
