/** Paths within a project: relative, `/`-separated, without a leading `./`; the project itself is `''`. */

/** The folder that a path lies in. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** A path as seen from a folder; `undefined` where it leads out of the project. */
export function joined(folder: string, relative: string): string | undefined {
  const parts = folder === '' ? [] : folder.split('/');
  for (const part of relative.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

/** A folder and those around it, the innermost first, the project last. */
export function* upwards(folder: string): Generator<string> {
  for (let at = folder; at !== ''; at = folderOf(at)) yield at;
  yield '';
}

/** The file of a name in a folder. */
export const within = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

/** What the `*` of a pattern stands for in `text`; `''` where both are the same, `undefined` where they do not match. */
export function wildcard(pattern: string, text: string): string | undefined {
  const [before = '', after] = pattern.split('*', 2);
  if (after === undefined) return pattern === text ? '' : undefined;
  const fits = text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after);
  return fits ? text.slice(before.length, text.length - after.length) : undefined;
}

/** The row of a table whose key matches: an exact one, else the one with the longest text before its `*`. */
export function matching<T>(
  table: Readonly<Record<string, T>>,
  text: string,
): { readonly value: T; readonly star: string } | undefined {
  if (Object.hasOwn(table, text) && !text.includes('*')) return { value: table[text] as T, star: '' };
  let best: { value: T; star: string; length: number } | undefined;
  for (const [pattern, value] of Object.entries(table)) {
    const star = pattern.includes('*') ? wildcard(pattern, text) : undefined;
    const length = pattern.indexOf('*');
    if (star !== undefined && (best === undefined || length > best.length)) best = { value, star, length };
  }
  return best;
}
