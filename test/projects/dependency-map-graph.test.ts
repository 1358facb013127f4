import assert from 'node:assert/strict';
import fc from 'fast-check';
import { drawSvg } from '../../functions/projects/dependency-map/draw-svg.ts';
import { drawDot, drawMermaid } from '../../functions/projects/dependency-map/draw-text.ts';
import { components, cycles, type Graph, importers } from '../../functions/projects/dependency-map/graph.ts';
import { layout } from '../../functions/projects/dependency-map/layout.ts';

const graphOf = (rows: Readonly<Record<string, readonly string[]>>): Graph => new Map(Object.entries(rows));

/** Up to twelve modules that import each other at random. */
const anyGraph = fc.array(fc.uniqueArray(fc.nat(11), { maxLength: 5 }), { minLength: 1, maxLength: 12 }).map((rows): Graph => {
  const names = rows.map((_, index) => `m${index}`);
  const targets = (row: readonly number[], own: number) => row.filter((to) => to < rows.length && to !== own).map((to) => `m${to}`);
  return new Map(rows.map((row, index) => [names[index] as string, targets(row, index)]));
});

/** By looking everywhere. */
function reaches(graph: Graph, from: string, to: string): boolean {
  const seen = new Set<string>();
  const waiting = [...(graph.get(from) ?? [])];
  for (const name of waiting) {
    if (name === to) return true;
    if (!seen.has(name)) waiting.push(...(graph.get(name) ?? []));
    seen.add(name);
  }
  return false;
}

describe('the graph of a map', () => {
  it('has as its cycles what reaches each other, and a shortest way around in each', () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const names = [...graph.keys()];
        const together = names.filter((name) => reaches(graph, name, name));
        const found = cycles(graph);
        assert.deepEqual(found.flatMap(({ modules }) => modules).sort(), together.sort());
        for (const { modules, path } of found) {
          for (const other of names) {
            const mutual = reaches(graph, modules[0] as string, other) && reaches(graph, other, modules[0] as string);
            assert.equal(modules.includes(other), mutual);
          }
          for (const [index, name] of path.entries())
            assert.ok(graph.get(name)?.includes(path[(index + 1) % path.length] as string));
          assert.equal(new Set(path).size, path.length);
        }
      }),
    );
  });

  it('has its components after those that they import', () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const all = components(graph);
        const place = new Map(all.flatMap((component, index) => component.map((name) => [name, index] as const)));
        assert.deepEqual([...place.keys()].sort(), [...graph.keys()].sort());
        for (const [name, imports] of graph)
          for (const target of imports) assert.ok((place.get(target) as number) <= (place.get(name) as number));
      }),
    );
  });

  it('counts who imports', () => {
    assert.deepEqual(importers(graphOf({ a: ['b', 'c'], b: ['c'], c: [] })), new Map(Object.entries({ a: 0, b: 1, c: 2 })));
  });

  it('of a chain of 100,000 modules that closes is one cycle', () => {
    const count = 100_000;
    const chain: Graph = new Map(Array.from({ length: count }, (_, n) => [`m${n}`, [`m${(n + 1) % count}`]]));
    const [one, ...more] = cycles(chain);
    assert.deepEqual([one?.modules.length, one?.path.length, more.length], [count, count, 0]);
  });
});

describe('the layout of a map', () => {
  it('has each module once, and each import leads to the right, but within cycles', () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const { columns, isolated } = layout(graph);
        assert.deepEqual([...columns.flat(), ...isolated].sort(), [...graph.keys()].sort());
        const column = new Map(columns.flatMap((names, index) => names.map((name) => [name, index] as const)));
        for (const [name, imports] of graph) {
          for (const target of imports) {
            const [from, to] = [column.get(name) as number, column.get(target) as number];
            assert.ok(reaches(graph, target, name) ? from === to : from < to, `${name} ${from} ${target} ${to}`);
          }
        }
      }),
    );
  });

  it('crosses nothing that need not cross', () => {
    const { columns } = layout(graphOf({ a: ['z'], b: ['y'], c: ['x'], x: [], y: [], z: [] }));
    assert.deepEqual(columns, [
      ['a', 'b', 'c'],
      ['z', 'y', 'x'],
    ]);
  });
});

