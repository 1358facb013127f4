/** `fs.head`: the first lines of a file. */

import * as z from 'zod';
import { contentOf, looked } from './fs-content.ts';
import { hostPath } from './fs-list.ts';
import { defineTool } from './tool.ts';

const MAX_BYTES = 1_048_576;
const LINE_FEED = 10;

/**
 * `{path, lines?}` gives `{path, size, lines, content, encoding, bytes, truncated}`: the first lines with their line feeds, at most
 * 1 MiB of them. `lines` counts those that are there; `truncated` says that the file goes on. Fails as `fs.read` does.
 */
export const fsHead = defineTool({
  inputs: z.strictObject({ path: hostPath, lines: z.int().min(1).max(10_000).default(10) }),
  async run({ files }, { path: given, lines: wanted }) {
    const { path, size, bytes } = await looked(files.read(given, MAX_BYTES + 1));
    const most = bytes.subarray(0, MAX_BYTES);
    let end = 0;
    let lines = 0;
    while (lines < wanted && end < most.length) {
      const feed = most.indexOf(LINE_FEED, end);
      end = feed === -1 ? most.length : feed + 1;
      lines += 1;
    }
    return { path, size, lines, ...contentOf(most.subarray(0, end), end < bytes.length) };
  },
});
