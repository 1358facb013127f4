/** Asks at the end, as a client, for each tenant's tasks and costs, and holds the answers against what is stored. */

import { functionUrl } from '../../functions/core/addresses.ts';
import { centsFromMicros } from '../../functions/core/budgets/money.ts';
import { DAY_MS, dayOf } from '../../functions/core/days.ts';
import { spentMicros } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { keyOf } from './clients.ts';
import type { Network } from './network.ts';
import type { World } from './world.ts';

/** `afterMs` must lie behind the faults and the ends of all tasks. */
export function startAuditor(world: World, network: Network, afterMs: number): void {
  const { schedule, documents, oracle, settings } = world;
  const first = dayOf(schedule.now());
  const last = dayOf(schedule.now() + DAY_MS);
  schedule.after(afterMs, () => {
    for (const tenant of ['red', 'blue']) {
      ask(tenant, '/tasks?limit=200', ({ tasks }: { tasks: { id: string }[] }) => {
        const listed = tasks.map(({ id }) => id).sort();
        const stored = tasksOf(tenant)
          .map(({ id }) => id)
          .sort();
        if (`${listed}` !== `${stored}`) oracle.violated('a list names every task', `${tenant}: ${listed} instead of ${stored}`);
      });
      ask(tenant, `/costs?from=${first}&to=${last}&groupBy=tenant`, ({ totalCents }: { totalCents: number }) => {
        const cents = centsFromMicros(tasksOf(tenant).reduce((sum, { task }) => sum + spentMicros(task), 0));
        if (totalCents !== cents) oracle.violated('costs add up', `${tenant}: ${totalCents} instead of ${cents} cents`);
      });
    }
  });

  function tasksOf(tenant: string) {
    const all = [...documents.all('tasks')].map(([id, { data }]) => ({ id, task: fromDocument(data) }));
    return all.filter(({ task }) => task.tenant === tenant);
  }

  function ask<T>(tenant: string, path: string, check: (body: T) => void): void {
    const url = functionUrl(settings, 'dispatch') + path;
    network.send(url, { method: 'GET', headers: { 'x-api-key': keyOf(tenant) } }, (answer) => {
      if (answer?.status === 200) check(JSON.parse(answer.body) as T);
      else oracle.violated('a proper request is taken', `${path} was answered with ${answer?.status}: ${answer?.body}`);
    });
  }
}
