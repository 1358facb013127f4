import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mutated } from './mutate.ts';
import { mutations } from './mutations.ts';

describe('the mutations of the simulation', () => {
  for (const mutation of mutations) {
    it(`change the code: ${mutation.name}`, () => {
      const source = readFileSync(new URL(`../../functions/${mutation.file}`, import.meta.url), 'utf8');
      assert.notEqual(mutated(mutation, source), source);
    });
  }
});
