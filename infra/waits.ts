/** Waits for what Google reports as done some time before it is. */

import { type ITerraformDependable, TerraformResource, type TerraformStack } from 'cdktf';

const SETTLES = '60s';

/**
 * Makes a wait that begins when all of these are there, and is repeated when others join them. Later deployments do not wait.
 *
 * Sources: provider `google`, guide "google_project_service", "Newly activated service errors"; "google_cloudfunctions2_function",
 * example "Basic Builder".
 */
export function waitAfter(stack: TerraformStack, name: string, resources: readonly TerraformResource[]): TerraformResource {
  const dependsOn: ITerraformDependable[] = [...resources];
  const wait = new TerraformResource(stack, `settled_${name}`, { terraformResourceType: 'time_sleep', dependsOn });
  wait.addOverride('create_duration', SETTLES);
  const names = resources.map(({ friendlyUniqueId }) => friendlyUniqueId).sort();
  wait.addOverride('triggers', { after: names.join(' ') });
  // Its types are not worth a dependency: two blocks are made of it.
  stack.addOverride('terraform.required_providers.time', { source: 'hashicorp/time', version: '0.13.1' });
  return wait;
}
