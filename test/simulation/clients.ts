/** The clients of a world: they dispatch, repeat, cancel, redrive and read, over HTTP, and publish straight to the topic. */

import { functionUrl } from '../../functions/core/addresses.ts';
import { newApiKey } from '../../functions/core/authenticate.ts';
import type { Fields } from '../../functions/core/ports.ts';
import type { JsonObject } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { AGENTS, FEW } from './agents.ts';
import { projectOf, RESTORER } from './backup-takers.ts';
import type { Broker } from './broker.ts';
import type { Answer, Network } from './network.ts';
import { callbackUrl } from './receivers.ts';
import type { Operation, Plan, Scenario } from './scenario.ts';
import type { World } from './world.ts';

const LIGHT_PRICE_CENTS = 5;
const TIME_LIMIT_MS = 100_000;

const keys = Object.fromEntries(
  ['red', 'blue'].map((tenant, index) => {
    const random = (bytes: number) => String(index + 1).repeat(bytes * 2);
    return [tenant, newApiKey(random, { tenant, scopes: ['dispatch', 'read', 'admin'], createdAt: 0 })];
  }),
);

export const keyOf = (tenant: string): string => keys[tenant]?.key ?? '';

/** The records of the clients' API keys, by id. */
export const apiKeys: readonly (readonly [id: string, record: Fields])[] = Object.values(keys).map(({ id, record }) => [
  id,
  record,
]);

