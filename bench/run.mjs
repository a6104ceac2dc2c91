// `node bench/run.mjs lat`: the built benches (pnpm --filter @dcp/bench... build).
import './dist/main.js';
