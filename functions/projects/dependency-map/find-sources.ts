import { Problem } from '../../core/errors.ts';
import { ignoreRules, isCostly } from '../../core/ignore-rules.ts';
import type { FileEntry, ProjectTree, TreeEntry } from '../../core/ports.ts';
import { isForeign } from './foreign.ts';
import { type Language, languageOf } from './languages.ts';
import { contentOrReason, isUnreadable } from './read-file.ts';

const MAX_RULES_BYTES = 65_536;
const MAX_CONFIGURATION_BYTES = 1_048_576;

export interface Source {
  readonly file: FileEntry;
  readonly language: Language;
}

/** A file that is not in the map, or not fully, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface Sources {
  /** In the order of their paths. */
  readonly sources: readonly Source[];
  /** What may say how JavaScript finds its modules, by path: `package.json`, `tsconfig.json` and what those extend. */
  readonly configurations: ReadonlyMap<string, FileEntry>;
  readonly skipped: readonly Skipped[];
}

export interface SourceLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly bytes: number;
}

/**
 * The source files of a project. Links are not followed. `check` is called for every entry: it may throw, and is waited for. Throws `Problem` 413
 * `project_too_large`.
 */
export async function findSources(
  tree: ProjectTree,
  limits: SourceLimits,
  check: () => Promise<unknown> | undefined,
): Promise<Sources> {
  const sources: Source[] = [];
  const configurations = new Map<string, FileEntry>();
  const skipped: Skipped[] = [];
  let bytes = 0;
  const rules = ignoreRules();
  const folders = [''];

  // A folder's own rules are read before anything in it is judged, so after those of the folders around it.
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    await check();
    const entries = await entriesOf(folder);
    if (folder !== '' && isForeign(nameOf(folder), entries)) continue;
    await addRules(folder, entries);
    for (const entry of entries) {
      // Rules and names may be such that each takes its time.
      const pause = check();
      if (pause !== undefined) await pause;
      if (entry.kind === 'folder') {
        if (!rules.ignores(entry.path, true)) folders.push(entry.path);
      } else if (entry.kind === 'file' && !rules.ignores(entry.path, false)) take(entry);
    }
  }
  return { sources: sources.sort((a, b) => (a.file.path < b.file.path ? -1 : 1)), configurations, skipped };

  function take(file: FileEntry): void {
    const language = languageOf(file.path);
    if (language === undefined) {
      const wanted = file.path.endsWith('.json') && file.size <= MAX_CONFIGURATION_BYTES && configurations.size < limits.files;
      if (wanted) configurations.set(file.path, file);
    } else if (file.size > limits.fileBytes) {
      skipped.push({ path: file.path, reason: `is larger than ${limits.fileBytes} bytes` });
    } else {
      bytes += file.size;
      sources.push({ file, language });
      if (sources.length > limits.files) throw tooLarge(`more than ${limits.files} source files`);
      if (bytes > limits.bytes) throw tooLarge(`more than ${limits.bytes} bytes of source`);
    }
  }

  /** One that may not be looked into is left out; the project itself has to be readable. */
  async function entriesOf(folder: string): Promise<readonly TreeEntry[]> {
    try {
      return await tree.list(folder);
    } catch (error) {
      if (folder === '' || !isUnreadable(error)) throw error;
      skipped.push({ path: folder, reason: 'cannot be read' });
      return [];
    }
  }

  async function addRules(folder: string, entries: readonly TreeEntry[]): Promise<void> {
    const file = entries.find(({ kind, path }) => kind === 'file' && nameOf(path) === '.gitignore') as FileEntry | undefined;
    if (file === undefined) return;
    if (file.size > MAX_RULES_BYTES) {
      skipped.push({ path: file.path, reason: `is larger than ${MAX_RULES_BYTES} bytes` });
      return;
    }
    const content = await contentOrReason(tree, file);
    if (typeof content === 'string') {
      skipped.push({ path: file.path, reason: content });
      return;
    }
    const lines = content.toString().split(/\r?\n/);
    const costly = lines.filter((line) => !line.startsWith('#') && isCostly(line));
    for (const line of costly) {
      skipped.push({ path: file.path, reason: `has a line with too many wildcards: ${line.slice(0, 100)}` });
    }
    rules.add(folder, lines.filter((line) => !costly.includes(line)).join('\n'));
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const tooLarge = (what: string) => new Problem(413, 'project_too_large', `The project has ${what}.`);
