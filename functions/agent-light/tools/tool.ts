/** What a tool is. Each stands in a file of its own; `registry.ts` lists them. */

import type * as z from 'zod';
import type { Context } from '../../core/agent/define-agent.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';

export type ToolContext = Pick<Context, 'tenant' | 'taskId' | 'effectId' | 'signal' | 'deadline' | 'progress' | 'traceId'>;

export interface Tool<Inputs = JsonObject> {
  /** Unknown fields are refused by name. `confirm_dangerous` is taken off before. */
  readonly inputs: z.ZodType<Inputs>;
  /** Throws `TerminalError` for what no other attempt would mend. */
  run(runtime: Runtime, inputs: Inputs, context: ToolContext): Promise<unknown>;
  /** What would be done; nothing is opened, read or written for it. Every dangerous tool has one. */
  dryRun?(runtime: Runtime, inputs: Inputs): unknown;
}

/** Keeps the type of a tool's inputs between its schema and what it does. */
export const defineTool = <Inputs>(tool: Tool<Inputs>): Tool => tool as unknown as Tool;
