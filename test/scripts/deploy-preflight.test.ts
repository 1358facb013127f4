import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { readDeployment } from '../../scripts/deploy/environment.ts';
import { openGoogle } from '../../scripts/deploy/google.ts';
import { checkProject } from '../../scripts/deploy/preflight.ts';
import { ensureStateBucket } from '../../scripts/deploy/state-bucket.ts';
import { environmentOf } from '../infra/synthesized.ts';
import { temporaryFolder } from '../support/folder.ts';
import {
  bucketAnswer,
  type GoogleServer,
  googleServer,
  NUMBER,
  PROJECT,
  refusal,
  STATE_BUCKET,
  serviceDisabled,
} from '../support/google-server.ts';
import type { Answer } from '../support/http-listener.ts';

const EXAMPLE = 'infra/settings.example.yaml';

describe('what has to be there before a deployment', () => {
  const folder = temporaryFolder();
  const file = join(folder.path, 'settings.yaml');
  let google: GoogleServer;
  beforeEach(async () => {
    google = await googleServer();
    writeFileSync(file, stringify({ environments: { dev: environmentOf() } }));
  });
  afterEach(() => google.close());
  after(() => folder.remove());

  const deployment = () => readDeployment({ env: 'dev', settings: file });
  const never = async (): Promise<boolean> => assert.fail('asked');
  const checked = async (more: Readonly<Record<string, string>> = {}) => {
    const client = await openGoogle({ ...google.environment, ...more }, PROJECT);
    return [...(await checkProject(client, deployment())), ...(await ensureStateBucket(client, deployment(), never))];
  };

  describe('settings', () => {
    const rows: [what: string, options: { env: string; settings?: string }, message: RegExp][] = [
      [
        'the example',
        { env: 'dev', settings: EXAMPLE },
        /The example cannot be deployed.*cp infra\/settings\.example\.yaml infra\/settings\.yaml/s,
      ],
      ['none', { env: 'dev', settings: join(folder.path, 'none.yaml') }, /no settings at .*none\.yaml.*cp infra\/settings/s],
      ['an environment that is not there', { env: 'prod', settings: file }, /environments\.prod: is missing/],
    ];
    for (const [what, options, message] of rows) {
      it(`refuses ${what}`, () => assert.throws(() => readDeployment(options), { code: 'invalid_settings', message }));
    }

    it('refuses a copy of the example that was not filled in', () => {
      writeFileSync(file, readFileSync(EXAMPLE));
      assert.throws(deployment, { code: 'invalid_settings', message: /environments\.dev\.project: is still the example's/ });
    });

    it('names each field of the example that was left', () => {
      const example = parse(readFileSync(EXAMPLE, 'utf8')).environments.prod;
      writeFileSync(file, stringify({ environments: { prod: { ...example, project: PROJECT } } }));
      const left = ['stateBucket', 'alertEmails.0', 'monthlyBudget.billingAccount', 'balancer.domain'];
      assert.throws(() => readDeployment({ env: 'prod', settings: file }), {
        message: new RegExp(`${left.map((field) => `environments\\.prod\\.${field}: is still the example's`).join('\\s+')}$`),
      });
    });

    it('names the field that is wrong', () => {
      writeFileSync(file, stringify({ environments: { dev: environmentOf({ region: 'mars-1' }) } }));
      assert.throws(deployment, { code: 'invalid_settings', message: /environments\.dev\.region: 'mars-1' is no region/ });
    });
  });

  it('is content with a project that is ready, and asks on its account with the login', async () => {
    assert.deepEqual(await checked(), []);
    for (const { headers, path } of google.listener.received) {
      assert.equal(headers.authorization, 'Bearer a-token', path);
      assert.equal(headers['x-goog-user-project'], PROJECT, path);
    }
  });

  const BILLING = `GET /v1/projects/${PROJECT}/billingInfo`;
  const PROJECT_PATH = `GET /v3/projects/${PROJECT}`;
  const SERVICES = `GET /v1/projects/${NUMBER}/services:batchGet`;
  const BUCKET = `GET /storage/v1/b/${STATE_BUCKET}`;
  const project = (more: object): Answer => ({ status: 200, body: { name: `projects/${NUMBER}`, state: 'ACTIVE', ...more } });
  const faults: [what: string, request: string, answer: Answer, message: RegExp][] = [
    [
      'a project that does not exist, or is not ours',
      PROJECT_PATH,
      refusal(403, 'The caller does not have permission'),
      /acme-agents does not exist, or this login may not use it.*gcloud projects create acme-agents\n.*gcloud auth application-default login/s,
    ],
    [
      'a token that has expired',
      PROJECT_PATH,
      refusal(401, 'Request had invalid authentication credentials.'),
      /does not take this login \(Request had invalid.*\n {2}gcloud auth application-default login$/s,
    ],
    ['a project that goes', PROJECT_PATH, project({ state: 'DELETE_REQUESTED' }), /gcloud projects undelete acme-agents/],
    [
      'another number than the settings have',
      PROJECT_PATH,
      project({ name: 'projects/999999999999' }),
      /environments\.dev\.projectNumber is 123456789012, but acme-agents has the number 999999999999: set "999999999999"/,
    ],
    [
      'the first API off',
      PROJECT_PATH,
      serviceDisabled('cloudresourcemanager.googleapis.com'),
      /gcloud services enable cloudresourcemanager\.googleapis\.com serviceusage\.googleapis\.com storage\.googleapis\.com --project acme-agents/,
    ],
    ['the API of APIs off', SERVICES, serviceDisabled('serviceusage.googleapis.com'), /gcloud services enable .*serviceusage/],
    [
      'one API off',
      SERVICES,
      {
        status: 200,
        body: {
          services: ['cloudresourcemanager', 'serviceusage', 'storage'].map((name) => ({
            name: `projects/${NUMBER}/services/${name}.googleapis.com`,
            state: name === 'storage' ? 'DISABLED' : 'ENABLED',
          })),
        },
      },
      /\n {2}gcloud services enable storage\.googleapis\.com --project acme-agents$/,
    ],
    ['no right to see the APIs', SERVICES, refusal(403, 'Permission denied'), /roles\/serviceusage\.serviceUsageAdmin/],
    [
      'billing off',
      BILLING,
      { status: 200, body: { billingEnabled: false } },
      /no billing account.*gcloud billing projects link acme-agents --billing-account=/s,
    ],
    [
      "a bucket of somebody else's for the state",
      BUCKET,
      refusal(403, 'deployer@acme.example does not have storage.buckets.get access'),
      /acme-agents-state is another project's.*set environments\.dev\.stateBucket to another name/,
    ],
    [
      'a bucket for the state that somebody else has made, and lets everybody use',
      BUCKET,
      bucketAnswer({ projectNumber: '666666666666' }),
      /acme-agents-state is in the project number 666666666666, not 123456789012\..*stateBucketProjectNumber to "666666666666"/,
    ],
    ['storage in trouble', BUCKET, refusal(503, 'backendError'), /acme-agents-state cannot be looked at: backendError/],
  ];
  for (const [what, request, answer, message] of faults) {
    it(`says what to do about ${what}`, async () => {
      google.answers.set(request, answer);
      await assert.rejects(checked(), { code: 'not_ready', message });
      assert.ok(google.listener.received.every(({ method }) => method === 'GET'));
    });
  }

  it('names several faults at once', async () => {
    google.answers.set(PROJECT_PATH, project({ name: 'projects/999999999999' }));
    google.answers.set(BILLING, { status: 200, body: {} });
    await assert.rejects(checked(), { message: /projectNumber.*\n\n.*billing account/s });
  });

  it('goes on where billing cannot be read, and says so', async () => {
    google.answers.set(BILLING, serviceDisabled('cloudbilling.googleapis.com'));
    assert.match((await checked()).join(), /billing account could not be checked: cloudbilling.* has not been used/);
  });

  it('says how a bucket would keep the state better', async () => {
    google.answers.set(BUCKET, bucketAnswer());
    assert.match(
      (await checked()).join(),
      /gcloud storage buckets update gs:\/\/acme-agents-state --versioning --public-access-prevention/,
    );
  });

  it('takes the bucket of another project that the settings name', async () => {
    const more = { stateBucketProjectNumber: '999999999999' };
    writeFileSync(file, stringify({ environments: { dev: environmentOf(more) } }));
    await assert.rejects(checked(), { code: 'not_ready', message: /is in the project number 123456789012, not 999999999999/ });
    google.answers.set(BUCKET, bucketAnswer({ projectNumber: '999999999999' }));
    assert.equal((await checked()).length, 1);
  });

  it('makes a missing bucket, private and versioned, once that is agreed to', async () => {
    google.answers.set(BUCKET, refusal(404, 'The specified bucket does not exist.', 'notFound'));
    const client = await openGoogle(google.environment, PROJECT);
    await assert.rejects(
      ensureStateBucket(client, deployment(), async () => false),
      { code: 'declined' },
    );
    const writes = () => google.listener.received.filter(({ method }) => method === 'POST');
    assert.deepEqual(writes(), []);
    let asked = '';
    await ensureStateBucket(client, deployment(), async (question) => {
      asked = question;
      return true;
    });
    assert.match(asked, /no bucket acme-agents-state/);
    const [made, ...others] = writes();
    assert.equal(others.length, 0);
    assert.equal(made?.path, `/storage/v1/b?project=${PROJECT}`);
    const body = JSON.parse(made?.body ?? '');
    assert.equal(body.name, STATE_BUCKET);
    assert.equal(body.location, 'EUROPE-WEST1');
    assert.deepEqual(body.versioning, { enabled: true });
    assert.deepEqual(body.iamConfiguration, { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'enforced' });
  });

  describe('a login', () => {
    const none = { GOOGLE_OAUTH_ACCESS_TOKEN: '' };
    /** What google-auth-library looks at by itself. */
    const outside = { ...process.env };
    beforeEach(() => {
      for (const name of ['GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CREDENTIALS', 'GOOGLE_OAUTH_ACCESS_TOKEN'])
        delete process.env[name];
      Object.assign(process.env, { CLOUDSDK_CONFIG: folder.path, HOME: folder.path, METADATA_SERVER_DETECTION: 'none' });
    });
    afterEach(() => {
      for (const name of Object.keys(process.env)) if (outside[name] === undefined) delete process.env[name];
      Object.assign(process.env, outside);
    });

    it('is asked for where there is none', async () => {
      await assert.rejects(checked(none), {
        code: 'no_login',
        message: /no Google login.*\n {2}gcloud auth application-default login\n/s,
      });
      assert.deepEqual(google.listener.received, []);
    });

    it('that is a broken file is said to be', async () => {
      process.env.GOOGLE_APPLICATION_CREDENTIALS = join(folder.path, 'nowhere.json');
      await assert.rejects(checked(none), { code: 'no_login', message: /not accepted \(.*nowhere\.json/ });
    });

    it('that is a broken key is said to be', async () => {
      await assert.rejects(checked({ ...none, GOOGLE_CREDENTIALS: '{' }), { code: 'no_login', message: /not accepted/ });
    });

    it('is of no use while Google cannot be reached', async () => {
      const gone = await googleServer();
      await gone.close();
      const { host } = new URL(gone.listener.url);
      await assert.rejects(checked({ GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT: `${gone.listener.url}/v3/` }), (error: Error) => {
        assert.match(error.message, /cannot be reached: .*ECONNREFUSED/);
        assert.ok(error.message.includes(host));
        return true;
      });
    });
  });
});
