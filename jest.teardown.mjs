// Jest waits for ever for a socket, timer or child that a test left open. It waits ten seconds here, then names them.
export default function teardown() {
  setTimeout(endWithWhatIsOpen, 10_000).unref();
}

function endWithWhatIsOpen() {
  console.error(`still open after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
  // Undocumented, and there is no other way to tell which socket or child it is.
  for (const handle of process['_getActiveHandles']?.() ?? []) console.error(`  ${describe(handle)}`);
  process.exit(); // Jest's own exit listener sets the code of the results.
}

function describe(handle) {
  const { remoteAddress, remotePort, spawnargs, pid, fd } = handle;
  const what = spawnargs ? `process ${pid} ${spawnargs.join(' ')}` : `${remoteAddress ?? ''}:${remotePort ?? ''}`;
  return `${handle.constructor.name} ${what}${fd === undefined ? '' : ` fd ${fd}`}`;
}
