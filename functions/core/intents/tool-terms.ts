/** The tools of mode `agent`: their names and terms. What they do stands in `agent-light/tools/`, one file each. */

export interface ToolTerms {
  readonly timeLimitSeconds: number;
  /** Runs dry unless its job was cleared: it changes what cannot be put back. */
  readonly dangerous: boolean;
  /** Changes nothing, so that it is run each time that it is asked for. */
  readonly reads: boolean;
}

const read = { timeLimitSeconds: 30, dangerous: false, reads: true } as const;
const write = { ...read, reads: false } as const;

export const TOOLS = {
  'fs.head': read,
  'fs.list': read,
  'fs.read': read,
  'http.fetch': { ...read, timeLimitSeconds: 60 },
  'memory.delete': write,
  'memory.list': read,
  'memory.query': read,
  'memory.search': read,
  'memory.store': write,
  'memory.write': write,
  'ssh.exec': { timeLimitSeconds: 45, dangerous: true, reads: false },
  'ssh.exec.peek': { ...read, timeLimitSeconds: 20 },
} as const satisfies Readonly<Record<string, ToolTerms>>;

export type ToolName = keyof typeof TOOLS;
