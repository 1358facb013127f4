import { budgetBody } from '../../../functions/dispatch/budgets.ts';
import { costsQuery } from '../../../functions/dispatch/costs.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/spending.ts';

const tag = 'spending';

/** What may be spent, and what was. */
export const SPENDING: readonly Operation[] = [
  {
    method: 'GET',
    path: '/budgets',
    id: 'listBudgets',
    tag,
    summary: 'Lists the limits of the caller’s tenant, with what is held and spent of each today.',
    needs: 'read',
    replies: { 200: json('The budgets.', replies.budgetsSchema) },
  },
  {
    method: 'GET',
    path: '/budgets/{scope}',
    id: 'getBudget',
    tag,
    summary: 'Shows one budget: `tenant`, `agent:<name>`, or `task:<id>` for what a task and its children share.',
    needs: 'read',
    replies: { 200: json('The budget.', replies.budgetSchema) },
    problems: { 404: ['budget_not_found', 'task_not_found'] },
  },
  {
    method: 'PUT',
    path: '/budgets/{scope}',
    id: 'setBudget',
    tag,
    summary: 'Sets or lifts what a tenant or one of its agents may spend in a UTC day.',
    needs: 'admin',
    body: budgetBody,
    example: { limitCents: 5_000 },
    replies: { 200: json('The budget as it is now.', replies.budgetSchema) },
    problems: { 404: ['budget_not_found'], 409: ['too_many_budgets'] },
  },
  {
    method: 'GET',
    path: '/costs',
    id: 'getCosts',
    tag,
    summary: 'Adds up what tasks cost over days, by agent, trace, tenant or day.',
    needs: 'read',
    query: costsQuery,
    replies: { 200: json('The sums.', replies.costsSchema) },
  },
];
