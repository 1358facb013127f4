/**
 * The peers' figures as an SVG of horizontal bars with ranges. It follows the reader's light or dark scheme, and has a ground of its
 * own, since the page around it may not; nothing is loaded from elsewhere.
 */

import type { GrowthFigures } from './growth.ts';
import type { Machine } from './machine.ts';
import { MEASURES, measured, NAMES } from './peer-rows.ts';
import type { PeerFigures } from './peers.ts';
import { type Spread, shown, spread } from './rounds.ts';

export interface Bar {
  readonly label: string;
  readonly seen: Spread;
  readonly ours: boolean;
}

export interface Panel {
  readonly title: string;
  readonly digits: number;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LEFT = 220;
const AXIS = 380;
const ROW = 24;
const BAR = 14;
const HEAD = 34;
/** A bar this many times the median one is cut off, lest it flatten all others. */
const CUT = 6;

/** What the emulators allow says nothing of stores that sync to disk. */
const EMULATED: ReadonlySet<string> = new Set(['emulators', 'bare']);

const STYLE = `text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .note { fill: #59636e }
rect { fill: #8c959f } .ours { fill: #0969da } path { stroke: #1f2328; fill: none } .gap { stroke: #ffffff; stroke-width: 3 } .page { stroke: none; fill: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9198a1 } rect { fill: #656c76 } .ours { fill: #4493f8 }
path { stroke: #e6edf3 } .gap { stroke: #0d1117 } .page { fill: #0d1117 } }`;

/** Draws the panels below one another, with a line of small print at the end. */
export function barChart(panels: readonly Panel[], note: string): string {
  const parts: string[] = [];
  let y = 4;
  for (const panel of panels) {
    parts.push(drawPanel(panel, y));
    y += HEAD + panel.bars.length * ROW + 12;
  }
  const height = y + 20;
  const title = panels.map((panel) => panel.title).join('; ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<path class="page" d="M0 0h${WIDTH}v${height}H0z"/>`,
    ...parts,
    `<text class="note" x="4" y="${height - 8}">${escaped(note)}</text>`,
    '</svg>\n',
  ].join('\n');
}

/** The chart of a run with `--peers`. */
export function peersChart(results: { readonly machine: Machine; readonly peers?: unknown; readonly growth?: unknown }): string {
  const peers = results.peers as PeerFigures;
  const panel = (title: string, measure: keyof typeof MEASURES, emulated: boolean): Panel => ({
    title,
    digits: MEASURES[measure].digits,
    bars: Object.entries(NAMES).flatMap(([name, label]) => {
      const seen = EMULATED.has(name) === emulated ? measured(peers, name, measure) : undefined;
      return seen === undefined ? [] : [{ label, seen, ours: label.startsWith('Heliograph') }];
    }),
  });
  const panels = [
    panel('Tasks per second, 32 clients (more is better)', 'rate', false),
    panel('Median time of one task at a time, ms (less is better)', 'p50', false),
    panel('On Google’s emulators: tasks per second, 32 clients (more is better)', 'rate', true),
  ].filter(({ bars }) => bars.length > 0);
  const growth = results.growth as GrowthFigures | undefined;
  if (growth !== undefined) {
    const stored = (count: number, figures: readonly number[]) => ({
      label: `${count.toLocaleString('en')} tasks stored`,
      seen: spread(figures),
      ours: true,
    });
    const bars = [stored(growth.few, growth.atFew), stored(growth.many, growth.atMany)];
    panels.push({ title: 'Heliograph, embedded: tasks per second as its store grows', digits: 0, bars });
  }
  const { cpu, cpus, syncMs, node } = results.machine;
  const note = `Medians and ranges of ${peers.rounds} interleaved rounds; ${cpus} × ${cpu}, a sync takes ${syncMs} ms, Node ${node}`;
  return barChart(panels, note);
}

function drawPanel({ title, digits, bars }: Panel, top: number): string {
  const end = axisEnd(bars);
  const lines = bars.map(({ label, seen, ours }, row) => {
    const y = top + HEAD + row * ROW;
    const middle = y + BAR / 2;
    const x = (value: number) => (LEFT + (Math.min(value, end) / end) * AXIS).toFixed(1);
    const cut = seen.median > end;
    const gap = `<path class="gap" d="M${LEFT + AXIS - 24} ${y - 2}l-6 ${BAR + 4}"/>`;
    const cap = (value: number) => (value > end ? '' : `M${x(value)} ${middle - 4}v8`);
    const range = `<path d="M${x(seen.minimum)} ${middle}H${x(seen.maximum)}${cap(seen.minimum)}${cap(seen.maximum)}"/>`;
    return [
      `<text x="${LEFT - 8}" y="${y + 11}" text-anchor="end">${escaped(label)}</text>`,
      `<rect${ours ? ' class="ours"' : ''} x="${LEFT}" y="${y}" width="${(Number(x(seen.median)) - LEFT).toFixed(1)}" height="${BAR}"/>`,
      cut ? gap : range,
      `<text x="${Math.max(Number(x(seen.median)), cut ? 0 : Number(x(seen.maximum))) + 8}" y="${y + 11}">${escaped(shown(seen, digits))}</text>`,
    ].join('\n');
  });
  return [`<text class="title" x="4" y="${top + 18}">${escaped(title)}</text>`, ...lines].join('\n');
}

/** The end of the longest range, of those that are not cut off; one that is reaches visibly further. */
function axisEnd(bars: readonly Bar[]): number {
  if (bars.length === 0) return 1;
  const limit = CUT * spread(bars.map(({ seen }) => seen.median)).median;
  const whole = bars.filter(({ seen }) => seen.median <= limit);
  const end = Math.max(...whole.map(({ seen }) => Math.min(seen.maximum, limit)));
  return whole.length === bars.length ? end : end * 1.15;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