export function startClients(
  world: World,
  network: Network,
  broker: Broker,
  { plans, operations, limits, switches, gates }: Scenario,
): void {
  const { schedule, oracle, story } = world;
  const known: { id: string; tenant: string }[] = [];
  let restores = 0;
  for (const operation of [...limits, ...operations]) schedule.after(operation.at * 1000, () => perform(operation));
  const firstAt = Math.min(...operations.filter(({ kind }) => kind === 'dispatch').map((operation) => operation.at), 300);
  const sinceFirst = [
    ...switches,
    ...(gates?.crowd ?? []),
    ...(gates?.changes ?? []),
    ...(gates?.restores ?? []),
    ...(gates?.decisions ?? []),
    ...(gates?.pauses ?? []),
  ];
  for (const operation of sinceFirst) schedule.after((firstAt + operation.at) * 1000, () => perform(operation));

  function perform(operation: Operation): void {
    if (operation.kind === 'dispatch') {
      const plan = at(plans, operation.plan);
      for (let copy = 0; copy < operation.copies; copy++) dispatch(plan, operation.plan % plans.length, operation.retries);
    } else if (operation.kind === 'publish') {
      const plan = at(plans, operation.plan);
      for (let copy = 0; copy < operation.copies; copy++) publish(plan, `${operation.plan % plans.length}`, operation.isMisrouted);
    } else if (operation.kind === 'limit') {
      const { tenant, scope, limitCents, mode } = operation;
      send('PUT', `/budgets/${scope}`, tenant, { limitCents, mode }, (answer) => told('limit', scope, answer));
    } else if (operation.kind === 'few') {
      const { tenant, concurrency } = operation;
      const few = { ...FEW, handler_type: 'http', concurrency };
      send('POST', '/register-agent', tenant, few, (answer) => told('registers', `few for ${concurrency}`, answer));
    } else if (operation.kind === 'restore') {
      restores += 1;
      restore(operation.tenant, `${RESTORER}${restores}`, operation.seconds);
    } else if (operation.kind === 'pause') {
      hold(operation);
    } else if (operation.kind === 'decide') {
      decide(operation.tenant, operation.decision);
    } else if (operation.kind === 'switch') {
      const { tenant, agent } = at(plans, operation.plan);
      send('POST', `/agents/${agent}/${operation.isOn ? 'enable' : 'disable'}`, tenant, {}, (answer) =>
        told('switch', agent, answer),
      );
    } else if (known.length > 0) {
      const wanted = operation.kind === 'redrive' ? known.filter(({ id }) => statusOf(id) === 'dead') : known;
      const task = at(wanted.length > 0 ? wanted : known, operation.task);
      if (operation.kind === 'read') {
        read(task, operation.waitSeconds);
        return;
      }
      const body = operation.kind === 'redrive' ? { ttlSeconds: 300 } : {};
      send('POST', `/task/${task.id}/${operation.kind}`, task.tenant, body, (answer) => {
        told(operation.kind, task.id, answer);
        if (operation.kind === 'cancel' && answer?.status === 200) oracle.cancelled.push(task.id);
      });
    }
  }

  function hold({ tenant, what, isOn }: Extract<Operation, { kind: 'pause' }>): void {
    const body = what === 'all' ? { all: true } : what === 'project' ? { project: projectOf(tenant) } : { agent: what };
    if (what === 'stop') send(isOn ? 'DELETE' : 'POST', '/emergency-stop', tenant, {}, (answer) => told('stop', tenant, answer));
    else send('POST', isOn ? '/resume' : '/pause', tenant, body, (answer) => told(isOn ? 'resume' : 'pause', what, answer));
  }

  /** Asked for until it is done, or there is no place for it. */
  function restore(tenant: string, holder: string, seconds: number): void {
    const url = `${functionUrl(world.settings, 'backups')}/restore`;
    const body = JSON.stringify({ tenant, holder, seconds });
    network.send(url, { method: 'POST', headers: {}, body }, (answer) => {
      told('restores', `the project of ${tenant} as ${holder}`, answer);
      if (answer === undefined || answer.status >= 500) schedule.after(20_000, () => restore(tenant, holder, seconds));
    });
  }

  function decide(tenant: string, decision: 'approve' | 'reject'): void {
    send('GET', '/approvals?limit=200', tenant, undefined, (answer) => {
      if (answer?.status !== 200) return;
      for (const { taskId, hash } of (JSON.parse(answer.body) as { approvals: { taskId: string; hash: string }[] }).approvals) {
        send('POST', `/approvals/${taskId}`, tenant, { decision, hash }, (reply) => told(decision, taskId, reply));
      }
    });
  }

  const statusOf = (id: string): unknown => world.documents.all('tasks').get(id)?.data.status;

  function dispatch(plan: Plan, number: number, retries: number): void {
    send('POST', '/dispatch', plan.tenant, packetOf(plan, number, plan.tenant), (answer) => {
      if (answer === undefined || answer.status >= 500) {
        if (retries > 0) schedule.after(5_000, () => dispatch(plan, number, retries - 1));
        return;
      }
      story.tell('client', () => `is answered ${answer.status} to plan ${number}: ${answer.body.slice(0, 160)}`);
      const view = JSON.parse(answer.body) as JsonObject;
      if (answer.status >= 300) return refused(plan, answer.status, view);
      const id = String(view.id);
      checkView(id, view);
      oracle.accepted.push({ plan, id, isReplay: answer.headers['idempotent-replayed'] === 'true', view });
      if (!known.some((task) => task.id === id)) known.push({ id, tenant: plan.tenant });
    });
  }

  /** An end that a client was told of stays, if not for a redrive. */
  function checkView(id: string, { status, finishedAt }: JsonObject): void {
    const stored = world.documents.all('tasks').get(id)?.data;
    const task = stored && fromDocument(stored);
    if (task === undefined) {
      oracle.violated('nothing accepted is lost', `a client was told of ${id}`);
      return;
    }
    const isOther = finishedAt !== undefined && task.redrives === 0 && task.status !== status;
    if (isOther) oracle.violated('an end that was told stays', `${id} was told to be ${status}, and is ${task.status}`);
  }

  /** A client that keeps to the rules is refused for a reason that the rules know. */
  function refused(plan: Plan, status: number, problem: JsonObject): void {
    const isKeyTaken = status === 422 && problem.code === 'idempotency_key_reused' && plan.key !== undefined;
    const isKnown = isKeyTaken || EXPECTED.has(String(problem.code));
    if (!isKnown) oracle.violated('a proper request is taken', `${status} ${JSON.stringify(problem)} for ${JSON.stringify(plan)}`);
  }

  /** A misrouted message names one agent to the subscriptions, and another in its body. */
  function publish(plan: Plan, tag: string, isMisrouted: boolean): void {
    const { agent, mode: _, ...packet } = packetOf(plan, Number(tag), 'default');
    const other = agent === 'codex' ? 'light' : 'codex';
    const named = isMisrouted ? other : String(agent);
    const attributes: Record<string, string> = { agent: named, ...(named === 'codex' ? { direct: '1' } : {}) };
    const messageId = broker.publish('tasks', JSON.stringify(isMisrouted ? { ...packet, agent } : packet), attributes);
    oracle.published.push({ plan, messageId, tag });
  }

  function read({ id, tenant }: { id: string; tenant: string }, waitSeconds: number): void {
    send('GET', `/task/${id}?waitSeconds=${waitSeconds}`, tenant, undefined, (answer) => {
      if (answer?.status === 404) oracle.violated('nothing accepted is lost', `${id} is unknown to a reader`);
      told('read', id, answer);
      if (answer?.status === 200) checkView(id, JSON.parse(answer.body) as JsonObject);
    });
    send('GET', '/tasks?limit=5', tenant, undefined, () => {});
  }

  function told(what: string, id: string, answer: Answer | undefined): void {
    story.tell('client', () => `${what} ${id}: ${answer?.status ?? 'no answer'} ${answer?.body.slice(0, 100) ?? ''}`);
  }

  function packetOf(plan: Plan, number: number, inTenant: string): JsonObject {
    const priceCents = [...AGENTS, FEW].find(({ name }) => name === plan.agent)?.priceCents ?? LIGHT_PRICE_CENTS;
    const { budgetRuns, notBeforeSeconds, key, callback } = plan;
    const dependencies = dependenciesOf(plan, inTenant);
    const parent = plan.isChild ? known.find(({ tenant }) => tenant === inTenant)?.id : undefined;
    const pause = plan.steps[0]?.does === 'busy' ? { fail: 'retry' } : plan.steps[0]?.does === 'refuse' ? { fail: 'terminal' } : {};
    return {
      agent: plan.agent,
      mode: plan.mode,
      payload: {
        tag: String(number),
        ...(plan.agent === 'codex' ? { pauseMs: (plan.steps[0]?.seconds ?? 0) * 1000, ...pause } : { steps: plan.steps }),
        ...(plan.backup === undefined ? {} : { backup: plan.backup }),
        ...(plan.isLarge ? { padding: 'x'.repeat(1_500) } : {}),
      },
      ttlSeconds: plan.ttlSeconds,
      ...(plan.priority === 0 ? {} : { priority: plan.priority }),
      ...(plan.backup === undefined ? {} : { modifies: true, projectId: projectOf(inTenant) }),
      maxAttempts: plan.maxAttempts,
      ...(budgetRuns === undefined ? {} : { budgetCents: (budgetRuns + 0.5) * priceCents }),
      ...(key === undefined ? {} : { idempotencyKey: `key-${key}` }),
      ...(callback === undefined ? {} : { callbackUrl: callbackUrl(inTenant, callback) }),
      ...(notBeforeSeconds === undefined || notBeforeSeconds + 12 >= plan.ttlSeconds
        ? {}
        : { notBefore: Math.floor(schedule.now() / 1000) + notBeforeSeconds }),
      ...(parent === undefined ? {} : { parentTaskId: parent }),
      ...(dependencies.length === 0 ? {} : { dependencies }),
    };
  }

  /** Publishers are told of no ids; they wait for what they see in the store. */
  function dependenciesOf({ waitsFor }: Plan, inTenant: string): readonly string[] {
    const isOurs = ({ tenant }: { tenant: string }) => tenant === inTenant;
    const stored = [...world.documents.all('tasks')].map(([id, { data }]) => ({ id, tenant: String(data.tenant) }));
    const ids = (inTenant === 'default' ? stored : known).filter(isOurs).map(({ id }) => id);
    if (waitsFor === undefined) return [];
    return waitsFor === 'all' ? ids : ids.slice(...(waitsFor === 'first' ? [0, 1] : [-1]));
  }

  function send(method: string, path: string, tenant: string, body: unknown, answered: (answer: Answer | undefined) => void): void {
    const url = functionUrl(world.settings, CONTROL.test(path) ? 'control' : 'dispatch') + path;
    const headers = { 'x-api-key': keyOf(tenant) };
    let isOver = false;
    const over = (answer: Answer | undefined) => {
      if (isOver) return;
      isOver = true;
      cancelTimeout();
      answered(answer);
    };
    const cancelTimeout = schedule.after(TIME_LIMIT_MS, () => over(undefined));
    network.send(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }, over);
  }
}

/** What goes to the function of control. */
const CONTROL = /^\/(agents|register-agent|approvals|pause|resume|emergency-stop)\b/;

/** What a proper request may be refused for, whatever it says. */
const EXPECTED: ReadonlySet<string> = new Set(['parent_ended', 'budget_exceeded', 'agent_disabled']);

const at = <T>(values: readonly T[], index: number): T => values[index % values.length] as T;
