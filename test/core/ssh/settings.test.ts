import assert from 'node:assert/strict';
import ssh2 from 'ssh2';
import { readSettings } from '../../../functions/core/settings.ts';
import { allowedExec, allowedPeek } from '../../../functions/core/ssh/allowed.ts';

const keyOf = (type: 'ed25519' | 'ecdsa' | 'rsa', bits = 256): string =>
  ssh2.utils.generateKeyPairSync(type as 'ecdsa', { bits: bits as 256 }).public;
const HOST = {
  name: 'server',
  address: '10.0.0.1',
  user: 'admin',
  hostKey: keyOf('ed25519'),
  keySecret: 'admin',
  commands: ['uptime'],
};

describe('sshHosts', () => {
  const read = (part: object) => readSettings({}, { sshHosts: [{ ...HOST, ...part }] });

  it('take each usual kind of host key, with a comment or without', () => {
    for (const hostKey of [HOST.hostKey, `${HOST.hostKey} root@server`, keyOf('ecdsa'), keyOf('ecdsa', 384), keyOf('rsa', 2048)]) {
      assert.equal(read({ hostKey }).sshHosts[0]?.hostKey, hostKey);
    }
  });

  it('refuse what is no host key: a fingerprint, a whole line of known_hosts, another kind than the key is', () => {
    const [kind = '', encoded = ''] = HOST.hostKey.split(' ');
    for (const hostKey of [
      ...['', kind, encoded, `server ${HOST.hostKey}`, 'SHA256:sJzg2YfUjiJI/xkv1uKVB834glpcuaXKo8aL05LjMMI'],
      ...[
        `ssh-rsa ${encoded}`,
        `ssh-dss ${encoded}`,
        `${kind} ${encoded.slice(4)}`,
        `${kind} ${'A'.repeat(68)}`,
        `${kind} ${encoded}\nx`,
      ],
    ]) {
      assert.throws(() => read({ hostKey }), { code: 'invalid_settings', message: /hostKey/ }, hostKey);
    }
  });

  it('have the commands of their list, and all that only reads', () => {
    const settings = read({});
    const asked = { host: 'server', command: 'uptime -p' };
    assert.deepEqual(allowedExec(settings, asked).words, ['uptime', '-p']);
    assert.deepEqual(allowedPeek(settings, { host: 'server', command: 'df -h' }).words, ['df', '-h']);
    for (const command of ['df -h', '/usr/bin/uptime', 'uptime; id', 'uptimes']) {
      assert.throws(() => allowedExec(settings, { host: 'server', command }), { status: 403, code: 'command_refused' });
    }
    for (const host of ['Server', 'server.', '10.0.0.1', '', '__proto__']) {
      for (const allowed of [allowedExec, allowedPeek]) {
        assert.throws(() => allowed(settings, { host, command: 'uptime' }), { status: 403, code: 'host_not_allowed' });
      }
    }
  });
});
