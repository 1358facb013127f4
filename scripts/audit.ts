/** `npm run audit:verify` and `npm run audit:export`: looks through the record of decisions, or writes it out. */

import { once } from 'node:events';
import { systemClock } from '../functions/adapters/clock.ts';
import { Problem } from '../functions/core/errors.ts';
import { exportLines } from './audit/export.ts';
import { findingText } from './audit/finding.ts';
import { openTarget, type Target } from './audit/targets.ts';
import { type Verified, verifyAudit } from './audit/verify.ts';
import { readFlags, runCommand } from './command-line/command.ts';

const USAGE = `Usage: npm run audit:verify -- [flags]
       npm run audit:export -- [flags]

verify: goes through the chain of every entity and the timeline of every task, holds them against the seals, and the seals
against each other, and names what was edited, deleted, swapped, added, truncated or removed. It needs the signing key.
export: writes every entry as a line of JSON; the cursor of a line goes on behind it.

  --data-dir <folder>  the record of an embedded runtime that is stopped (.heliograph)
  --emulators          that of a running npm run start:emulators: FIRESTORE_EMULATOR_HOST and STORAGE_EMULATOR_HOST say where;
                       --data-dir is then where its key lies
  --env <name>         that of the deployment of infra/settings.yaml, with the application default credentials: they may read both
                       databases, the bucket of the seals and the secret signing-key
  --settings <file>    another settings file
  --json               verify: what was found as lines of JSON
  --after <cursor>     export: only what comes behind it
  --help               this text

Exit code 0: nothing is wrong. 1: something is, or the record could not be read. 2: nothing was done; the message says why.`;

const OPTIONS = {
  'data-dir': { type: 'string' },
  emulators: { type: 'boolean' },
  env: { type: 'string' },
  settings: { type: 'string' },
  json: { type: 'boolean' },
  after: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

await runCommand(async ({ release }) => {
  const [command, ...args] = process.argv.slice(2);
  const flags = readFlags(args, OPTIONS, USAGE);
  if (flags.help || command === '--help' || command === '-h') return console.log(USAGE);
  if (command !== 'verify' && command !== 'export') throw new Problem(422, 'invalid_flags', `verify, or export?\n\n${USAGE}`);
  const target = await openTarget(flags, release);
  await (command === 'verify' ? verify(target, flags.json === true) : writeOut(target, flags.after));
});

async function verify(target: Target, asJson: boolean): Promise<void> {
  const started = performance.now();
  const verified = await verifyAudit({ ...target, signing: await target.signing(), clock: systemClock() });
  const { findings } = verified;
  for (const finding of findings) console.log(asJson ? JSON.stringify(finding) : findingText(finding));
  console.error(`${summary(target, verified)} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (findings.length > 0) process.exitCode = 1;
}

function summary({ name }: Target, { findings, counts }: Verified): string {
  const { entities, entries, tasks, seals, roots, sealed } = counts;
  const seen = `${entries} entries of ${entities} entities, ${tasks} tasks, ${sealed} heads in ${seals} seals, ${roots} daily roots`;
  if (findings.length === 0) return `Nothing is wrong in the record of ${name}: ${seen}`;
  const isAll = tasks + entities > 1 && new Set(findings.map(({ entity }) => entity)).size >= tasks + entities;
  const advice = isAll ? ' Was it written under another signing key?' : '';
  return `${findings.length} of what is in the record of ${name} is wrong.${advice}`;
}

async function writeOut(target: Target, after: string | undefined): Promise<void> {
  for await (const line of exportLines(target, after)) {
    if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
  }
}
