/** A failed seed, for whoever is to mend it: its story, and that of the smallest scenario that still fails. */

import fc from 'fast-check';
import { type Scenario, scenario } from './scenario.ts';
import { scenarioOf, simulator } from './simulate.ts';

export interface Told {
  /** The rule that was broken, if one was. */
  readonly violation: string | undefined;
  readonly text: string;
}

/** The whole story of a seed: the same text each time. */
export async function storyOf(seed: number): Promise<Told> {
  const { run } = await simulator();
  const { violation, story } = await run(scenarioOf(seed), true);
  return { violation: violation?.rule, text: told(scenarioOf(seed), story) };
}

/** The story of the smallest scenario below a failing seed's that breaks a rule too, as far as it is found in `ms`. */
export async function smallestStory(seed: number, ms: number): Promise<Told> {
  const { run } = await simulator();
  const holds = async (given: Scenario) => (await run(given, false)).violation === undefined;
  const details = await fc.check(fc.asyncProperty(scenario, holds), {
    seed,
    numRuns: 1,
    interruptAfterTimeLimit: ms,
    markInterruptAsFailure: false,
  });
  const smallest = details.counterexample?.[0] ?? scenarioOf(seed);
  const { violation, story } = await run(smallest, true);
  return { violation: violation?.rule, text: told(smallest, story) };
}

function told({ plans, operations, limits, faults, ...rest }: Scenario, story: readonly string[]): string {
  const scripted = [
    ['world', { ...rest, faults }] as const,
    ...plans.map((plan, index) => [`plan ${index}`, plan] as const),
    ...[...limits, ...operations].map((operation) => ['operation', operation] as const),
  ];
  return [...scripted.map(([name, value]) => `${name}: ${JSON.stringify(value)}`), ...story].join('\n');
}
