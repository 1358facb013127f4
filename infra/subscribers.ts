/** What it takes to make subscriptions at run time: to manage them, to attach them to the topic, and to push as the agents' push account. */

import { ProjectIamCustomRole } from '@cdktf/provider-google/lib/project-iam-custom-role/index.js';
import { ProjectIamMember } from '@cdktf/provider-google/lib/project-iam-member/index.js';
import { PubsubTopicIamMember } from '@cdktf/provider-google/lib/pubsub-topic-iam-member/index.js';
import type { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import { ServiceAccountIamMember } from '@cdktf/provider-google/lib/service-account-iam-member/index.js';
import type { Context } from './context.ts';

/**
 * Lets one function's account create, change and delete push subscriptions, and attach them to one topic. `push` is the only account
 * that it may act as, so the only one whose tokens can be sent to an agent.
 *
 * IAM cannot hold it to names like `agent-…`: a subscription is created in the project, and Pub/Sub is not among the services
 * whose resource names conditions can see. The function has to; what it cannot do is read messages, grant anything, or attach a
 * subscription to another topic. Source: IAM, "Resource attributes for IAM Conditions".
 */
export function allowSubscribing(context: Context, name: string, member: string, topic: string, push: ServiceAccount): void {
  const { stack, settings, naming } = context;
  const manage = customRole(context, name, 'manageSubscriptions', 'manage subscriptions', [
    'pubsub.subscriptions.create',
    'pubsub.subscriptions.update',
    'pubsub.subscriptions.delete',
  ]);
  const attach = customRole(context, name, 'attachSubscription', 'attach subscriptions', ['pubsub.topics.attachSubscription']);
  const { project } = settings;
  new ProjectIamMember(stack, `role_${name}_manage_subscriptions`, { project, role: manage.name, member });
  new PubsubTopicIamMember(stack, `role_${name}_attach_subscriptions`, { topic, role: attach.name, member });
  new ServiceAccountIamMember(stack, `role_${name}_push_as`, {
    serviceAccountId: push.name,
    role: 'roles/iam.serviceAccountUser',
    member,
  });
  const agent = pubsubAgent(naming);
  new ServiceAccountIamMember(stack, `pubsub_mints_tokens_for_${name}`, {
    serviceAccountId: push.name,
    role: 'roles/iam.serviceAccountTokenCreator',
    member: agent,
  });
  // To take a dead letter out of its subscription; nobody else may grant that on those which are made later.
  const consume = customRole(context, name, 'forwardDeadLetters', 'forward dead letters', ['pubsub.subscriptions.consume']);
  new ProjectIamMember(stack, `pubsub_forwards_for_${name}`, { project, role: consume.name, member: agent });
}

/** The account that Pub/Sub itself acts as. */
export const pubsubAgent = ({ projectNumber }: Context['naming']): string =>
  `serviceAccount:service-${projectNumber}@gcp-sa-pubsub.iam.gserviceaccount.com`;

function customRole({ stack }: Context, name: string, id: string, title: string, permissions: string[]): ProjectIamCustomRole {
  return new ProjectIamCustomRole(stack, `custom_${name}_${id}`, {
    // Ids of custom roles have no hyphens.
    roleId: `heliograph.${name.replaceAll('-', '_')}.${id}`,
    title: `Heliograph ${name}: ${title}`,
    permissions,
  });
}
