/** The tools, by name. Loaded when one is used: some bring much with them, and the function has to start. */

import type { ToolName } from '../../core/intents/tool-terms.ts';
import type { Tool } from './tool.ts';

export const tools: Readonly<Record<ToolName, () => Promise<Tool>>> = {
  'fs.head': async () => (await import('./fs-head.ts')).fsHead,
  'fs.list': async () => (await import('./fs-list.ts')).fsList,
  'fs.read': async () => (await import('./fs-read.ts')).fsRead,
  'http.fetch': async () => (await import('./http-fetch.ts')).httpFetch,
  'memory.delete': async () => (await import('./memory-delete.ts')).memoryDelete,
  'memory.list': async () => (await import('./memory-list.ts')).memoryList,
  'memory.query': async () => (await import('./memory-search.ts')).memorySearch,
  'memory.search': async () => (await import('./memory-search.ts')).memorySearch,
  'memory.store': async () => (await import('./memory-write.ts')).memoryWrite,
  'memory.write': async () => (await import('./memory-write.ts')).memoryWrite,
  'ssh.exec': async () => (await import('./ssh-exec.ts')).sshExec,
  'ssh.exec.peek': async () => (await import('./ssh-exec-peek.ts')).sshExecPeek,
};
