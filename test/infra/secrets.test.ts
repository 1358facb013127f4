import assert from 'node:assert/strict';
import { signingFrom } from '../../functions/core/signing.ts';
import { topology } from '../../functions/topology.ts';
import { at, type Block, synthesized } from './synthesized.ts';

describe("the stack: the secrets' first versions", () => {
  const stack = synthesized();
  const versions = stack.all('google_secret_manager_secret_version');
  const drawn = at<Readonly<Record<string, Block>>>(stack.json, 'ephemeral', 'random_password');

  it('are one per secret, of a value that is drawn for it alone', () => {
    assert.deepEqual(Object.keys(drawn).sort(), [...topology.secrets].sort());
    const of = (name: string) => versions[`first_version_${name}`] as Block;
    assert.equal(Object.keys(versions).length, topology.secrets.length);
    for (const name of topology.secrets) {
      assert.equal(of(name).secret_data_wo, `\${ephemeral.random_password.${name}.result}`);
      assert.equal(of(name).secret, `\${google_secret_manager_secret.secret_${name}.id}`);
    }
  });

  it('lie in the region of the functions, and nowhere else', () => {
    const moved = synthesized({ region: 'us-east4' });
    for (const block of Object.values(moved.all('google_secret_manager_secret')))
      assert.deepEqual(block.replication, { user_managed: { replicas: [{ location: 'us-east4' }] } });
  });

  it('have at least 32 bytes of chance, in characters that need no care', () => {
    for (const { length, special } of Object.values(drawn)) {
      assert.equal(special, false);
      assert.ok((length as number) * Math.log2(62) >= 256, String(length));
      assert.ok(signingFrom('x'.repeat(length as number)));
    }
  });

  it('stand in no state: nothing but the write-only argument has the value', () => {
    const text = JSON.stringify(stack.json);
    assert.equal(text.match(/ephemeral\.random_password/g)?.length, topology.secrets.length);
    for (const block of Object.values(versions)) assert.equal('secret_data' in block, false);
    assert.match(String(at(stack.json, 'terraform', 'required_version')), />= 1\.11/);
    assert.deepEqual(at(stack.json, 'terraform', 'required_providers', 'random'), { source: 'hashicorp/random', version: '3.7.2' });
  });

  it('are never drawn anew, nor destroyed with the stack, nor made beside what an earlier stack left', () => {
    assert.deepEqual(at(stack.json, 'variable', 'kept_secrets', 'default'), []);
    for (const name of topology.secrets) {
      const block = versions[`first_version_${name}`] as Block;
      assert.equal(block.secret_data_wo_version, 1);
      assert.equal(block.deletion_policy, 'ABANDON');
      assert.equal(block.count, `\${contains(var.kept_secrets, "${name}") ? 0 : 1}`);
    }
  });

  it('are there before the functions that read them', () => {
    for (const [name, block] of Object.entries(stack.all('google_cloudfunctions2_function'))) {
      for (const version of Object.keys(versions))
        assert.ok((block.depends_on as string[]).includes(`google_secret_manager_secret_version.${version}`), name);
    }
  });
});
