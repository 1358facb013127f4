import assert from 'node:assert/strict';
import type { MadeSubscriptions, SubscriptionAdmin } from '../../functions/core/ports.ts';
import type { AgentSubscriptionRow, Topology } from '../../functions/topology.ts';
import { until } from '../support/folder.ts';
import { type Broker, messagesTopology } from './messages.ts';

export interface MakingBroker extends Broker {
  readonly admin: SubscriptionAdmin;
  readonly made: MadeSubscriptions;
}

type Rows = Readonly<Record<string, AgentSubscriptionRow>>;

/** Every maker of subscriptions passes this, with the bridge's side of it. `open` is called for each test. */
export function madeSubscriptionsContract(open: (topology: Pick<Topology, 'topics' | 'subscriptions'>) => Promise<MakingBroker>) {
  let broker: MakingBroker;
  let name: (of: string) => string;
  let seen: Rows;
  let subscription: string;
  const stops: (() => unknown)[] = [];

  beforeEach(async () => {
    const made = messagesTopology();
    name = made.name;
    broker = await open(made.topology);
    subscription = name('agent-one');
    seen = {};
    stops.push(
      broker.made.watch((rows) => {
        seen = rows;
      }),
    );
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    await broker.admin.remove(subscription);
    await broker.close();
  });

  const row = (more: Partial<AgentSubscriptionRow> = {}): AgentSubscriptionRow => ({
    topic: name('paint'),
    filter: 'attributes.direct="one"',
    ackDeadlineSeconds: 600,
    retentionSeconds: 1200,
    backoffSeconds: { minimum: 10, maximum: 600 },
    deadLetter: { topic: name('graves'), maxDeliveryAttempts: 5 },
    endpoint: 'https://agent.example/push?a=B',
    email: 'push-agents@project.iam.gserviceaccount.com',
    audience: 'https://agent.example',
    ...more,
  });
  const publish = (data: string, direct: string) =>
    broker.messages.publish(name('paint'), { data, attributes: { direct, agent: 'same' } });
  const pull = (from: string, isAcked = true): string[] => {
    const got: string[] = [];
    stops.push(
      broker.subscriptions.pull(from, 10, (delivery) => {
        got.push(String(delivery.data));
        if (isAcked) delivery.ack();
        else delivery.nack();
      }),
    );
    return got;
  };
  const shows = (wanted: AgentSubscriptionRow | undefined) =>
    until(() => JSON.stringify(seen[subscription]) === JSON.stringify(wanted), 5_000);

  it('makes one that gets what its filter lets through, and nothing else', async () => {
    await broker.admin.ensure(subscription, row());
    await shows(row());
    const got = pull(subscription);
    await publish('another’s', 'two');
    await publish('its own', 'one');
    await until(() => got.length > 0, 5_000);
    assert.deepEqual(got, ['its own']);
  });

  it('keeps what was published before anybody pulled', async () => {
    await broker.admin.ensure(subscription, row());
    await publish('early', 'one');
    await shows(row());
    const got = pull(subscription);
    await until(() => got.length > 0, 5_000);
    assert.deepEqual(got, ['early']);
  });

  it('has it push elsewhere by making it again, and what waits in it stays', async () => {
    await broker.admin.ensure(subscription, row());
    await publish('waits', 'one');
    const moved = row({ endpoint: 'https://other.example/', audience: 'https://other.example' });
    await broker.admin.ensure(subscription, moved);
    await broker.admin.ensure(subscription, moved);
    await shows(moved);
    const got = pull(subscription);
    await until(() => got.length > 0, 5_000);
    assert.deepEqual(got, ['waits']);
  });

  it('gives up on what is never taken, in a dead letter', async function () {
    this.timeout(20_000);
    await broker.admin.ensure(subscription, row());
    await shows(row());
    const tries = pull(subscription, false);
    const dead = pull(name('dead'));
    await publish('poison', 'one');
    await until(() => dead.length > 0, 15_000);
    assert.deepEqual([dead, tries.length], [['poison'], 5]);
  });

  it('removes it with what waits in it, once and again, and can make it anew', async () => {
    await broker.admin.remove(subscription);
    await broker.admin.ensure(subscription, row());
    await publish('lost', 'one');
    await broker.admin.remove(subscription);
    await broker.admin.remove(subscription);
    await shows(undefined);
    await publish('to nobody', 'one');
    await broker.admin.ensure(subscription, row());
    await shows(row());
    const got = pull(subscription);
    await publish('after', 'one');
    await until(() => got.length > 0, 5_000);
    assert.deepEqual(got, ['after']);
  });

  it('touches no subscription of the topology, whoever asks for it', async () => {
    for (const other of [name('plain'), name('dead'), 'sub-results', '../agent-x', 'agent-']) {
      await assert.rejects(async () => broker.admin.ensure(other, row()), TypeError, other);
      await assert.rejects(async () => broker.admin.remove(other), TypeError, other);
    }
  });
}
