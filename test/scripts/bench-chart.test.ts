import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Bar, barChart, peersChart } from '../../scripts/bench/chart.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const bar = (label: string, median: number, [minimum, maximum] = [median, median], ours = false): Bar => ({
  label,
  seen: { median, minimum, maximum },
  ours,
});
const drawn = (bars: readonly Bar[], title = 'Tasks per second'): string => barChart([{ title, digits: 0, bars }], 'a note');
const widths = (svg: string): number[] => [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));

describe('the chart of the bench', () => {
  it('draws bars as long as their medians', () => {
    const [first = 0, second = 0, third = 0] = widths(drawn([bar('a', 100), bar('b', 50), bar('c', 25)]));
    assert.ok(Math.abs(first / second - 2) < 0.01 && Math.abs(second / third - 2) < 0.01, `${first} ${second} ${third}`);
  });

  it('leaves room for the longest range, and draws each range from its minimum to its maximum', () => {
    const svg = drawn([bar('a', 100, [50, 200]), bar('b', 100)]);
    const ends = [...svg.matchAll(/<path d="M([\d.]+) \S+H([\d.]+)M/g)].map(([, from, to]) => [Number(from), Number(to)]);
    const [[from = 0, to = 0] = [], [still, here] = []] = ends;
    const [width = 0] = widths(svg);
    const left = Number(/<rect[^>]* x="([\d.]+)"/.exec(svg)?.[1]);
    assert.ok(Math.abs(to - left - 2 * width) < 0.2 && Math.abs(from - left - width / 2) < 0.2, `${left} ${from} ${to} ${width}`);
    assert.equal(still, here);
  });

  it('cuts off, visibly and with its figure, what would flatten all others', () => {
    const svg = drawn([bar('a', 1), bar('b', 2), bar('c', 1_000)]);
    const [a = 0, b = 0, c = 0] = widths(svg);
    assert.ok(a > 50 && c <= 380 && b < c, `${a} ${b} ${c}`);
    assert.equal(svg.match(/class="gap"/g)?.length, 1);
    assert.match(svg, />1,000 \(1,000–1,000\)</);
    assert.doesNotMatch(drawn([bar('a', 1), bar('b', 2), bar('c', 3)]), /class="gap"/);
  });

  it('marks ours', () => {
    const svg = drawn([bar('a', 1, [1, 1], true), bar('b', 1)]);
    assert.equal(svg.match(/<rect class="ours"/g)?.length, 1);
  });

  it('is one well-formed document, whatever the labels say, with colours for dark pages and nothing from elsewhere', () => {
    const svg = drawn([bar('<script>"&', 1)], 'a < b & c');
    assert.ok(!svg.includes('<script>') && svg.includes('&lt;script>&quot;&amp;'));
    assert.match(svg, /prefers-color-scheme: dark/);
    assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|@import|url\(|<image|<script/);
    const open = [...svg.matchAll(/<(\w+)(?: [^>]*[^/])?>/g)].map(([, name]) => name).sort();
    assert.deepEqual([...svg.matchAll(/<\/(\w+)>/g)].map(([, name]) => name).sort(), open);
  });

  it('draws nothing for a panel without bars', () => assert.deepEqual(widths(drawn([])), []));

  it('in the README is the one of the figures beside it', () => {
    const readme = readFileSync(resolve(ROOT, 'README.md'), 'utf8');
    assert.match(readme, /!\[[^\]]+\]\(docs\/bench\.svg\)/);
    assert.match(readme, /npm run bench -- --peers --seconds 5 --json docs\/bench\.json --svg docs\/bench\.svg/);
    assert.ok(existsSync(resolve(ROOT, 'docs/bench.json')));
    const results = JSON.parse(readFileSync(resolve(ROOT, 'docs/bench.json'), 'utf8')) as Parameters<typeof peersChart>[0];
    assert.equal(readFileSync(resolve(ROOT, 'docs/bench.svg'), 'utf8'), peersChart(results));
  });
});
