import { withClient, type Context } from '../context.js';

/** `dcp backup`: how the sealed backup at the node stands; sends what waits. */
export async function backupCommand(context: Context): Promise<void> {
  await withClient(context, async ({ encryption }) => {
    await encryption.backup.flush();
    const months = (await encryption.months.months()).sort();
    const enabled = encryption.backup.enabled;
    const kept = months.length === 0 ? 'nothing yet' : months.join(', ');
    const text = enabled
      ? `The backup is on and up to date. Months: ${kept}. Another device of yours reads the history with your passphrase.`
      : 'No backup: this account or this device keeps none.';
    context.output.result({ enabled, months }, text);
  });
}

/** `dcp backup restore`: reads the keys of the history again. */
export async function restoreBackupCommand(context: Context): Promise<void> {
  const restored = await withClient(context, ({ encryption }) =>
    encryption.backup.restore(encryption.months, encryption.received),
  );
  context.output.result({ restored }, `${restored} keys read. See older messages with: dcp history CHANNEL`);
}

/** `dcp backup forget MONTH`: makes a month unreadable, here and at the node. */
export async function forgetBackupCommand(context: Context, month: string): Promise<void> {
  await withClient(context, ({ encryption }) => encryption.forgetMonth(month));
  context.output.result(
    { forgotten: month },
    `What was written in ${month} can no longer be read on this device or restored.`,
  );
}

/** `dcp backup reset`: for a profile that was itself restored from a copy: its keys may have been used since. */
export async function resetKeysCommand(context: Context): Promise<void> {
  await withClient(context, async ({ encryption }) => {
    await encryption.restored();
    await encryption.online();
  });
  context.output.result({ reset: true }, 'New keys are made; nothing of the old copy is used again.');
}