describe('a drawing', () => {
  const graph = graphOf({ app: ['core', 'x'], core: [], job: ['core'], lone: [], x: ['y'], y: ['x'] });

  it('in Graphviz’s language has each module and import, cycles in red', () => {
    assert.equal(
      drawDot(graph),
      `digraph dependencies {
  rankdir=LR;
  node [shape=box, fontname="sans-serif"];
  "app";
  "core" [penwidth=2];
  "job";
  "lone";
  "x" [penwidth=2, color=red];
  "y" [color=red];
  "app" -> "core";
  "app" -> "x";
  "job" -> "core";
  "x" -> "y" [color=red];
  "y" -> "x" [color=red];
}
`,
    );
  });

  it('for Mermaid has them too', () => {
    assert.equal(
      drawMermaid(graphOf({ 'a.b_c': ['d'], d: [] })),
      `flowchart LR
  classDef shared stroke-width:2px
  classDef cycle stroke:#c00
  m0["a.b_c"]
  m1["d"]
  m0 --> m1
`,
    );
  });

  it('as a picture has a box for each module, an arrow for each import, and all within its edges', () => {
    fc.assert(
      fc.property(anyGraph, (any) => {
        const svg = drawSvg(any);
        const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.map(Number) ?? [];
        const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)].map((row) =>
          row.map(Number),
        );
        assert.equal(boxes.length, any.size);
        const places = new Set(boxes.map(([, x, y]) => `${x} ${y}`));
        assert.equal(places.size, any.size, 'two boxes are at one place');
        for (const [, x = 0, y = 0, wide = 0, high = 0] of boxes) assert.ok(x + wide < (width ?? 0) && y + high < (height ?? 0));
        const imports = [...any.values()].flat().length;
        assert.equal([...svg.matchAll(/<path (class="cycle" )?d="M[^"]*C/g)].length, imports);
      }),
    );
  });

  it('of a map that nobody could read is refused, with what to do instead', () => {
    const large: Graph = new Map(Array.from({ length: 3_001 }, (_, n) => [`m${n}`, []]));
    assert.throws(() => drawSvg(large), { status: 422, code: 'map_too_large_to_draw' });
    assert.ok(drawDot(large).includes('"m3000"'));
  });

  const names = [
    '<script>alert(1)</script>',
    '"]; click m0 "javascript:x"',
    'a\nb',
    '\\"x',
    "it's & co",
    '\u202egnp',
    '--> m1',
    'ü中😀',
    '\ud800',
    '__proto__',
    'end',
    '#35;',
    ']]>',
  ];
  for (const name of names) {
    it(`of a module called ${JSON.stringify(name)} shows it as text, on one line`, () => {
      const one: Graph = new Map([
        [name, ['other']],
        ['other', []],
      ]);
      const [svg, dot, mermaid] = [drawSvg(one), drawDot(one), drawMermaid(one)];
      assert.doesNotMatch(svg, /<script|javascript:[^"<]*"\s*>|\u202e/);
      const known = /^(svg|title|defs|marker|path|style|rect|g|text)$/;
      for (const [, tag] of svg.matchAll(/<\/?([^\s>/]+)/g)) assert.match(tag as string, known);
      for (const [, entity] of svg.matchAll(/&([^;]*;?)/g)) assert.match(entity as string, /^(amp|lt|gt|quot|#39);$/);
      assert.equal(dot.split('\n').length, 8);
      const quoted = /^ {2}"(?:[^"\\\n]|\\.)*"(?: -> "(?:[^"\\\n]|\\.)*")?(?: \[[a-z=0-9, ]+\])?;$/;
      for (const line of dot.split('\n').slice(3, 6)) assert.match(line, quoted);
      assert.equal(mermaid.split('\n').length, 7);
      assert.match(mermaid.split('\n')[3] as string, /^ {2}m0\["(?:[\p{L}\p{N}/.\- _]|#\d+;)*"\]$/u);
      for (const text of [svg, dot, mermaid]) assert.ok(text.isWellFormed());
    });
  }
});
