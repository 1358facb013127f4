import assert from 'node:assert/strict';
import { implicitKey } from '../../../functions/dispatch/orchestrate/job-keys.ts';

describe('the key of a job that has none', () => {
  // Made by Python: hashlib.sha256(json.dumps({"inputs": …, "intent": …}, sort_keys=True).encode()).hexdigest()
  it('is the SHA-256 of its inputs and intent, as Python writes them', () => {
    const inputs = { text: 'The Eiffel Tower is in Paris', tags: ['geography', 'landmarks'] };
    assert.equal(implicitKey('memory.write', inputs), 'e97d8b1d16cfb4fbf2afd6151dd398a53a625c2840fa82c960d667918cee69ef');
  });

  it('sorts what is nested, and escapes what is not printable ASCII', () => {
    const inputs = { b: [1, 2.5, null, true], a: { é: '\u007f😀 "q" \\ \n' } };
    assert.equal(implicitKey('x.y', inputs), 'd2c1879c12c1f51c0811a7ff19306653cfe71a04610465310440645702588879');
  });
});
