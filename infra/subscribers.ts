/** What it takes to make subscriptions at run time: to create one, to attach it to the topic, and to push as the push account. */

import { ProjectIamCustomRole } from '@cdktf/provider-google/lib/project-iam-custom-role/index.js';
import { ProjectIamMember } from '@cdktf/provider-google/lib/project-iam-member/index.js';
import { PubsubTopicIamMember } from '@cdktf/provider-google/lib/pubsub-topic-iam-member/index.js';
import type { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import { ServiceAccountIamMember } from '@cdktf/provider-google/lib/service-account-iam-member/index.js';
import type { Context } from './context.ts';

/**
 * Lets one function's account create push subscriptions of one topic.
 *
 * IAM cannot hold it to names like `agent-…`: a subscription is created in the project, and Pub/Sub is not among the services
 * whose resource names conditions can see. The function has to; what it cannot do is read, change or delete a subscription, or
 * attach one to another topic. Source: IAM, "Resource attributes for IAM Conditions".
 */
export function allowSubscribing(
  { stack, settings }: Context,
  name: string,
  member: string,
  topic: string,
  push: ServiceAccount,
): void {
  const create = new ProjectIamCustomRole(stack, `custom_${name}_create`, {
    roleId: `heliograph.${identifier(name)}.createSubscription`,
    title: `Heliograph ${name}: create subscriptions`,
    permissions: ['pubsub.subscriptions.create'],
  });
  const attach = new ProjectIamCustomRole(stack, `custom_${name}_attach`, {
    roleId: `heliograph.${identifier(name)}.attachSubscription`,
    title: `Heliograph ${name}: attach subscriptions`,
    permissions: ['pubsub.topics.attachSubscription'],
  });
  new ProjectIamMember(stack, `role_${name}_create_subscriptions`, { project: settings.project, role: create.name, member });
  new PubsubTopicIamMember(stack, `role_${name}_attach_subscriptions`, { topic, role: attach.name, member });
  new ServiceAccountIamMember(stack, `role_${name}_push_as`, {
    serviceAccountId: push.name,
    role: 'roles/iam.serviceAccountUser',
    member,
  });
}

/** Ids of custom roles have no hyphens. */
const identifier = (name: string) => name.replaceAll('-', '_');
