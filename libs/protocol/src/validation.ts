import type { z } from 'zod';
import { invalidFormat } from './errors.js';

/**
 * Parses a value that came from outside. Throws INVALID_MESSAGE_FORMAT (2000) with `details.path` (the member at fault, dotted)
 * and `details.reason`; never repeats the value itself, which may be content or a secret.
 */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues);
  throw invalidFormat(issue?.message ?? 'invalid', issue?.path.join('.') ?? '');
}

type Issue = z.core.$ZodIssue;

/** A union reports its branches inside one issue: the branch that got furthest says most. */
function deepest(issues: readonly Issue[]): Issue | undefined {
  const issue = issues[0];
  if (issue?.code !== 'invalid_union' || issue.errors.length === 0) return issue;
  const branches = issue.errors.map((branch) => deepest(branch)).filter((inner) => inner !== undefined);
  const best = branches.sort((a, b) => b.path.length - a.path.length)[0];
  return best === undefined ? issue : { ...best, path: [...issue.path, ...best.path] };
}
