/** `npm run simulate`: simulated worlds (`test/simulation/simulate.ts` says how). `--help` lists the flags. */

import { smallestStory, storyOf } from '../test/simulation/failure.ts';
import { mutations } from '../test/simulation/mutations.ts';
import { simulateSeeds } from '../test/simulation/seeds.ts';
import { readFlags } from './command-line/command.ts';

const SHRINK_MS = 60_000;
const PROGRESS_EVERY_MS = 5_000;
const MUTATION_SEEDS = 1_000;
const MAX_TOLD = 10;

const USAGE = `npm run simulate -- --seeds 100000 [--from 1]   many seeds, with progress; exit code 1 when one breaks a rule
npm run simulate -- --seed 42 [--smaller]       the story of one seed; with --smaller that of the least that still fails
npm run simulate -- --mutations                 switches the guards off, one at a time, and says which seed notices`;

const values = given();
if (values.help) console.log(USAGE);
else if (values.mutations) await searchMutations();
else if (values.seed !== undefined) await replay(whole('seed', values.seed));
else await simulate(whole('from', values.from), whole('seeds', values.seeds));

function given() {
  const options = {
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    smaller: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  try {
    return readFlags(process.argv.slice(2), options, USAGE);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}

async function replay(seed: number): Promise<void> {
  const { violation, text } = values.smaller ? await smallestStory(seed, SHRINK_MS) : await storyOf(seed);
  console.log(text);
  console.log(violation === undefined ? `Seed ${seed} keeps every rule.` : `Seed ${seed} breaks the rule: ${violation}.`);
  process.exitCode = violation === undefined ? 0 : 1;
}

async function simulate(from: number, count: number): Promise<void> {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let lastTold = 0;
  const failures = await simulateSeeds({
    from,
    count,
    onProgress(done, failed) {
      if (seconds() * 1000 - lastTold < PROGRESS_EVERY_MS) return;
      lastTold = seconds() * 1000;
      console.log(`${done} of ${count} seeds, ${failed} failed, ${(done / seconds()).toFixed(0)} a second`);
    },
  });
  for (const { seed, rule, detail } of failures.slice(0, MAX_TOLD)) console.log(`seed ${seed} broke the rule: ${rule}. ${detail}`);
  for (const [rule, broken] of Map.groupBy(failures, (failure) => failure.rule)) {
    console.log(`${broken.length} broke the rule: ${rule} (${broken.slice(0, MAX_TOLD).map(({ seed }) => seed)})`);
  }
  console.log(`${count} seeds from ${from} in ${seconds().toFixed(1)} s: ${failures.length} failed.`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function searchMutations(): Promise<void> {
  for (const { name, guard } of mutations) {
    const [found] = await simulateSeeds({ from: 1, count: MUTATION_SEEDS, mutation: name, stopAtFirst: true });
    const by = found === undefined ? 'NOT NOTICED' : `seed ${found.seed}: ${found.rule}`;
    console.log(`${guard}: ${name} - ${by}`);
    if (found === undefined) process.exitCode = 1;
  }
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  console.error(`--${name} is a whole number, not ${text}.`);
  process.exit(2);
}
