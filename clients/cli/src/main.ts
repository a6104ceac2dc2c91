#!/usr/bin/env node
import { failureOf } from './cli-error.js';
import { Output } from './output.js';
import { createProgram } from './program.js';

try {
  await createProgram().parseAsync();
} catch (error) {
  const failure = failureOf(error);
  new Output(process.argv.includes('--json')).failure(failure);
  process.exitCode = failure.exit;
}
