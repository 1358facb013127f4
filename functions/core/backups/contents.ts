import { createHash, hash } from 'node:crypto';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { crew } from './ahead.ts';
import { corrupt, loadBlob, packedBlob } from './blobs.ts';
import type { Manifest, ManifestFile } from './manifest-schema.ts';

/** Blobs at once. Each is held packed and unpacked. */
const LOADS = 3;
/** Files of a blob at once. */
const USES = 8;

export interface Contents {
  /** Is given the content of each file, in no order. The last piece comes only when the whole was right. */
  readonly use: (file: ManifestFile, content: AsyncIterable<Buffer>) => Promise<void>;
  /** Of these files only the blobs are checked: nobody uses their content. */
  readonly isUnused?: (file: ManifestFile) => boolean;
  /** By default the first problem ends it. */
  readonly onCorrupt?: (file: ManifestFile, problem: Problem) => void;
}

/**
 * Reads every file of a manifest and checks it against its hash, and every blob against its own; each blob is loaded once, but for
 * those that large files share. Throws `Problem` `backup_corrupt` that names blob and file.
 */
export async function readContents(
  parts: Pick<Runtime, 'objects'>,
  manifest: Manifest,
  { use, isUnused = () => false, onCorrupt }: Contents,
): Promise<void> {
  const loads = crew(LOADS);
  const { small, large } = sorted(manifest);

  async function attempt(files: readonly ManifestFile[], work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'backup_corrupt') throw error;
      const named = corrupt(
        `${flawOf(error)} (${JSON.stringify(files[0]?.path)}${files.length > 1 ? ` and ${files.length - 1} more` : ''})`,
      );
      if (onCorrupt === undefined) throw named;
      for (const file of files) onCorrupt(file, named);
    }
  }

  for (const [blob, files] of small) {
    await loads.add(() =>
      attempt(files, async () => {
        const used = files.filter((file) => !isUnused(file));
        if (blob !== '' && used.length === 0) await packedBlob(parts, blob);
        const content = blob === '' || used.length === 0 ? Buffer.alloc(0) : await loadBlob(parts, blob);
        const uses = crew(USES);
        for (const file of used) await uses.add(() => attempt([file], () => use(file, once(file, content))));
        await uses.end();
      }),
    );
  }
  for (const file of large) {
    const work = () => (isUnused(file) ? checkPieces(parts, manifest, file) : use(file, pieces(parts, manifest, file)));
    await loads.add(() => attempt([file], work));
  }
  await loads.end();
}

/** Files of one piece by their blob (empty ones by `''`), and the others. */
function sorted({ entries, blobs }: Manifest) {
  const small = new Map<string, ManifestFile[]>();
  const large: ManifestFile[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    if (entry.parts.length > 1) large.push(entry);
    else {
      const blob = blobs[entry.parts[0]?.[0] ?? -1] ?? '';
      const files = small.get(blob);
      if (files === undefined) small.set(blob, [entry]);
      else files.push(entry);
    }
  }
  return { small, large };
}

async function* once(file: ManifestFile, content: Buffer): AsyncGenerator<Buffer> {
  const [, offset = 0, length = 0] = file.parts[0] ?? [];
  const bytes = content.subarray(offset, offset + length);
  if (hash('sha256', bytes) !== file.sha256) throw wrong(file);
  if (length > 0) yield bytes;
}

async function* pieces(parts: Pick<Runtime, 'objects'>, { blobs }: Manifest, file: ManifestFile): AsyncGenerator<Buffer> {
  const sum = createHash('sha256');
  for (const [index, [blob, offset, length]] of file.parts.entries()) {
    const bytes = (await loadBlob(parts, blobs[blob] as string)).subarray(offset, offset + length);
    sum.update(bytes);
    if (index === file.parts.length - 1 && sum.digest('hex') !== file.sha256) throw wrong(file);
    yield bytes;
  }
}

async function checkPieces(parts: Pick<Runtime, 'objects'>, { blobs }: Manifest, file: ManifestFile): Promise<void> {
  for (const [blob] of file.parts) await packedBlob(parts, blobs[blob] as string);
}

const wrong = ({ path }: ManifestFile) => corrupt(`the content of ${JSON.stringify(path)} is not what was backed up`);

const flawOf = ({ message }: Problem) => message.replace(/^The backup cannot be used: |\.$/g, '');
