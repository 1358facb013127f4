import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, normalize, sep } from 'node:path';
import { Problem } from '../core/errors.ts';

/**
 * The real folder of a project, inside one of the real roots, all links resolved first. Outside of the roots nothing is told of
 * what is there. Throws `Problem` `project_path_invalid`, `outside_roots` or `project_not_found`.
 */
export async function placeInRoots(roots: readonly string[], projectPath: string): Promise<string> {
  if (!isAbsolute(projectPath) || projectPath.includes('\0') || !projectPath.isWellFormed()) {
    throw new Problem(422, 'project_path_invalid', 'project_path has to be an absolute path of a folder.', {
      fields: [{ field: 'project_path', code: 'project_path_invalid', message: 'is no absolute path' }],
    });
  }
  if (roots.length === 0) {
    throw outside('No folder may hold projects yet: name one or more in ORCHESTRATOR_PROJECT_ROOTS.');
  }
  const realRoots = (await Promise.all(roots.map((root) => realpath(root).catch(() => undefined)))).filter(
    (root) => root !== undefined,
  );
  const inside = (path: string) => realRoots.some((root) => isWithin(root, path));
  const real = await realpath(projectPath).catch(() => undefined);
  if (real === undefined && inside(await deepestFolder(normalize(projectPath)))) throw notFound();
  if (real === undefined || !inside(real)) {
    throw outside('project_path is not inside a folder that may hold projects (ORCHESTRATOR_PROJECT_ROOTS).');
  }
  // It may have gone between the two looks: a rollback exchanges it.
  const found = await stat(real).catch(() => undefined);
  if (!found?.isDirectory()) throw notFound();
  return real;
}

/** The real path of the deepest part that is there, or of nothing (`''`) where that is a link to nowhere. */
export async function deepestFolder(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined) return real;
  // What is there and no link has come back since.
  const found = await lstat(path).catch(() => undefined);
  return found?.isSymbolicLink() || dirname(path) === path ? '' : deepestFolder(dirname(path));
}

/** Whole parts only: `/a/bc` is not within `/a/b`. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

const outside = (message: string) =>
  new Problem(403, 'outside_roots', message, {
    fields: [{ field: 'project_path', code: 'outside_roots', message: 'is not inside a folder that may hold projects' }],
  });

const notFound = () =>
  new Problem(404, 'project_not_found', 'There is no folder at project_path.', {
    fields: [{ field: 'project_path', code: 'project_not_found', message: 'is no folder' }],
  });
