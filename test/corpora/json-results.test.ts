import assert from 'node:assert/strict';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { EmbeddedTestStack } from '../support/stack-embedded.ts';
import { push } from '../support/stack-push.ts';
import { deepText, goodTexts } from './json-texts.ts';
import { type QuietStack, quietStack } from './quiet-stack.ts';

const around = (before: string, bytes: Buffer, after: string) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);

describe('JSON at its edges, as a result', function () {
  this.timeout(60_000);
  let quiet: QuietStack;
  let stack: EmbeddedTestStack;
  let ask: QuietStack['ask'];
  let remote: Listener;

  before(async () => {
    remote = await httpListener();
    quiet = await quietStack({ agents: [{ name: 'remote', endpoint: remote.url, priceCents: 3 }] });
    ({ stack, ask } = quiet);
  });
  after(async () => {
    await quiet.close();
    await remote.close();
  });

  /** A claimed task, and its proof as the beginning of an object's text. */
  async function claimed() {
    const { id, proof } = await quiet.claimed();
    return { id, proof: JSON.stringify(proof).slice(1, -1) };
  }

  it('gives every result back as it was reported', async () => {
    for (const { name, bytes, value } of goodTexts) {
      const { id, proof } = await claimed();
      const outcome = around(`{${proof},"outcome":{"status":"succeeded","result":`, bytes, '}}');
      const { status } = await ask('POST', `/task-update/${id}`, outcome);
      assert.equal(status, 200, name);
      assert.deepEqual((await stack.get(`/task/${id}`)).body.result, value, name);
    }
  });

  for (const [what, text] of [
    ['nests 201 levels deep', deepText(201)],
    ['nests 5,000 levels deep', deepText(5_000)],
    ['nests 400,000 levels deep', deepText(400_000)],
    ['has a number that no double holds', '[{"a":-1e999}]'],
  ] as const) {
    it(`refuses a result that ${what}, and the attempt may report another`, async () => {
      const { id, proof } = await claimed();
      const outcome = `"outcome":{"status":"succeeded","result":${text}}`;
      const reports = [
        [`/task-update/${id}`, `{${proof},${outcome}}`],
        ['/callbacks/ingest', `{"job_id":"${id}",${proof},${outcome}}`],
      ] as const;
      for (const [path, report] of reports) {
        const { status, body } = await ask('POST', path, Buffer.from(report));
        assert.deepEqual(
          [status, body.code, body.errors?.[0]?.field],
          [422, 'invalid_fields', 'outcome.result'],
          JSON.stringify(body),
        );
      }
      const message = `{"taskId":"${id}",${proof},${outcome}}`;
      assert.equal(await push(stack, 'results', '/pubsub/results', { data: message, messageId: `deep-${id}` }), 204);
      const kept = (await stack.quarantined()).find(({ data }) => data.messageId === `deep-${id}`);
      assert.equal(kept?.data.code, 'invalid_result');
      assert.equal((await stack.stored(id)).task.status, 'running');
      assert.equal(
        (await ask('POST', `/task-update/${id}`, Buffer.from(`{${proof},"outcome":{"status":"succeeded","result":1}}`))).status,
        200,
      );
      assert.equal((await stack.ended(id)).result, 1);
    });
  }

  for (const [what, text, code] of [
    ['nests 1,500 levels deep', deepText(1_500), 'invalid_reply'],
    ['nests 400,000 levels deep', deepText(400_000), 'invalid_reply'],
    ['has a number that no double holds', '{"status":"succeeded","result":[1e999]}', 'invalid_reply'],
    ['is no JSON', '{"status":', 'invalid_reply'],
    ['nests as deep as a result may', `{"status":"succeeded","result":${deepText(190)}}`, undefined],
  ] as const) {
    it(`an agent of the operator whose answer ${what} ${code === undefined ? 'succeeds' : 'fails its task, once'}`, async () => {
      remote.received.length = 0;
      remote.answer = () => ({ status: 200, body: text });
      for (const mode of ['http', 'pubsub']) {
        const view = await stack.ended((await stack.dispatch({ agent: 'remote', mode })).body.id);
        assert.deepEqual([view.status, view.error?.code], [code === undefined ? 'succeeded' : 'failed', code]);
      }
      assert.equal(remote.received.length, 2);
    });
  }
});
