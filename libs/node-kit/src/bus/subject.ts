import { DcpError } from '@dcp/protocol';

const SUBJECT = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/;
const PATTERN = /^(?:\*|[^\s.*>]+)(?:\.(?:\*|[^\s.*>]+))*(?:\.>)?$/;

/** Subjects are built by programs: a bad one is a bug (9000), and white space in one could forge a NATS protocol line. */
export function checkSubject(subject: string): string {
  if (!SUBJECT.test(subject)) throw badSubject(subject);
  return subject;
}

/** Like `checkSubject`, with `*` for one word and a trailing `>` for one or more. */
export function checkPattern(pattern: string): string {
  if (pattern !== '>' && !PATTERN.test(pattern)) throw badSubject(pattern);
  return pattern;
}

function badSubject(subject: string): DcpError {
  return new DcpError('INTERNAL_ERROR', {}, undefined, new TypeError(`not a bus subject: ${JSON.stringify(subject)}`));
}
