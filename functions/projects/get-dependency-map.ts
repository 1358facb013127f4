/** `GET /dependency-map`: which module of a project imports which, as JSON, as text for others to draw, or as a picture. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import { checked, invalidFields } from '../core/http.ts';
import { projectIdOf } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Graph } from './dependency-map/graph.ts';
import { difference } from './diff.ts';
import { touchedModules } from './touched-modules.ts';

/** `view=summary` is what the map as a whole shows: cycles, roots, leaves, and what was left out. */
export const dependencyMapQuery = z.strictObject({
  project_path: z.string().max(4_096),
  format: z.enum(['json', 'dot', 'mermaid', 'svg']).default('json'),
  view: z.enum(['map', 'summary']).default('map'),
  /** A backup: only what the changes since then touch. */
  since: z.string().max(100).optional(),
});

/** What is sent: a value as JSON, or a text of its own type. */
export type MapReply = { readonly json: unknown } | { readonly text: string; readonly type: string };

/**
 * Answers `{module: {path, imports, is_isolated, is_shared}}` unless the query asks for another format or view; with `since`
 * `{since, project_id, modules: {module: {path, touched, via?}}, removed}`. Throws `Problem`
 * 422 `project_path_missing`, `invalid_fields`, `map_too_large_to_draw`, 413 `project_too_large`, 503
 * `dependency_map_unfinished`, and what opening the project throws.
 */
export async function getDependencyMap(
  runtime: Runtime,
  caller: Caller,
  query: Readonly<Record<string, string>>,
): Promise<MapReply> {
  if (!query.project_path) throw missing();
  const { project_path, format, view, since } = checked(dependencyMapQuery, query);
  if (view === 'summary' && format !== 'json') {
    throw invalidFields([{ field: 'view', code: 'invalid_value', message: 'is summary, which there is as json alone' }]);
  }
  if (since !== undefined && (format !== 'json' || view !== 'map')) {
    throw invalidFields([{ field: 'since', code: 'invalid_value', message: 'gives json alone, and no other view' }]);
  }
  const { mapFiles, mapBytes, mapFileBytes } = runtime.settings.limits;
  const limits = { files: mapFiles, bytes: mapBytes, fileBytes: mapFileBytes, ms: runtime.settings.times.mapMs };
  const tree = await runtime.trees.open(project_path);
  const projectId = projectIdOf(caller.tenant, tree.projectPath);
  // Before the map: a backup that is not there needs none.
  const changes = since === undefined ? undefined : await difference(runtime, caller, projectId, { from: since, to: 'now' });
  // The parsers and what draws are loaded with the first request that needs them.
  const { dependencyMap } = await import('./dependency-map/dependency-map.ts');
  const { graphOf, mapView, summaryView } = await import('./dependency-map/views.ts');
  const map = await dependencyMap(tree, limits, runtime.clock);
  if (changes !== undefined) return { json: { since, project_id: projectId, ...touchedModules(map, changes) } };
  if (format !== 'json') return drawn(format, graphOf(map.modules));
  return { json: view === 'summary' ? summaryView(map) : mapView(map) };
}

async function drawn(format: 'dot' | 'mermaid' | 'svg', graph: Graph): Promise<MapReply> {
  const { drawDot, drawMermaid } = await import('./dependency-map/draw-text.ts');
  if (format === 'dot') return { text: drawDot(graph), type: 'text/vnd.graphviz; charset=utf-8' };
  if (format === 'mermaid') return { text: drawMermaid(graph), type: 'text/plain; charset=utf-8' };
  const { drawSvg } = await import('./dependency-map/draw-svg.ts');
  return { text: drawSvg(graph), type: 'image/svg+xml; charset=utf-8' };
}

const missing = () =>
  new Problem(422, 'project_path_missing', 'Say which project: ?project_path= and the path of its folder.', {
    fields: [{ field: 'project_path', code: 'project_path_missing', message: 'is missing' }],
  });
