import { Problem } from '../../core/errors.ts';
import { marks, shown } from './draw-text.ts';
import type { Graph } from './graph.ts';
import { layout } from './layout.ts';

/** What anybody can still read, or a browser scroll. */
const MAX_MODULES = 3_000;
const MAX_IMPORTS = 20_000;

const MARGIN = 24;
const ROW = 30;
const BOX = 22;
const LETTER = 7.3;
const GAP = 110;
const LONGEST = 60;
const ISOLATED_COLUMNS = 4;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/**
 * As a picture, from what nothing imports on the left to what imports nothing on the right. Bold: shared; red: in a cycle; grey, at
 * the bottom: isolated. Its names are text, nothing in it runs. Throws `Problem` 422 `map_too_large_to_draw`.
 */
export function drawSvg(graph: Graph): string {
  const imports = [...graph.values()].reduce((sum, { length }) => sum + length, 0);
  if (graph.size > MAX_MODULES || imports > MAX_IMPORTS) {
    throw new Problem(
      422,
      'map_too_large_to_draw',
      `A picture has at most ${MAX_MODULES} modules and ${MAX_IMPORTS} imports; this project has ${graph.size} and ${imports}. Ask for format=dot, or for a folder of it.`,
    );
  }
  const { inCycle, isShared, isWayAround } = marks(graph);
  const { boxes, isAlone, width, height } = placed(graph);
  const lines = [...graph].flatMap(([name, targets]) =>
    targets.map((target) => {
      const between = `${shown(name)} → ${shown(target)}`;
      const style = isWayAround(name, target) ? ' class="cycle"' : '';
      return `<path${style} d="${curve(boxes.get(name) as Box, boxes.get(target) as Box)}"><title>${xml(between)}</title></path>`;
    }),
  );
  const rectangles = [...boxes].map(([name, { x, y, width: wide }]) => {
    const style = [inCycle(name) && 'cycle', isShared(name) && 'shared', isAlone(name) && 'alone'].filter(Boolean).join(' ');
    const label = `<text x="${x + 8}" y="${y + 15}">${xml(shortened(shown(name)))}</text>`;
    return `<g${style && ` class="${style}"`}><title>${xml(shown(name))}</title><rect x="${x}" y="${y}" width="${wide}" height="${BOX}" rx="4"/>${label}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${graph.size} modules, ${imports} imports</title>
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#888"/></marker></defs>
<style>${STYLE}</style>
<rect class="paper" width="${width}" height="${height}"/>
<g class="imports">
${lines.join('\n')}
</g>
<g class="modules">
${rectangles.join('\n')}
</g>
</svg>
`;
}

const STYLE = [
  'text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#222}',
  '.paper{fill:#fff}',
  '.modules rect{fill:#f6f8fa;stroke:#8c959f}',
  '.modules .shared rect{stroke:#24292f;stroke-width:2}',
  '.modules .shared text{font-weight:bold}',
  '.modules .cycle rect{stroke:#cf222e}',
  '.modules .alone rect{fill:#fff;stroke-dasharray:3 3}',
  '.modules .alone text{fill:#777}',
  '.imports path{fill:none;stroke:#888;stroke-opacity:.55;marker-end:url(#end)}',
  '.imports .cycle{stroke:#cf222e}',
  '.imports path:hover{stroke:#0969da;stroke-opacity:1;stroke-width:2}',
].join('');

interface Placed {
  readonly boxes: ReadonlyMap<string, Box>;
  isAlone(name: string): boolean;
  readonly width: number;
  readonly height: number;
}

function placed(graph: Graph): Placed {
  const { columns, isolated } = layout(graph);
  const boxes = new Map<string, Box>();
  const tallest = columns.reduce((most, { length }) => Math.max(most, length), 0);
  let right = MARGIN;
  for (const column of columns) {
    const width = widest(column);
    const top = MARGIN + ((tallest - column.length) * ROW) / 2;
    for (const [row, name] of column.entries()) boxes.set(name, { x: right, y: top + row * ROW, width });
    right += width + GAP;
  }
  let bottom = MARGIN + tallest * ROW;
  const width = widest(isolated);
  for (const [index, name] of isolated.entries()) {
    const [row, column] = [Math.floor(index / ISOLATED_COLUMNS), index % ISOLATED_COLUMNS];
    boxes.set(name, { x: MARGIN + column * (width + 12), y: bottom + row * ROW, width });
  }
  bottom += Math.ceil(isolated.length / ISOLATED_COLUMNS) * ROW;
  const alone = new Set(isolated);
  const wide = Math.max(right - GAP, MARGIN + Math.min(isolated.length, ISOLATED_COLUMNS) * (width + 12), 200) + MARGIN;
  return { boxes, isAlone: (name) => alone.has(name), width: Math.ceil(wide), height: Math.ceil(bottom + MARGIN) };
}

const widest = (names: readonly string[]): number =>
  Math.ceil(names.reduce((most, name) => Math.max(most, [...shortened(shown(name))].length), 0) * LETTER + 16);

/** From the right of one to the left of the other; within a column, or back, around the right. */
function curve(from: Box, to: Box): string {
  const [x, y] = [from.x + from.width, from.y + BOX / 2];
  const target = to.y + BOX / 2;
  if (to.x > from.x) {
    const half = Math.min(GAP, (to.x - x) / 2);
    return `M${x} ${y}C${x + half} ${y} ${to.x - half} ${target} ${to.x} ${target}`;
  }
  const right = to.x + to.width;
  const bend = Math.max(x, right) + Math.min(GAP, 30 + Math.abs(target - y) / 8);
  return `M${x} ${y}C${bend} ${y} ${bend} ${target} ${right} ${target}`;
}

/** The end of a path says more than its beginning. */
function shortened(name: string): string {
  const characters = [...name];
  return characters.length <= LONGEST ? name : `…${characters.slice(1 - LONGEST).join('')}`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const xml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string);
