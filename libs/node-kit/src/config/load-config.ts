import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { ConfigError, type ConfigFault } from './config-error.js';
import { type ConfigTable, type Environment, memberNotes } from './config-table.js';

/**
 * Reads a service's configuration from the environment, or throws a ConfigError that names every fault at once. An empty variable
 * counts as not set.
 */
export function loadConfig<S extends z.ZodObject>(table: ConfigTable<S>, env: Environment): z.output<S> {
  const faults: ConfigFault[] = [];
  const input: Record<string, string> = {};
  for (const key of Object.keys(table.schema.shape)) {
    const value = readMember(table, key, env, faults);
    if (value !== undefined) input[key] = value;
  }
  const unreadable = new Set(faults.map(({ variable }) => variable));
  const parsed = table.schema.safeParse(input, { reportInput: false });
  for (const issue of parsed.error?.issues ?? []) {
    const fault = faultOf(table, issue, input);
    if (!unreadable.has(fault.variable)) faults.push(fault);
  }
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  return parsed.data;
}

function readMember<S extends z.ZodObject>(
  table: ConfigTable<S>,
  key: string,
  env: Environment,
  faults: ConfigFault[],
): string | undefined {
  const variable = table.names[key] as string;
  const value = env[variable] || undefined;
  const file = isSecret(table, key) ? env[`${variable}_FILE`] || undefined : undefined;
  if (file === undefined) return value;
  if (value === undefined) return readSecret(variable, file, faults);
  faults.push({ variable, problem: `is set, and ${variable}_FILE too: keep one of them` });
  return undefined;
}

function readSecret(variable: string, file: string, faults: ConfigFault[]): string | undefined {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret !== '') return secret;
    faults.push({ variable, problem: `the file named by ${variable}_FILE is empty` });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    faults.push({ variable, problem: `the file named by ${variable}_FILE cannot be read (${code}: ${file})` });
  }
  return undefined;
}

function faultOf<S extends z.ZodObject>(
  table: ConfigTable<S>,
  issue: z.core.$ZodIssue,
  input: Record<string, string>,
): ConfigFault {
  const key = String(issue.path[0] ?? '');
  const variable = table.names[key];
  // A rule over several members has no variable of its own.
  if (variable === undefined) return { variable: 'configuration', problem: issue.message };
  const { example } = memberNotes(table.schema.shape[key] as z.core.$ZodType);
  return {
    variable,
    problem: problemOf(issue, isSecret(table, key), input[key]),
    ...(example === undefined ? {} : { example }),
  };
}

/** A schema's own message may quote the value; a secret's fault is told without it. */
function problemOf(issue: z.core.$ZodIssue, secret: boolean, given: string | undefined): string {
  if (given === undefined) return issue.code === 'custom' ? issue.message : 'is not set';
  return secret ? `is not usable (${issue.code})` : `${issue.message}, not ${JSON.stringify(given)}`;
}

function isSecret<S extends z.ZodObject>(table: ConfigTable<S>, key: string): boolean {
  return table.secrets?.includes(key) ?? false;
}
