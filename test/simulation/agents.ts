/** The HTTP agents of a world, of operators and (`few`) of tenants: they do with each attempt what its payload's script says, and report late where that says so. */

import { functionUrl } from '../../functions/core/addresses.ts';
import type { Broker } from './broker.ts';
import type { Answer, Network } from './network.ts';
import type { Run } from './oracle.ts';
import type { Step } from './scenario.ts';
import type { World } from './world.ts';

export const AGENTS = [
  { name: 'worker', endpoint: 'https://worker.example/run', priceCents: 3, timeLimitSeconds: 60 },
  { name: 'slow', endpoint: 'https://slow.example/run', priceCents: 10, timeLimitSeconds: 300 },
] as const;

/** Registered by each tenant, which may set a limit of how many of its tasks it has at a time. */
export const FEW = { name: 'few', endpoint: 'https://few.example/run', priceCents: 4, timeLimitSeconds: 60 } as const;

interface RunRequest {
  readonly taskId: string;
  readonly agent: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly outcomeToken: string;
  readonly ttl: number;
  readonly payload: { readonly steps?: readonly Step[]; readonly tag?: string };
}

export function startAgents(world: World, network: Network, broker: Broker): void {
  const { schedule, oracle, story, chance } = world;
  for (const { name, endpoint } of [...AGENTS, FEW]) {
    network.serve(new URL(endpoint).origin, (call, answered) => {
      const request = JSON.parse(call.body ?? '') as RunRequest;
      const { payload, attempt, taskId, epoch } = request;
      const run: Run = { taskId, epoch, attempt, results: [], costsCents: [] };
      if (oracle.runs.has(`${taskId}/${epoch}`)) oracle.violated('an attempt runs once', `${taskId}, epoch ${epoch}`);
      oracle.runs.set(`${taskId}/${epoch}`, run);
      const step = payload.steps?.[Math.min(attempt, payload.steps.length) - 1];
      story.tell(name, () => `runs ${taskId}, epoch ${epoch}, attempt ${attempt}: ${JSON.stringify(step)}`);
      for (let notes = step?.notes ?? 0; notes > 0; notes--) {
        schedule.after(chance.between(1, 1_000), () => update(request, { note: `note ${notes}` }, () => {}));
      }
      if (step !== undefined) schedule.after(step.seconds * 1000, () => perform(request, run, step, answered));
    });
  }

  function perform(request: RunRequest, run: Run, step: Step, answered: (answer: Answer) => void): void {
    const { taskId, epoch, agent, ttl } = request;
    story.tell(agent, () => `is done with ${taskId}, epoch ${epoch}: ${step.does}`);
    if (step.does === 'twice') report(request, run, step.by, 'succeeded', half(step.costCents));
    if (step.does === 'accept')
      schedule.after(chance.oneOf([0, 1_000, 60_000, 300_000]), () => reportAsScripted(request, run, step));
    if (step.does === 'late') {
      const untilTtlMs = ttl * 1000 - schedule.now();
      const afterMs = chance.oneOf([12_000, 40_000, 100_000, Math.max(1_000, untilTtlMs + 10_000)]);
      schedule.after(afterMs, () => reportAsScripted(request, run, step));
      schedule.after(afterMs - 500, () => update(request, { note: 'still here' }, () => {}));
    }
    const isSuccess = step.does === 'twice' || step.does === 'succeed';
    if (isSuccess || step.does === 'plain') run.results.push({ result: resultOf(run), at: schedule.now() });
    if (isSuccess) run.costsCents.push(step.costCents);
    const answer = isSuccess ? success(run, step.costCents) : step.does === 'plain' ? json(200, resultOf(run)) : ANSWERS[step.does];
    if (answer !== undefined) answered(answer);
  }

  function reportAsScripted(request: RunRequest, run: Run, { reports, by, costCents }: Step): void {
    if (reports === 'nothing') return;
    report(request, run, by, reports === 'relent' ? 'retry' : reports, costCents);
    if (reports === 'relent') schedule.after(30_000, () => report(request, run, by, 'succeeded', half(costCents)));
  }

  function report(request: RunRequest, run: Run, by: Step['by'], status: string, costCents: number | undefined, tries = 6): void {
    const { taskId, epoch, outcomeToken } = request;
    const proof = { epoch, outcomeToken };
    const result = resultOf(run);
    if (status === 'succeeded') run.results.push({ result, at: schedule.now() });
    run.costsCents.push(costCents);
    const outcome = {
      status,
      ...(status === 'succeeded' ? { result } : { error: { code: 'reported', message: 'As the script says.' } }),
    };
    const cost = costCents === undefined ? {} : { costCents };
    const again = (answer: number) => {
      if (answer !== 0 && answer < 500) return;
      if (tries > 1) schedule.after(20_000, () => report(request, run, by, status, costCents, tries - 1));
    };
    if (by === 'update') update(request, { outcome: { ...outcome, ...cost } }, again);
    if (by === 'ingest') post('/callbacks/ingest', { job_id: taskId, ...proof, outcome: { ...outcome, ...cost } }, again);
    if (by !== 'results') return;
    const costMicros = costCents === undefined ? {} : { costMicros: costCents * 10_000 };
    broker.publish('results', JSON.stringify({ taskId, ...proof, outcome: { ...outcome, ...costMicros } }), {});
  }

  function update({ taskId, epoch, outcomeToken }: RunRequest, what: object, answered: (status: number) => void): void {
    post(`/task-update/${taskId}`, { epoch, outcomeToken, ...what }, answered);
  }

  function post(path: string, body: object, answered: (status: number) => void): void {
    const url = functionUrl(world.settings, 'dispatch') + path;
    network.send(url, { method: 'POST', headers: {}, body: JSON.stringify(body) }, (answer) => answered(answer?.status ?? 0));
  }
}

const half = (cents: number | undefined): number | undefined => cents && cents / 2;

const success = (run: Run, costCents: number | undefined): Answer =>
  json(200, { status: 'succeeded', result: resultOf(run), ...(costCents === undefined ? {} : { costCents }) });

/** No other attempt has the same. */
const resultOf = ({ taskId, epoch }: Run) => ({ run: `${taskId}/${epoch}` });

const json = (status: number, value: unknown, type = 'application/json'): Answer => ({
  status,
  headers: { 'content-type': type },
  body: JSON.stringify(value),
});

const problem = (status: number, code: string): Answer =>
  json(status, { status, code, detail: 'As the script says.' }, 'application/problem+json');

const ANSWERS: Readonly<Partial<Record<Step['does'], Answer>>> = {
  busy: { status: 503, headers: {}, body: '' },
  late: { status: 503, headers: {}, body: '' },
  limited: { status: 429, headers: { 'retry-after': '20' }, body: '' },
  refuse: problem(422, 'refused'),
  overBudget: problem(402, 'budget_exceeded'),
  gone: problem(410, 'ttl_expired'),
  garbage: { status: 200, headers: {}, body: 'no JSON' },
  accept: { status: 202, headers: {}, body: '' },
};
