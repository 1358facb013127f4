import assert from 'node:assert/strict';
import { startEmulators } from '../../emulator-bridge/emulators.ts';
import { DOCKER_IMAGE, type EmulatorFacts, type EmulatorSources, findEmulators } from '../../emulator-bridge/find-emulators.ts';
import { quiet, receiver } from './kit.ts';

const PUBSUB_JAR = '/platform/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar';
const FIRESTORE_JAR = '/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar';
const BOTH = { PUBSUB_EMULATOR_HOST: 'localhost:8085', FIRESTORE_EMULATOR_HOST: 'localhost:8086' };

/** A made-up machine: its files, and the commands that work there with their output. */
function machine(files: string[], commands: Record<string, string>, environment: Record<string, string> = {}) {
  const asked: string[] = [];
  const facts: EmulatorFacts = {
    environment: { HOME: '/home/me', ...environment },
    exists: (path) => files.some((file) => file === path || file.startsWith(`${path}/`)),
    list: (folder) => files.filter((file) => file.startsWith(`${folder}/`)).map((file) => file.slice(folder.length + 1)),
    run: async (command) => {
      asked.push(command[0] as string);
      return commands[command[0] as string];
    },
  };
  return { facts, asked };
}

const sdk = (root: string) => [root + PUBSUB_JAR, root + FIRESTORE_JAR];
const jar = ({ pubsub, firestore }: EmulatorSources) =>
  [pubsub, firestore].map((source) =>
    source.kind === 'java' ? source.command.find((part) => part.endsWith('.jar')) : source.kind,
  );

describe('finding emulators', () => {
  const rows: [string, ReturnType<typeof machine>, (string | undefined)[], string[]][] = [
    [
      'both set before anything else',
      machine(sdk('/usr/lib/google-cloud-sdk'), { java: '', docker: '1' }, BOTH),
      ['running', 'running'],
      [],
    ],
    [
      'one set, the other from the SDK',
      machine(sdk('/usr/lib/google-cloud-sdk'), { java: '' }, { PUBSUB_EMULATOR_HOST: 'h:1' }),
      ['running', `/usr/lib/google-cloud-sdk${FIRESTORE_JAR}`],
      ['java'],
    ],
    [
      'the SDK in a usual place, without asking gcloud',
      machine(sdk('/home/me/google-cloud-sdk'), { java: '', gcloud: '/elsewhere', docker: '1' }),
      sdk('/home/me/google-cloud-sdk'),
      ['java'],
    ],
    [
      'the SDK where gcloud says',
      machine(sdk('/elsewhere'), { java: '', gcloud: '/elsewhere\n' }),
      sdk('/elsewhere'),
      ['gcloud', 'java'],
    ],
    [
      'the SDK that has them, not one that does not',
      machine(['/usr/lib/google-cloud-sdk/bin/gcloud', ...sdk('/elsewhere')], { java: '', gcloud: '/elsewhere\n' }),
      sdk('/elsewhere'),
      ['gcloud', 'java'],
    ],
    ['Docker without an SDK', machine([], { docker: '27.0' }), ['docker', 'docker'], ['gcloud', 'docker']],
    [
      'Docker without Java',
      machine(sdk('/elsewhere'), { gcloud: '/elsewhere', docker: '27.0' }),
      ['docker', 'docker'],
      ['gcloud', 'java', 'docker'],
    ],
    [
      'Docker for what the SDK lacks',
      machine([`/elsewhere${PUBSUB_JAR}`], { gcloud: '/elsewhere', java: '', docker: '27.0' }),
      [`/elsewhere${PUBSUB_JAR}`, 'docker'],
      ['gcloud', 'java', 'docker'],
    ],
  ];
  for (const [name, { facts, asked }, expected, commands] of rows) {
    it(`takes ${name}`, async () => {
      assert.deepEqual(jar(await findEmulators(facts)), expected);
      assert.deepEqual(asked, commands);
    });
  }

  it('names the official image', async () => {
    const { pubsub } = await findEmulators(machine([], { docker: '27.0' }).facts);
    assert.deepEqual(pubsub, { kind: 'docker', image: DOCKER_IMAGE });
  });

  const messages: [string, EmulatorFacts, RegExp][] = [
    [
      'an SDK',
      machine([], {}).facts,
      /curl .*sdk\.cloud\.google\.com.*components install pubsub-emulator cloud-firestore-emulator/,
    ],
    [
      'the components',
      machine(['/opt/google-cloud-sdk/bin/gcloud'], { java: '' }).facts,
      /gcloud components install pubsub-emulator cloud-firestore-emulator --quiet$/,
    ],
    [
      'one Debian package',
      machine([`/usr/lib/google-cloud-sdk${PUBSUB_JAR}`], { java: '' }).facts,
      /Not found: cloud-firestore-emulator\.[\s\S]*apt-get install -y google-cloud-cli-firestore-emulator$/,
    ],
    ['Java', machine(sdk('/opt/google-cloud-sdk'), {}).facts, /apt-get install -y default-jre-headless$/],
  ];
  for (const [name, facts, expected] of messages) {
    it(`says how to install ${name}`, async () => {
      await assert.rejects(findEmulators(facts), { code: 'emulators_missing', message: expected });
    });
  }
});

describe('starting emulators', () => {
  /** Stands in for an emulator: answers on the port it is told, like both do. */
  const program = `
    const port = process.argv.find((arg) => arg.startsWith('--port=')).slice(7);
    require('http').createServer((q, s) => s.end('Ok')).listen(Number(port), '127.0.0.1');`;
  const pretend = (code: string): EmulatorSources[keyof EmulatorSources] => ({
    kind: 'java',
    command: [process.execPath, '-e', code, '--'],
  });

  it('waits until they answer, and ends them', async () => {
    const emulators = await startEmulators({ log: quiet, sources: { pubsub: pretend(program), firestore: pretend(program) } });
    assert.notEqual(emulators.pubsubHost, emulators.firestoreHost);
    assert.equal(await (await fetch(`http://${emulators.pubsubHost}/`)).text(), 'Ok');
    await emulators.stop();
    await assert.rejects(fetch(`http://${emulators.pubsubHost}/`));
    await assert.rejects(fetch(`http://${emulators.firestoreHost}/`));
  });

  it("uses somebody else's as they are, and leaves them running", async () => {
    const other = await receiver((_request, response) => response.end('Ok'));
    const running = { kind: 'running', host: new URL(other.url).host } as const;
    const emulators = await startEmulators({ log: quiet, sources: { pubsub: running, firestore: running } });
    assert.equal(emulators.pubsubHost, running.host);
    await emulators.stop();
    assert.equal((await fetch(other.url)).status, 200);
    await other.close();
  });

  for (const host of ['127.0.0.1:1', 'no host'])
    it(`says that nobody answers at ${host}`, async () => {
      const nobody = { kind: 'running', host } as const;
      await assert.rejects(
        startEmulators({ log: quiet, sources: { pubsub: pretend(program), firestore: nobody }, readyWithinMs: 2000 }),
        {
          code: 'emulator_failed',
          message: new RegExp(`FIRESTORE_EMULATOR_HOST=${host}\\.`),
        },
      );
    });

  it('shows what one that does not start has said, and ends the other', async () => {
    const bad = pretend("console.error('no room for me'); process.exit(3)");
    await assert.rejects(startEmulators({ log: quiet, sources: { pubsub: pretend(program), firestore: bad } }), {
      code: 'emulator_failed',
      message: /firestore[\s\S]*no room for me/,
    });
  });
});
