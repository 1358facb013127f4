/** The tools, by name. Loaded when one is used: some bring much with them, and the function has to start. */

import type { ToolName } from '../../core/intents/tool-terms.ts';
import type { Tool } from './tool.ts';

export const tools: Readonly<Record<ToolName, () => Promise<Tool>>> = {
  'http.fetch': async () => (await import('./http-fetch.ts')).httpFetch,
};
