/** The task protocol of built-in agents: claims in the document store, reports on the topic `results`. */

import { adopt } from '../adopt.ts';
import { type Claim, type ClaimRequest, claim } from '../claim.ts';
import { carriable, checkOut, payloadOf } from '../claim-check.ts';
import { close, closeQueued } from '../close.ts';
import { TerminalError } from '../errors.ts';
import { note, park, renew, retry } from '../lease.ts';
import { type Incoming, jsonOf } from '../push-gate.ts';
import type { Agent } from '../registry/agents.ts';
import { circuitKey, heldUntil } from '../registry/circuit.ts';
import { agentOf } from '../registry/registry.ts';
import { watchStop } from '../registry/switches.ts';
import { type Outcome, publishSigned, type RunMessage, SIGNATURE } from '../run-message.ts';
import type { Runtime } from '../runtime.ts';
import { readTask } from '../store.ts';
import { type Known, spentMicros, type Task } from '../task.ts';
import { followTask, onward } from '../trace.ts';
import { attemptOf, type Given } from './attempt.ts';
import type { DefinedAgent } from './define-agent.ts';
import type { Attempt, Claimed, TaskProtocol } from './protocol.ts';
import { endOrSetBack } from './stopped.ts';

/** `runs` gives what runs an agent's tasks here; nothing for one with a subscription of its own, whose tasks are acknowledged. */
export function storeProtocol(runtime: Runtime, runs: (agent: Agent) => DefinedAgent | undefined): TaskProtocol {
  return {
    async claim(incoming) {
      const { message } = incoming;
      const parsed = jsonOf(incoming);
      if ('reason' in parsed) return { kind: 'quarantined', ...parsed };
      const run = parsed.value as Partial<RunMessage> | null;
      if (typeof run !== 'object' || run === null || !Object.hasOwn(run, 'taskId')) return adopting(incoming, parsed.value);
      // A message of another topic may be signed as well, and is no run object.
      if (isRun(run) && runtime.signing.messageValid(message.data, message.attributes[SIGNATURE])) {
        const signed = run;
        return claiming(signed, { id: signed.taskId, version: signed.version, task: signed.core });
      }
      const known = typeof run.taskId === 'string' ? await readTask(runtime, run.taskId) : undefined;
      if (known === undefined) return unknownTask(run.taskId);
      return claiming(known.task, known);
    },

    async renew(attempt) {
      const renewal = await renew(runtime, attempt.taskId, attempt.epoch, attempt.known);
      if (renewal.kind === 'lost') return 'lost';
      attempt.known = renewal.known;
      return renewal.known.task.cancelRequested ? 'cancel' : 'held';
    },

    watchStop: (attempt, onStop) => watchStop(runtime, attempt.tenant, attempt.agent, onStop),

    async park(attempt) {
      await park(runtime, attempt.taskId, attempt.epoch, attempt.known);
    },

    async note(attempt, text) {
      const noted = await note(runtime, attempt.taskId, attempt.epoch, text, attempt.known);
      if (noted.kind === 'held') attempt.known = noted.known;
    },

    async report(attempt, outcome) {
      const { taskId, tenant, epoch, outcomeToken, known } = attempt;
      const carried = await carriable(runtime, tenant, taskId, outcome);
      try {
        const message = { taskId, epoch, outcomeToken, outcome: carried, version: known?.version, core: known?.task };
        await publishSigned(runtime, runtime.settings.topics.results, message, {
          agent: attempt.agent,
          traceId: attempt.traceId.slice(0, 250),
          ...onward(runtime.ids),
        });
      } catch (error) {
        runtime.log.warn({ err: error, taskId }, 'An outcome could not be published; the agent closes the task itself.');
        await conclude(attempt, carried);
      }
    },

    async conclude(attempt, outcome) {
      await conclude(attempt, await carriable(runtime, attempt.tenant, attempt.taskId, outcome));
    },

    async retry(attempt, failure) {
      const answer = await retry(runtime, attempt.taskId, attempt.epoch, failure, attempt.known);
      return answer.kind === 'queued' ? 'queued' : 'ended';
    },

    async outcome(taskId) {
      const known = await readTask(runtime, taskId);
      if (known === undefined) return undefined;
      const outcome = storedOutcome(known.task);
      return outcome?.resultRef ? { ...outcome, result: await checkOut(runtime, outcome.resultRef) } : outcome;
    },
  };

  async function claiming(of: Pick<RunMessage, 'agent' | 'payload' | 'payloadRef' | 'work'>, known: Known): Promise<Claimed> {
    const found = await agentOf(runtime, known.task.tenant, of.agent);
    const agent = found && runs(found);
    if (found !== undefined && agent === undefined) return { kind: 'acknowledge', taskId: known.id };
    if (await endOrSetBack(runtime, known)) return { kind: 'ended', taskId: known.id };
    if (agent === undefined) {
      if (known.task.status !== 'queued') return { kind: 'acknowledge', taskId: known.id };
      const error = { code: 'agent_not_found', message: `Agent ${of.agent} not found.` };
      await closeQueued(runtime, { status: 'failed', error }, known);
      return { kind: 'ended', taskId: known.id };
    }
    const payload = await payloadOf(runtime, of);
    const quoteMicros = await quoted(known, () => agent.quoteMicros(payload));
    if (quoteMicros === undefined) return { kind: 'ended', taskId: known.id };
    const request = { ...requestOf(agent, quoteMicros), ...(await heldBack(found as Agent, known.task.tenant)) };
    return answer(await claim(runtime, known.id, request, known), agent, { payload, work: of.work }, quoteMicros);
  }

  async function quoted(known: Known, quote: () => number): Promise<number | undefined> {
    try {
      return quote();
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      await closeQueued(runtime, { status: 'failed', error: { code: error.code, message: error.message } }, known);
      return undefined;
    }
  }

  async function adopting(incoming: Incoming, value: unknown): Promise<Claimed> {
    let agent: DefinedAgent | undefined;
    let named: Agent | undefined;
    const serves = (one: Agent): boolean => {
      named = one;
      agent = runs(one);
      return agent !== undefined;
    };
    const adopted = await adopt(runtime, incoming.message, value, serves, async (payload) => {
      const defined = agent as DefinedAgent;
      const request = requestOf(defined, defined.quoteMicros(payload));
      return { ...request, ...(await heldBack(named as Agent, 'default')) };
    });
    if (adopted.kind !== 'adopted') return adopted.kind === 'acknowledge' ? { kind: 'acknowledge', taskId: '' } : adopted;
    const answered = answer(adopted.claim, agent as unknown as DefinedAgent, adopted, adopted.quoteMicros);
    return answered.kind === 'claimed' || answered.kind === 'later' ? { ...answered, adopted: true } : answered;
  }

  function answer(claimed: Claim, agent: DefinedAgent, given: Given, quoteMicros: number): Claimed {
    if (claimed.kind === 'absent') return unknownTask('');
    if (claimed.kind === 'later') return { kind: 'later' };
    if (claimed.kind !== 'claimed') return { kind: claimed.kind, taskId: claimed.known.id };
    followTask(runtime.ids, claimed.known.task);
    return { kind: 'claimed', attempt: attemptOf(runtime.signing, claimed.known, given, quoteMicros), agent };
  }

  async function heldBack(agent: Agent, tenant: string): Promise<Pick<ClaimRequest, 'heldUntil'>> {
    const key = circuitKey(agent, tenant);
    const until = key && (await heldUntil(runtime, key));
    return until === undefined ? {} : { heldUntil: until };
  }

  function requestOf({ timeLimitMs }: DefinedAgent, quoteMicros: number): ClaimRequest {
    const limitMs = Math.min(timeLimitMs, runtime.settings.times.runMaximumMs);
    return { requestId: runtime.ids.random(12), quoteMicros, timeLimitMs: limitMs };
  }

  async function conclude(attempt: Attempt, outcome: Outcome): Promise<void> {
    if (outcome.status === 'retry') throw new TypeError('A retry is no end.');
    const { status, ...rest } = outcome;
    await close(runtime, attempt.taskId, { ...rest, status }, attempt.epoch, attempt.known);
  }
}

const isRun = (run: Partial<RunMessage>): run is RunMessage =>
  typeof run.agent === 'string' && typeof run.version === 'string' && typeof run.core === 'object';

const unknownTask = (taskId: unknown): Claimed => ({
  kind: 'quarantined',
  code: 'unknown_task',
  // Not as JSON: what is no text may nest deeper than that can be written.
  reason: typeof taskId === 'string' ? `There is no task ${taskId.slice(0, 100)}.` : 'The taskId is no text.',
});

/** How a stored task ended, if it has. */
function storedOutcome(task: Task): Outcome | undefined {
  if (task.status === 'succeeded')
    return { status: 'succeeded', result: task.result, resultRef: task.resultRef, costMicros: spentMicros(task) };
  if (task.status === 'waiting' || task.status === 'queued' || task.status === 'running') return undefined;
  const status = task.status === 'dead' ? 'failed' : task.status;
  return { status, error: task.error, costMicros: spentMicros(task) };
}
