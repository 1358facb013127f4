/** A dependency map as text that other programmes draw. */

import { components, type Graph, importers } from './graph.ts';

/**
 * In Graphviz's language.
 *
 * Source: Graphviz, "DOT Language".
 */
export function drawDot(graph: Graph): string {
  const { inCycle, isShared, isWayAround } = marks(graph);
  const lines = ['digraph dependencies {', '  rankdir=LR;', '  node [shape=box, fontname="sans-serif"];'];
  for (const name of graph.keys()) {
    const attributes = [isShared(name) && 'penwidth=2', inCycle(name) && 'color=red'].filter(Boolean);
    lines.push(`  ${dotText(name)}${attributes.length > 0 ? ` [${attributes.join(', ')}]` : ''};`);
  }
  for (const [name, imports] of graph) {
    for (const target of imports) {
      const attributes = isWayAround(name, target) ? ' [color=red]' : '';
      lines.push(`  ${dotText(name)} -> ${dotText(target)}${attributes};`);
    }
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

/**
 * As a Mermaid flowchart. Mermaid itself draws 500 edges, where its reader has not allowed more (`maxEdges`).
 *
 * Source: Mermaid, "Flowcharts".
 */
export function drawMermaid(graph: Graph): string {
  const { inCycle, isShared } = marks(graph);
  const ids = new Map([...graph.keys()].map((name, index) => [name, `m${index}`]));
  const lines = ['flowchart LR', '  classDef shared stroke-width:2px', '  classDef cycle stroke:#c00'];
  for (const [name, id] of ids) {
    const mark = inCycle(name) ? ':::cycle' : isShared(name) ? ':::shared' : '';
    lines.push(`  ${id}["${mermaidText(name)}"]${mark}`);
  }
  for (const [name, imports] of graph) for (const target of imports) lines.push(`  ${ids.get(name)} --> ${ids.get(target)}`);
  return `${lines.join('\n')}\n`;
}

/** Which modules stand out. */
export function marks(graph: Graph): Marks {
  const counts = importers(graph);
  const large = components(graph).filter(({ length }) => length > 1);
  const cycleOf = new Map(large.flatMap((component, index) => component.map((name) => [name, index] as const)));
  return {
    isShared: (name) => (counts.get(name) ?? 0) > 1,
    inCycle: (name) => cycleOf.has(name),
    isWayAround: (from, to) => cycleOf.has(from) && cycleOf.get(from) === cycleOf.get(to),
  };
}

interface Marks {
  isShared(name: string): boolean;
  inCycle(name: string): boolean;
  /** Whether an import is one of those that make a cycle. */
  isWayAround(from: string, to: string): boolean;
}

/** What cannot be seen has a picture of its own, so that a line stays one and no name hides another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const INVISIBLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g;

/** A name on one line, and well-formed. */
export const shown = (name: string): string =>
  name.toWellFormed().replaceAll(INVISIBLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** In quotes only they are special; a label has escapes of its own, so that a backslash is doubled. */
const dotText = (name: string): string => `"${shown(name).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Mermaid has entities by number for everything that it, Markdown or HTML would read. */
const mermaidText = (name: string): string =>
  shown(name).replaceAll(/[^\p{L}\p{N}/.\- ]/gu, (character) => (character === '_' ? '_' : `#${character.codePointAt(0)};`));
