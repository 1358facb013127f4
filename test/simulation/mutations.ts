/** The guards, each switched off by a change of the code: a simulation that does not notice is none. */

export interface Mutation {
  readonly name: string;
  readonly guard:
    | 'fence'
    | 'fingerprint'
    | 'outbox sweep'
    | 'budget hold'
    | 'terminal-state guard'
    | 'result idempotency'
    | 'deadline'
    | 'dependencies'
    | 'switches'
    | 'limits'
    | 'locks'
    | 'approvals'
    | 'pauses';
  /** Below `functions/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly text: string;
  readonly replacement: string;
}

export const mutations: readonly Mutation[] = [
  {
    name: 'a failure of an older attempt closes the task',
    guard: 'fence',
    file: 'core/close.ts',
    text: "if (epoch !== undefined && epoch < task.epoch && timely.status !== 'succeeded')",
    replacement: 'if (false)',
  },
  {
    name: 'a late success of an older attempt closes the task',
    guard: 'fence',
    file: 'core/close.ts',
    text: "epoch < task.epoch && timely.status !== 'succeeded'",
    replacement: "epoch < task.epoch && end.status !== 'succeeded'",
  },
  {
    name: 'a retry of an older attempt takes the task back',
    guard: 'fence',
    file: 'core/lease.ts',
    text: "if (task.status !== 'running' || task.epoch !== epoch) return { answer: { kind: 'stale' } };",
    replacement: "if (task.status !== 'running') return { answer: { kind: 'stale' } };",
  },
  {
    name: 'an older attempt renews, parks and notes',
    guard: 'fence',
    file: 'core/lease.ts',
    text: "if (current.task.status !== 'running' || current.task.epoch !== epoch) return { answer: LOST };",
    replacement: "if (current.task.status !== 'running') return { answer: LOST };",
  },
  {
    name: 'a key takes any payload',
    guard: 'fingerprint',
    file: 'core/create.ts',
    text: 'found.fingerprint !== wanted.fingerprint || ',
    replacement: '',
  },
  {
    name: 'the sweeper does not publish again',
    guard: 'outbox sweep',
    file: 'sweeper/wake.ts',
    text: '  await publishRun(runtime, runMessage(written, known.task));',
    replacement: '  void written;',
  },
  {
    name: 'the sweeper leaves follow-ups undone',
    guard: 'outbox sweep',
    file: 'sweeper/wake.ts',
    text: 'if (isEnded(task.status)) return await finish(runtime, known);',
    replacement: "if (isEnded(task.status)) return 'moved';",
  },
  {
    name: 'the sweeper takes nothing back',
    guard: 'outbox sweep',
    file: 'sweeper/wake.ts',
    text: 'if (at < leaseEnds + resultGraceMs) {',
    replacement: 'if (at < ttlMs + resultGraceMs) {',
  },
  {
    name: 'the sweeper takes back at once',
    guard: 'fence',
    file: 'sweeper/wake.ts',
    text: 'if (at < leaseEnds + resultGraceMs) {',
    replacement: 'if (at < leaseEnds) {',
  },
  {
    name: 'attempts run beyond the budget',
    guard: 'budget hold',
    file: 'core/claim.ts',
    text: 'if (committedMicros(task) + request.quoteMicros > task.budgetMicros) {',
    replacement: 'if (false) {',
  },
  {
    name: 'a report above the quote is charged',
    guard: 'budget hold',
    file: 'core/budgets/charges.ts',
    text: 'Math.min(Math.max(0, reportedMicros), ceiling)',
    replacement: 'Math.max(0, reportedMicros)',
  },
  {
    name: 'a tenant spends what it does not have',
    guard: 'budget hold',
    file: 'core/budgets/budget.ts',
    text: 'if (micros > freeMicros(budget)) throw exceeded(budget, micros);',
    replacement: '',
  },
  {
    name: 'an allowance is granted beyond the limit',
    guard: 'budget hold',
    file: 'core/budgets/budget.ts',
    text: 'if (missing > available) throw exceeded(budget, micros);',
    replacement: '',
  },
  {
    name: 'children take more than their parent has',
    guard: 'budget hold',
    file: 'core/budgets/holds.ts',
    text: 'if (budgetMicros > free) {',
    replacement: 'if (false) {',
  },
  {
    name: 'a hold is given back at every settlement',
    guard: 'budget hold',
    file: 'core/budgets/settle-budgets.ts',
    text: 'hold.booked === undefined ? hold.micros : 0',
    replacement: 'hold.micros',
  },
  {
    name: 'an ended parent has more children',
    guard: 'terminal-state guard',
    file: 'core/budgets/holds.ts',
    text: 'if (isEnded(parent.status)) {',
    replacement: 'if (false) {',
  },
  {
    name: 'what has ended is closed again',
    guard: 'terminal-state guard',
    file: 'core/close.ts',
    text: `  if (isEnded(task.status)) {
    if (epoch === undefined)`,
    replacement: `  if (false) {
    if (epoch === undefined)`,
  },
  {
    name: 'what has ended is cancelled',
    guard: 'terminal-state guard',
    file: 'dispatch/cancel.ts',
    text: "if (isEnded(task.status)) return { answer: { kind: 'ended' } };",
    replacement: '',
  },
  {
    name: 'what runs or has ended is claimed',
    guard: 'terminal-state guard',
    file: 'core/claim.ts',
    text: "if (task.status !== 'queued') return { answer: { kind: 'acknowledge', known } };",
    replacement: '',
  },
  {
    name: 'a result that came twice is another end',
    guard: 'result idempotency',
    file: 'core/close.ts',
    text: 'if (charge === undefined || charge.reported || end.costMicros === undefined) return { answer: { kind, known } };',
    replacement: 'if (charge === undefined || end.costMicros === undefined) return { answer: { kind, known } };',
  },
  {
    name: 'a report counts again',
    guard: 'result idempotency',
    file: 'core/budgets/charges.ts',
    text: 'if (reportedMicros !== undefined && !charge.reported) {',
    replacement: 'if (reportedMicros !== undefined) {',
  },
  {
    name: 'a claim whose reply was lost is not known as one’s own',
    guard: 'result idempotency',
    file: 'core/claim.ts',
    text: 'task.claimId === request.requestId',
    replacement: 'false',
  },
  {
    name: 'a create whose reply was lost is not known as one’s own',
    guard: 'result idempotency',
    file: 'core/create.ts',
    text: 'found.requestId === wanted.requestId',
    replacement: 'false',
  },
  {
    name: 'a callback is recorded again',
    guard: 'result idempotency',
    file: 'callbacks/deliver.ts',
    text: 'if (task.callback !== undefined || task.redrives !== known.task.redrives) return { answer: undefined };',
    replacement: '',
  },
  {
    name: 'a run begins after its deadline',
    guard: 'deadline',
    file: 'core/agent/run-attempt.ts',
    text: 'if (clock.now() > ttlMs) return ended({ ...STOPPED.expired, costMicros: 0 });',
    replacement: '',
  },
  {
    name: 'an outcome after the deadline counts',
    guard: 'deadline',
    file: 'core/close.ts',
    text: 'end.endedAt <= task.ttl * 1000 ||',
    replacement: 'true ||',
  },
  {
    name: 'the first dependency that succeeds releases a task',
    guard: 'dependencies',
    file: 'core/waiting/advance.ts',
    text: 'const left = before.filter((name) => !succeeded.has(name));',
    replacement: 'const left = succeeded.size > 0 ? before.filter(isGate) : before;',
  },
  {
    name: 'a dependency releases a task however it ended',
    guard: 'dependencies',
    file: 'core/waiting/dependency-ends.ts',
    text: "if (ended !== undefined && ended.task.status !== 'succeeded') {",
    replacement: 'if (false) {',
  },
  {
    name: 'what ended before a task was made does not count',
    guard: 'dependencies',
    file: 'core/waiting/dependencies.ts',
    text: 'if (isEnded(task.status)) failed ??= { id, status: task.status };',
    replacement: '',
  },
  {
    name: 'an end tells its dependents nothing',
    guard: 'dependencies',
    file: 'core/closing.ts',
    text: "...(task.hasDependents ? (['dependents'] as const) : []),",
    replacement: '',
  },
  {
    name: 'who is told goes on only when the sweeper looks',
    guard: 'dependencies',
    file: 'core/waiting/dependents.ts',
    text: "const next = await proceed(runtime, known, 'dependency', { ended });",
    replacement: "const next = { kind: 'waiting', known } as { kind: string; known: typeof known };",
  },
  {
    name: 'a dependency does not learn that others wait for it',
    guard: 'dependencies',
    file: 'core/waiting/dependencies.ts',
    text: 'accounts.set(TASKS, id, stateOf(task, { hasDependents: true }));',
    replacement: 'continue;',
  },
  {
    name: 'what is switched off is claimed',
    guard: 'switches',
    file: 'core/agent/stopped.ts',
    text: "status === 'queued' ? await stopOf(",
    replacement: "status !== 'queued' ? await stopOf(",
  },
  {
    name: 'what is switched off runs on',
    guard: 'switches',
    file: 'core/registry/switches.ts',
    text: 'if (error !== undefined) onStop(error);',
    replacement: '',
  },
  {
    name: 'what was switched on is refused by what is remembered',
    guard: 'switches',
    file: 'core/registry/switchboard.ts',
    text: 'Math.abs(runtime.clock.now() - memory.readAt) < runtime.settings.times.switchesMs',
    replacement: 'memory.readAt > 0',
  },
  {
    name: 'what is no longer waiting is released again',
    guard: 'dependencies',
    file: 'core/waiting/advance.ts',
    text: "if (current?.task.status !== 'waiting') return { kind: 'moved' };",
    replacement: "if (current === undefined) return { kind: 'moved' };",
  },
  {
    name: 'two take the same slot',
    guard: 'limits',
    file: 'core/waiting/taken.ts',
    text: '}`;\n  const data = { resource',
    replacement: '}-`.concat(holder.holder);\n  const data = { resource',
  },
  {
    name: 'an end gives nothing back',
    guard: 'limits',
    file: 'core/closing.ts',
    text: "...(task.took?.length ? (['release'] as const) : []),",
    replacement: '',
  },
  {
    name: 'the sweeper frees nothing of what has ended',
    guard: 'limits',
    file: 'core/follow-ups.ts',
    text: "if (pending.includes('release')) await",
    replacement: "if (pending.includes('release') && by === 'writer') await",
  },
  {
    name: 'what is given back is offered to nobody',
    guard: 'limits',
    file: 'core/waiting/slots.ts',
    text: 'for (const gate of gatesTaken(task)) await admitWaiting(runtime, tenant, gate, until);',
    replacement: '',
  },
  {
    name: 'the last in line goes first',
    guard: 'limits',
    file: 'core/waiting/line.ts',
    text: "orderBy: { field: 'rank', direction: 'asc' },",
    replacement: "orderBy: { field: 'rank', direction: 'desc' },",
  },
  {
    name: 'who has ended stays in line',
    guard: 'limits',
    file: 'core/closing.ts',
    text: 'also: linesOf(task).map((gate) => leaveLine(known, gate)),',
    replacement: '',
  },
  {
    name: 'a redriven task passes its gates',
    guard: 'limits',
    file: 'dispatch/redrive.ts',
    text: 'agent === undefined ? [] : await gatesOf(runtime, agent, task)',
    replacement: 'agent === undefined || gatesOf === undefined ? [] : []',
  },
  {
    name: 'a task before its time stands in line',
    guard: 'limits',
    file: 'core/waiting/advance.ts',
    text: 'const next = isEarly ? undefined : left[0];',
    replacement: 'const [next] = left;',
  },
  {
    name: 'a modification does not wait for its backup',
    guard: 'locks',
    file: 'core/waiting/advance.ts',
    text: ': undefined;\n    if (free === undefined) break;',
    replacement: ": ('unlimited' as const);\n    if (free === undefined) break;",
  },
  {
    name: 'a backup counts that was begun before others had the project',
    guard: 'locks',
    file: 'core/waiting/gates.ts',
    text: ' || current.task.lockedAt !== begun.lockedAt',
    replacement: '',
  },
  {
    name: 'a backup counts for what no longer waits for it',
    guard: 'locks',
    file: 'core/waiting/gates.ts',
    text: '!waitsAt(current.task, gate) || ',
    replacement: '',
  },
  {
    name: 'what others hold is given back',
    guard: 'locks',
    file: 'core/waiting/slots.ts',
    text: ' || !isHeld(slot.data.holder, slot.data.life)',
    replacement: ' || isHeld === undefined',
  },
  {
    name: 'a project that was put back is offered to nobody',
    guard: 'locks',
    file: 'core/waiting/slots.ts',
    text: '  await admitWaiting(runtime, tenant, resource, until);',
    replacement: '  void until;',
  },
  {
    name: 'what is paused keeps what it took, and forgets it',
    guard: 'locks',
    file: 'core/waiting/give-back.ts',
    text: 'also: took.map(',
    replacement: 'also: took.slice(took.length).map(',
  },
  {
    name: 'nothing is to be approved',
    guard: 'approvals',
    file: 'core/waiting/gate-names.ts',
    text: 'policy !== undefined && needsApproval(policy, task)',
    replacement: 'policy !== undefined && needsApproval === undefined',
  },
  {
    name: 'what was rejected runs',
    guard: 'approvals',
    file: 'core/waiting/advance.ts',
    text: "if (approval?.decision === 'rejected')",
    replacement: 'if (false)',
  },
  {
    name: 'what is queued is not paused',
    guard: 'pauses',
    file: 'core/agent/stopped.ts',
    text: 'return setBackIfPaused(runtime, known);',
    replacement: 'return setBackIfPaused === undefined;',
  },
  {
    name: 'what was set back ends as if it were queued',
    guard: 'pauses',
    file: 'core/close.ts',
    text: "if (current.task.status !== 'queued' || current.task.epoch !== epoch) return { answer: undefined };",
    replacement: '',
  },
  {
    name: 'what waits goes on though it is paused',
    guard: 'pauses',
    file: 'core/waiting/advance.ts',
    text: 'if (pause !== undefined) return',
    replacement: 'if (pause === null) return',
  },
];
