import assert from 'node:assert/strict';
import type { Kind } from '../../scripts/demo/batch.ts';
import type { Answer, TaskView } from '../../scripts/demo/client.ts';
import { judge } from '../../scripts/demo/outcomes.ts';
import { progressOn } from '../../scripts/demo/progress.ts';
import { report, verdict } from '../../scripts/demo/report.ts';

const PRICE = 50_000;

const task = (change: Partial<TaskView> = {}): TaskView => ({
  id: 't1',
  status: 'succeeded',
  attempts: 1,
  costCents: 5,
  payload: { n: 1 },
  result: { echo: { n: 1 } },
  createdAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:00.040Z',
  timeline: [{ event: 'queued' }, { event: 'running' }, { event: 'succeeded' }],
  ...change,
});
const answer = (change: Partial<Answer> = {}): Answer => ({ status: 202, replayed: false, body: { id: 't1' }, ...change });
const echo: Kind = {
  name: 'echo',
  packets: [{}],
  want: { status: 'succeeded', attempts: 1, result: (payload) => ({ echo: payload }) },
};
const dear: Kind = { name: 'dear', packets: [{}], want: { status: 'failed', code: 'budget_exceeded', attempts: 0 } };
const keyed: Kind = { ...echo, packets: [{}, {}], want: { ...echo.want, replays: 1 } as Kind['want'] };
const told: Kind = { ...echo, want: { ...echo.want, callback: true } as Kind['want'] };
const reused: Kind = { name: 'reused', packets: [{}], want: { refused: 422, code: 'idempotency_key_reused' } };

describe('judging the demo', () => {
  const rows: [string, Kind, Answer[], TaskView[], number, RegExp | undefined][] = [
    ['what is expected', echo, [answer()], [task()], 0, undefined],
    [
      'another status',
      echo,
      [answer()],
      [task({ status: 'queued' })],
      0,
      /^echo: task t1: status is "queued", expected "succeeded"$/,
    ],
    ['another result', echo, [answer()], [task({ result: { echo: {} } })], 0, /task t1: result is \{"echo":\{\}\}, expected/],
    ['another cost', echo, [answer()], [task({ costCents: 10 })], 0, /task t1: cost in cents is 10, expected 5/],
    ['more attempts', echo, [answer()], [task({ attempts: 2 })], 0, /task t1: attempts is 2, expected 1/],
    [
      'a second run that was not counted',
      echo,
      [answer()],
      [task({ timeline: [{ event: 'running' }, { event: 'running' }] })],
      0,
      /task t1: runs in the timeline is 2, expected 1/,
    ],
    ['a wrong expectation', dear, [answer()], [task()], 0, /^dear: task t1: status is "succeeded", expected "failed"$/],
    [
      'another error code',
      dear,
      [answer()],
      [task({ status: 'failed', error: { code: 'x', message: '' }, attempts: 0, costCents: 0, timeline: [] })],
      0,
      /task t1: error code is "x", expected "budget_exceeded"/,
    ],
    ['a lost task', echo, [answer()], [], 0, /^echo: 0 tasks, expected 1$/],
    [
      'a refused request',
      echo,
      [answer({ status: 422, body: { code: 'invalid_fields', detail: 'no' } })],
      [],
      0,
      /refused with 422 invalid_fields: no/,
    ],
    ['a replay', keyed, [answer(), answer({ replayed: true })], [task()], 0, undefined],
    ['no replay', keyed, [answer(), answer()], [task()], 0, /0 replays, expected 1/],
    [
      'two tasks under one key',
      keyed,
      [answer(), answer({ replayed: true })],
      [task(), task({ id: 't2' })],
      0,
      /2 tasks, expected 1/,
    ],
    ['a callback', told, [answer()], [task()], 1, undefined],
    ['no verified callback', told, [answer()], [task()], 0, /0 verified callbacks, expected 1/],
    ['a refusal', reused, [answer({ status: 422, body: { code: 'idempotency_key_reused' } })], [], 0, undefined],
    ['an acceptance instead', reused, [answer()], [], 0, /^reused: answered 202, expected 422 idempotency_key_reused$/],
  ];
  for (const [name, kind, answers, tasks, callbacks, fault] of rows) {
    it(`${fault ? 'finds' : 'accepts'} ${name}`, () => {
      const { faults, expected, seen } = judge(kind, { answers, tasks, callbacks }, PRICE);
      if (fault === undefined) assert.deepEqual([faults, seen], [[], expected]);
      else
        assert.ok(
          faults.some((line) => fault.test(line)),
          faults.join('\n'),
        );
    });
  }

  const totals = { priceMicros: PRICE, priceFrom: 'its setting', seconds: 1, plain: { tasks: 1, seconds: 1 }, listed: 1 };

  it('reports a good batch without faults', () => {
    const { faults, lines } = report([judge(echo, { answers: [answer()], tasks: [task()], callbacks: 0 }, PRICE)], totals);
    assert.deepEqual(faults, []);
    assert.ok(
      lines.some((line) => /^echo +1 +succeeded +succeeded +1 +5 +40 ms +ok$/.test(line)),
      lines.join('\n'),
    );
    assert.deepEqual(verdict(faults), ['Every outcome is the expected one.']);
  });

  it('reports costs that do not add up, and tasks that nobody asked for', () => {
    const outcome = judge(echo, { answers: [answer()], tasks: [task({ costCents: 7 })], callbacks: 0 }, PRICE);
    const { faults } = report([outcome], { ...totals, listed: 2 });
    assert.equal(faults.length, 3);
    assert.ok(verdict(faults).includes('3 not as expected:'));
    assert.match(
      faults.join('\n'),
      /add up to 7 cents; 1 runs at 5 cents make 5\.\nThe server lists 2 tasks of this batch; 1 were/,
    );
  });
});

describe("the demo's progress", () => {
  const written = (isTTY: boolean, lines: [number, string][]) => {
    let text = '';
    let at = 0;
    const write = (part: unknown): boolean => {
      text += String(part);
      return true;
    };
    const progress = progressOn({ write, isTTY, columns: 40 }, () => at);
    for (const [ms, line] of lines) {
      at = ms;
      progress.show(line);
    }
    progress.end();
    return text;
  };

  it('rewrites one line on a terminal, no longer than it is wide', () => {
    assert.equal(
      written(true, [
        [0, 'one'],
        [1, 'one'],
        [2, 'x'.repeat(60)],
      ]),
      `\r\x1b[2Kone\r\x1b[2K${'x'.repeat(39)}\n`,
    );
  });

  it('writes plain lines elsewhere, at most one a second, and always the last', () => {
    assert.equal(
      written(false, [
        [0, 'one'],
        [500, 'two'],
        [1_000, 'three'],
        [1_200, 'four'],
      ]),
      'one\nthree\nfour\n',
    );
  });
});
