/** What each tenant of a world has from the start: an agent of its own, a project, and what it wants to be asked about. */

import { microsFromCents } from '../../functions/core/budgets/money.ts';
import { PROJECTS } from '../../functions/core/projects.ts';
import { AGENTS, agentId, type Registered } from '../../functions/core/registry/registry.ts';
import { SWITCHES, switchesId } from '../../functions/core/registry/switches.ts';
import { FEW } from './agents.ts';
import { projectOf } from './backup-takers.ts';
import type { Gates } from './scenario.ts';
import type { World } from './world.ts';

/** The clients', and that of what is published straight to the topic. */
export const TENANTS = ['red', 'blue', 'default'] as const;

export function startTenant({ control, documents, schedule }: World, tenant: string, gates: Gates | undefined): void {
  const at = schedule.now();
  const { name, endpoint, priceCents, timeLimitSeconds } = FEW;
  const few: Registered = {
    ...{ tenant, name, endpoint, type: 'http', priceMicros: microsFromCents(priceCents), timeLimitMs: timeLimitSeconds * 1000 },
    ...(gates === undefined ? {} : { concurrency: gates.concurrency }),
    ...{ capabilities: [], createdAt: at, updatedAt: at, updatedBy: tenant },
  };
  control.commit([{ kind: 'create', collection: AGENTS, id: agentId(tenant, name), data: { ...few } }], at);
  const project = { tenant, projectPath: `/projects/${tenant}`, description: '', createdAt: at, updatedAt: at, by: tenant };
  documents.commit([{ kind: 'create', collection: PROJECTS, id: projectOf(tenant), data: project }], at);
  if (gates?.policy === undefined) return;
  const board = { tenant, switches: {}, approvals: gates.policy };
  control.commit([{ kind: 'create', collection: SWITCHES, id: switchesId(tenant), data: board }], at);
}
