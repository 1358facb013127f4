/** `fs.read`: a file, or the first bytes of it. */

import * as z from 'zod';
import { TerminalError } from '../../core/errors.ts';
import { contentOf, looked } from './fs-content.ts';
import { hostPath } from './fs-list.ts';
import { defineTool } from './tool.ts';

const MAX_BYTES = 10_485_760;

/**
 * `{path, max_bytes?}` gives `{path, size, content, encoding, bytes, truncated}`. Without `max_bytes`, a file of more than 10 MiB
 * fails with `file_too_large`; beyond that with `not_a_file`, and what `fs.list` fails with.
 */
export const fsRead = defineTool({
  inputs: z.strictObject({ path: hostPath, max_bytes: z.int().min(1).max(MAX_BYTES).optional() }),
  async run({ files }, { path: given, max_bytes: wanted }) {
    const most = wanted ?? MAX_BYTES;
    // One more, which tells whether the file ends there.
    const { path, size, bytes } = await looked(files.read(given, most + 1));
    const isCut = bytes.length > most;
    if (isCut && wanted === undefined) {
      const advice = 'give max_bytes for its beginning, or take fs.head';
      throw new TerminalError('file_too_large', `${JSON.stringify(path)} is larger than ${MAX_BYTES} bytes: ${advice}.`);
    }
    return { path, size, ...contentOf(bytes.subarray(0, most), isCut) };
  },
});
