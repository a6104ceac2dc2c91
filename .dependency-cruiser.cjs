// Who may know whom (ARCHITECTURE.md): the levels of the house, checked on every test run.
const WORKSPACE = '^(libs|services|clients|conformance|bench|faults)/';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      comment: 'Two types may name each other; modules that run may not.',
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'level-0-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^libs/(protocol|crypto)/' },
      to: { path: WORKSPACE, pathNot: '^libs/$1/' },
    },
    {
      name: 'level-1-imports-level-0',
      severity: 'error',
      from: { path: '^libs/(contracts|node-kit|client-sdk)/', pathNot: '^libs/client-sdk/e2e/' },
      to: { path: WORKSPACE, pathNot: '^libs/(protocol|crypto|$1)/' },
    },
    {
      name: 'services-never-import-services',
      comment: 'Only home-node mounts the modules of the others; tests of a service may start its neighbours.',
      severity: 'error',
      from: { path: '^services/(?!home-node)([^/]+)/src/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'who-has-no-node-key-loads-none',
      severity: 'error',
      from: { path: '^services/(gateway|keys)/src/' },
      to: { path: '^libs/node-kit/(src|dist)/node-key/' },
    },
    {
      name: 'services-import-libs',
      severity: 'error',
      from: { path: '^services/([^/]+)/src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(clients|conformance|bench|faults)/|^libs/(testkit|client-sdk)/' },
    },
    {
      name: 'clients-import-the-sdk',
      severity: 'error',
      from: { path: '^clients/([^/]+)/src/' },
      to: { path: WORKSPACE, pathNot: '^(clients/$1|libs/(client-sdk|protocol|crypto))/' },
    },
    {
      name: 'conformance-is-a-stranger',
      severity: 'error',
      from: { path: '^conformance/', pathNot: '^conformance/local/' },
      to: { path: WORKSPACE, pathNot: '^conformance/' },
    },
    {
      name: 'no-deep-imports',
      comment: 'A package is what its exports map says.',
      severity: 'error',
      from: { path: '^(libs|services|clients)/([^/]+)/' },
      to: { path: '^(libs|services|clients)/[^/]+/src/', pathNot: '^$1/$2/' },
    },
    {
      name: 'protocol-and-sdk-run-in-browsers',
      severity: 'error',
      from: { path: '^libs/(protocol|client-sdk)/src/', pathNot: '\\.test\\.ts$|^libs/client-sdk/src/node/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/|/generated/' },
    exclude: { path: '/node_modules/|/generated/' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
    tsConfig: { fileName: 'tsconfig.base.json' },
  },
};
