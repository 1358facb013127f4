/** How far the batch is: one line that is rewritten on a terminal, plain lines elsewhere. */

import type { WriteStream } from 'node:tty';

export interface Progress {
  show(line: string): void;
  /** Leaves the last line standing. */
  end(): void;
}

/** Without a terminal, how often a changed line is written. */
const PLAIN_EVERY_MS = 1_000;

export function progressOn(stream: Pick<WriteStream, 'write' | 'isTTY' | 'columns'>, now = () => performance.now()): Progress {
  let last = '';
  let lastAt = -Infinity;
  let pending = '';

  function write(line: string): void {
    last = line;
    lastAt = now();
    stream.write(stream.isTTY ? `\r\x1b[2K${line.slice(0, Math.max(20, (stream.columns || 80) - 1))}` : `${line}\n`);
  }

  return {
    show(line) {
      pending = line;
      if (line !== last && (stream.isTTY || now() - lastAt >= PLAIN_EVERY_MS)) write(line);
    },
    end() {
      if (pending !== last) write(pending);
      if (stream.isTTY && last !== '') stream.write('\n');
    },
  };
}

/** `41 of 58 ended · 12 queued · 5 running`. */
export function progressLine(ended: number, expected: number, statuses: Readonly<Record<string, number>>, note: string): string {
  const open = ['waiting', 'queued', 'running'].flatMap((status) => (statuses[status] ? [`${statuses[status]} ${status}`] : []));
  return [`${ended} of ${expected} tasks ended`, ...open, ...(note ? [note] : [])].join(' · ');
}
