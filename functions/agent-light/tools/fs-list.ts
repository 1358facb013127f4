/** `fs.list`: what is in a folder. */

import * as z from 'zod';
import { looked } from './fs-content.ts';
import { defineTool } from './tool.ts';

const MAX_ENTRIES = 1_000;

/** A path of the machine that runs the functions. */
export const hostPath = z.string().min(1).max(4_096);

/**
 * `{path}` gives `{path, entries: [{name, type, size?, modified_at}], total, truncated}`, by name, at most 1,000 of them; the type is
 * `file`, `folder`, `link` or `special`. `path` in the reply is without links. Fails with `no_roots`, `outside_roots`, `not_found`,
 * `not_a_folder`, `path_invalid`, `unreadable`.
 */
export const fsList = defineTool({
  inputs: z.strictObject({ path: hostPath }),
  async run({ files }, { path: given }) {
    const { path, entries, total } = await looked(files.list(given, MAX_ENTRIES));
    const shown = entries.map(({ name, kind, size, modifiedAt }) => ({
      name,
      type: kind,
      ...(size === undefined ? {} : { size }),
      modified_at: new Date(modifiedAt).toISOString(),
    }));
    return { path, entries: shown, total, truncated: total > MAX_ENTRIES };
  },
});
