// Compiles the add-on `pkcs11js`, for those who have an HSM: an installation without one needs no compiler (ADR 29).
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run, say } from './toolchain.mjs';

const folder = join(root, 'libs', 'node-kit', 'node_modules', 'pkcs11js');
const result = join(folder, 'build', 'Release', 'pkcs11.node');

/** What `binding.gyp` of the package says, for one compiler. The add-on uses Node-API: it fits every Node from 18 on. */
const FLAGS = [
  ...['-O2', '-std=c++17', '-fPIC', '-I', 'includes'],
  ...['-DBUILDING_NODE_EXTENSION', '-DNODE_GYP_MODULE_NAME=pkcs11', '-DNAPI_DISABLE_CPP_EXCEPTIONS'],
  ...(process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']),
];
const SOURCES = ['src/dl.cpp', 'src/common.cpp', 'src/main.cpp'];

/** Builds it where it is not built yet. False, with a line that says why, when that is not possible here. */
export async function buildPkcs11() {
  if (existsSync(result)) return true;
  const headers = [
    join(root, 'node_modules', `node-${process.platform}-${process.arch}`),
    dirname(dirname(process.execPath)),
  ]
    .map((node) => join(node, 'include', 'node'))
    .find((include) => existsSync(join(include, 'node_api.h')));
  if (!existsSync(folder)) return no('pkcs11js is not installed: run npm start once with optional dependencies');
  if (headers === undefined) return no('there are no header files of Node here (include/node/node_api.h)');
  say('compiling pkcs11js');
  return compile(process.env.CXX ?? 'c++', headers);
}

/** Beside its name first: a process that loads it meets the whole or nothing. */
async function compile(compiler, headers) {
  mkdirSync(dirname(result), { recursive: true });
  const draft = `${result}.${process.pid}`;
  const code = await run(compiler, [...FLAGS, '-I', headers, ...SOURCES, '-o', draft], { cwd: folder }).catch(
    () => 127,
  );
  if (code !== 0)
    return no(`${compiler} failed (${code}): a C++ compiler is needed (Debian: apt-get install g++), or set CXX`);
  renameSync(draft, result);
  return true;
}

function no(why) {
  console.error(`The add-on for PKCS#11 cannot be built: ${why}`);
  return false;
}
