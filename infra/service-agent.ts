import type { ProjectService } from '@cdktf/provider-google/lib/project-service/index.js';
import { TerraformResource } from 'cdktf';
import type { Context } from './context.ts';

/**
 * Makes the account that Pub/Sub itself acts as. Switching the API on does not: in a new project the grants to it would be refused
 * with "Service account … does not exist".
 *
 * Source: Service Usage, `services.generateServiceIdentity`, which the provider `google` has in its beta alone.
 */
export function makePubsubAgent({ stack, settings }: Context, api: ProjectService): TerraformResource {
  const agent = new TerraformResource(stack, 'pubsub_agent', {
    terraformResourceType: 'google_project_service_identity',
    dependsOn: [api],
  });
  agent.addOverride('provider', 'google-beta');
  agent.addOverride('service', 'pubsub.googleapis.com');
  const google = stack.allProviders().find(({ terraformResourceType }) => terraformResourceType === 'google');
  const version = google?.terraformGeneratorMetadata?.providerVersion;
  if (version === undefined) throw new TypeError('The provider google has to be made before, for its version.');
  stack.addOverride('terraform.required_providers.google-beta', { source: 'hashicorp/google-beta', version });
  const { project } = settings;
  stack.addOverride('provider.google-beta', [{ project, billing_project: project, user_project_override: true }]);
  return agent;
}
