import assert from 'node:assert/strict';
import type { Documents } from '../../functions/core/ports.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('the event stream of a task that has just ended', () => {
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  it('ends once, though the end is told twice at the same moment', async () => {
    const { body } = await stack.dispatch({});
    const documents = stack.runtime('dispatch').documents as { watch: Documents['watch'] };
    const { watch } = documents;
    documents.watch = (collection, id, onChange, onError) =>
      watch(
        collection,
        id,
        (document) => {
          onChange(document);
          onChange(document);
        },
        onError,
      );
    const text = await (await fetch(`${stack.url}/task/${body.id}/events`)).text();
    assert.equal(text.match(/^event: end$/gm)?.length, 1);
    // The error of a late write comes a tick later, and not to any caller.
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await stack.get(`/task/${body.id}`)).status, 200);
  });
});
