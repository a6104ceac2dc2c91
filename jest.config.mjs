import { existsSync } from 'node:fs';

// One configuration for every package: the rings differ only in which files they run (scripts/test.mjs).
const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

export default {
  testEnvironment: 'node',
  rootDir: import.meta.dirname,
  roots: ['libs', 'services', 'clients', 'conformance', 'bench', 'faults']
    .map((folder) => `<rootDir>/${folder}`)
    .filter((folder) => existsSync(folder.replace('<rootDir>', import.meta.dirname))),
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['/dist/', '/\\.turbo/'],
  globalTeardown: './jest.teardown.mjs',
  maxWorkers: 2,
  testTimeout: 30_000,
  // A worker that grows is replaced, so that one ring fits into a small machine.
  workerIdleMemoryLimit: '1500MB',
};
